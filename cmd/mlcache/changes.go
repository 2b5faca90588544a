package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/changefeed/debezium"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/changefeed/postgres"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/changefeed/table"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource"
	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// The ways in which a route learns of changes.
const (
	changesPostgres = "postgres"
	changesTable    = "table"
	changesDebezium = "debezium"
)

// changesConfig is how a route learns of the changes of its source.
type changesConfig struct {
	Type        string
	DSN         hidden // empty: that of the source
	Table       string
	Key         string // template, with the route's prefix
	Slot        string
	Publication string
	Versions    bool // those of changes compare with those of values
}

var changesSettings = map[string]routeSetting{
	"type":        {"", func(c *Config, text string) error { c.Changes.Type = text; return nil }},
	"dsn":         {"", func(c *Config, text string) error { c.Changes.DSN = hidden(text); return nil }},
	"table":       {"", func(c *Config, text string) error { c.Changes.Table = text; return nil }},
	"key":         {"", func(c *Config, text string) error { c.Changes.Key = text; return nil }},
	"slot":        {"", func(c *Config, text string) error { c.Changes.Slot = text; return nil }},
	"publication": {"", func(c *Config, text string) error { c.Changes.Publication = text; return nil }},
	"versions": {"", func(c *Config, text string) error {
		if text != "true" && text != "false" {
			return fmt.Errorf("%q is not allowed, want true or false", text)
		}
		c.Changes.Versions = text == "true"
		return nil
	}},
}

// template returns the template of the keys without the route's prefix.
func (r routeConfig) template() (string, error) {
	rest, ok := strings.CutPrefix(r.Changes.Key, r.prefix)
	if !ok || rest == "" {
		return "", fmt.Errorf("key %q does not begin with the prefix of the route, want %q", r.Changes.Key, r.prefix+"{id}")
	}
	return rest, nil
}

// newFeed opens the feed of changes that the route has, if it has one. The Debezium
// events of a route are sent to the service instead.
func newFeed(r routeConfig, log *slog.Logger) (feed ports.ChangeFeed, closeFeed func(), err error) {
	c := r.Changes
	closeFeed = func() {}
	if c.Type == "" {
		return nil, closeFeed, nil
	}
	key, err := r.template()
	if err != nil {
		return nil, nil, err
	}
	dsn := string(c.DSN)
	if dsn == "" {
		dsn = string(r.SourceDSN)
	}
	switch c.Type {
	case changesPostgres:
		feed, err = postgres.New(postgres.Options{
			DSN: dsn, Tables: map[string]string{c.Table: key}, Slot: c.Slot, Publication: c.Publication, Logger: log,
		})
	case changesTable:
		feed, closeFeed, err = newTableFeed(dsn, c.Table, key, log)
	case changesDebezium:
		_, err = debezium.New(debezium.Options{Routes: []map[string]string{{c.Table: key}}})
		return nil, closeFeed, err
	default:
		err = fmt.Errorf("type %q is not allowed, want postgres, table or debezium", c.Type)
	}
	return feed, closeFeed, err
}

// changesTimeout ends a statement on a change table.
const changesTimeout = 10 * time.Second

func newTableFeed(dsn, name, key string, log *slog.Logger) (ports.ChangeFeed, func(), error) {
	pool, err := sqlsource.OpenPool(dsn, changesTimeout)
	if err != nil {
		return nil, nil, err
	}
	feed, err := table.New(table.Options{
		DB: pool.DB, Kind: pool.Kind(), Table: name, Key: key, Timeout: changesTimeout, Redacted: pool.Redacted,
	})
	if err != nil {
		return nil, nil, errors.Join(err, pool.Close())
	}
	return feed, func() {
		if err := pool.Close(); err != nil {
			log.Debug("closing the feed of changes", "err", err)
		}
	}, nil
}

// newChangeEvents returns how Debezium's events become purges, or nil if no route has
// a table for them.
func newChangeEvents(routes []routeConfig) (httpapi.ChangeEvents, error) {
	var of []app.Route
	var templates []map[string]string
	for _, r := range routes {
		if r.Changes.Type != changesDebezium {
			continue
		}
		key, err := r.template()
		if err != nil {
			return nil, r.refused(err)
		}
		of = append(of, app.Route{Name: r.name, Prefix: r.prefix, ChangeVersions: r.Changes.Versions})
		templates = append(templates, map[string]string{r.Changes.Table: key})
	}
	if len(of) == 0 {
		return nil, nil
	}
	parser, err := debezium.New(debezium.Options{Routes: templates})
	if err != nil {
		return nil, err
	}
	return func(events []byte) (purges []domain.PurgeRequest, err error) {
		changes, err := parser.Parse(events)
		if err != nil {
			return nil, err
		}
		for i, c := range changes {
			purges = append(purges, of[i].Purge(c))
		}
		return purges, nil
	}, nil
}
