package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/counters"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpsource"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/oracle"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/otel"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource"
	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// newSources opens the source of each route. Each counts for itself if it has a name.
func newSources(configs []routeConfig, rec *counters.Recorder, tracing *otel.Tracing, log *slog.Logger) (routes []app.Route, closeAll func(), err error) {
	var opened []func()
	closeAll = func() {
		for _, closeSource := range opened {
			closeSource()
		}
	}
	for _, cfg := range configs {
		var own ports.Recorder = rec
		if cfg.name != "" {
			own = rec.Route(cfg.name)
		}
		b, closeSource, err := newSource(cfg.Config, own, log)
		if err != nil {
			closeAll()
			return nil, nil, cfg.refused(err)
		}
		opened = append(opened, closeSource)
		feed, closeFeed, err := newFeed(cfg, log)
		if err != nil {
			closeAll()
			return nil, nil, usageError{fmt.Errorf("%s: the changes of %s: %w", cfg.at, cfg.name, err)}
		}
		opened = append(opened, closeFeed)
		routes = append(routes, app.Route{
			Name: cfg.name, Prefix: cfg.prefix, Source: tracing.Source(b.source), Check: b.check, Changes: feed, ChangeVersions: cfg.Changes.Versions, Recorder: own, Options: appOptions(cfg.Config),
		})
	}
	return routes, closeAll, nil
}

// backend is a source, and which keys it takes.
type backend struct {
	source ports.Source
	check  func(domain.Key) error // nil: all
}

func newSource(cfg Config, rec ports.Recorder, log *slog.Logger) (backend, func(), error) {
	switch cfg.Source {
	case sourceSQL:
		return newSQLSource(cfg, rec, log)
	case sourceHTTP:
		source, err := httpsource.New(httpsource.Options{
			URL:        string(cfg.SourceURL),
			Timeout:    cfg.SourceTimeout,
			MaxBytes:   int64(cfg.MaxValueBytes),
			MaxConns:   cfg.SourceConcurrency,
			Redirected: func() { rec.Event(ports.SourceCalled) },
			TagsRefused: func(key domain.Key, reason error) {
				log.Warn("not stored, because the source gave it tags that cannot be kept", "key", key, "err", reason)
			},
		})
		if err != nil {
			return backend{}, nil, settingError{flagSourceURL, err}
		}
		return backend{source, source.Check}, source.Close, nil
	}
	source, err := oracle.New(cfg.OracleDelay)
	if err != nil {
		return backend{}, nil, err
	}
	return backend{source: source}, func() {}, nil
}

func newSQLSource(cfg Config, rec ports.Recorder, log *slog.Logger) (backend, func(), error) {
	source, err := sqlsource.New(sqlsource.Options{
		DSN:       string(cfg.SourceDSN),
		Query:     cfg.SourceQuery,
		Timeout:   cfg.SourceTimeout,
		MaxBytes:  int64(cfg.MaxValueBytes),
		MaxConns:  cfg.SourceConcurrency,
		Batch:     cfg.SourceBatch,
		BatchWait: cfg.SourceBatchWait,
		Repeated:  func() { rec.Event(ports.SourceCalled) },
		Logger:    log,
	})
	if err != nil {
		if errors.Is(err, sqlsource.ErrDSN) {
			return backend{}, nil, settingError{flagSourceDSN, err}
		}
		return backend{}, nil, settingError{flagSourceQuery, err}
	}
	closeSource := func() {
		if err := source.Close(); err != nil {
			log.Debug("closing the source", "err", err)
		}
	}
	return backend{source: source}, closeSource, nil
}

// keepStale is how long L1 keeps expired entries for the route that wants that longest.
func keepStale(routes []routeConfig) (longest time.Duration) {
	for _, r := range routes {
		longest = max(longest, appOptions(r.Config).KeepStale())
	}
	return longest
}

// maxValueBytes is the size of the largest value that a route has.
func maxValueBytes(routes []routeConfig) (largest size) {
	for _, r := range routes {
		largest = max(largest, r.MaxValueBytes)
	}
	return largest
}

// freshness is what becomes of what a source says, by the names of the setting.
var freshness = map[string]app.Freshness{
	"cap": app.CapSource, "follow": app.FollowSource, "ignore": app.IgnoreSource,
}

func appOptions(cfg Config) app.Options {
	return app.Options{
		TTL:               cfg.TTL,
		Freshness:         freshness[cfg.SourceFreshness],
		TTLJitter:         cfg.TTLJitter,
		InspectPerSecond:  cfg.InspectPerSecond,
		NegativeTTL:       cfg.NegativeTTL,
		StaleIfError:      cfg.StaleIfError,
		StaleWhile:        cfg.StaleWhile,
		SoftTimeout:       cfg.SoftTimeout,
		L1TTL:             cfg.L1TTL,
		L2Stale:           cfg.L2Stale,
		RefreshAhead:      cfg.RefreshAhead,
		FailureCooldown:   cfg.FailureCooldown,
		SourceTimeout:     cfg.SourceTimeout,
		SourceConcurrency: cfg.SourceConcurrency,
		AdaptiveLimit:     cfg.SourceLimit == limitAdaptive,
		RequestTimeout:    cfg.RequestTimeout,
		MaxValueBytes:     int(cfg.MaxValueBytes),
		MaxWaiters:        app.DefaultOptions().MaxWaiters,
		TTLWithoutChanges: cmp.Or(cfg.TTLWithoutChanges, app.DefaultOptions().TTLWithoutChanges),
		ReloadInterval:    cfg.ReloadInterval,
	}
}
