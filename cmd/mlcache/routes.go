package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// routeConfig is a route as the file of routes says it: all settings, with those of
// the route in the place of the program's.
type routeConfig struct {
	Config

	prefix string
	name   string // empty where there is no file of routes
	at     string // where it stands in the file
}

// refused says that the settings do not do, by an error that names one of them.
func (r routeConfig) refused(err error) error {
	wrong, ok := errors.AsType[settingError](err)
	switch {
	case r.at == "":
		return usageError{err}
	case ok:
		err = wrong.reason
	}
	return usageError{fmt.Errorf("%s: the source of %s: %w", r.at, r.name, err)}
}

// routeSettings are what a route may set, by their names in the file.
var routeSettings = map[string]routeSetting{
	"ttl":                    {"ttl", duration(func(c *Config) *time.Duration { return &c.TTL })},
	"ttl_jitter":             {"ttl-jitter", fraction(func(c *Config) *float64 { return &c.TTLJitter })},
	"l1_ttl":                 {"l1-ttl", duration(func(c *Config) *time.Duration { return &c.L1TTL })},
	"negative_ttl":           {"negative-ttl", duration(func(c *Config) *time.Duration { return &c.NegativeTTL })},
	"stale_if_error":         {"stale-if-error", duration(func(c *Config) *time.Duration { return &c.StaleIfError })},
	"stale_while_revalidate": {"stale-while-revalidate", duration(func(c *Config) *time.Duration { return &c.StaleWhile })},
	"l2_stale":               {"l2-stale", duration(func(c *Config) *time.Duration { return &c.L2Stale })},
	"soft_timeout":           {"soft-timeout", duration(func(c *Config) *time.Duration { return &c.SoftTimeout })},
	"refresh_ahead":          {"refresh-ahead", fraction(func(c *Config) *float64 { return &c.RefreshAhead })},
	"failure_cooldown":       {"failure-cooldown", duration(func(c *Config) *time.Duration { return &c.FailureCooldown })},
	"source_timeout":         {"source-timeout", duration(func(c *Config) *time.Duration { return &c.SourceTimeout })},
	"source_concurrency":     {"source-concurrency", number(func(c *Config) *int { return &c.SourceConcurrency })},
	"source_limit":           {"source-limit", func(c *Config, text string) error { c.SourceLimit = text; return nil }},
	"freshness":              {"source-freshness", func(c *Config, text string) error { c.SourceFreshness = text; return nil }},
	"read_token":             {"read-token", func(c *Config, text string) (err error) { c.ReadToken, err = trimmed(hidden(text)); return err }},
	"ttl_without_changes":    {"", duration(func(c *Config) *time.Duration { return &c.TTLWithoutChanges })},
	"max_value_bytes":        {"max-value-bytes", func(c *Config, text string) error { return c.MaxValueBytes.UnmarshalText([]byte(text)) }},
}

// sourceSettings are what the source of a route may set.
var sourceSettings = map[string]routeSetting{
	"type":       {flagSource, func(c *Config, text string) error { c.Source = text; return nil }},
	"url":        {flagSourceURL, func(c *Config, text string) error { c.SourceURL = hidden(text); return nil }},
	"dsn":        {flagSourceDSN, func(c *Config, text string) error { c.SourceDSN = hidden(text); return nil }},
	"query":      {flagSourceQuery, func(c *Config, text string) error { c.SourceQuery = text; return nil }},
	"batch":      {"source-batch", number(func(c *Config) *int { return &c.SourceBatch })},
	"batch_wait": {"source-batch-wait", duration(func(c *Config) *time.Duration { return &c.SourceBatchWait })},
	"delay":      {"oracle-delay", duration(func(c *Config) *time.Duration { return &c.OracleDelay })},
}

// routeSetting is how a text becomes a setting, and the flag that has the same rules.
type routeSetting struct {
	flag string
	set  func(c *Config, text string) error
}

func duration(of func(*Config) *time.Duration) func(*Config, string) error {
	return func(c *Config, text string) (err error) {
		*of(c), err = parseDuration(text)
		return err
	}
}

func fraction(of func(*Config) *float64) func(*Config, string) error {
	return func(c *Config, text string) (err error) {
		if *of(c), err = strconv.ParseFloat(text, 64); err != nil {
			return fmt.Errorf("%q is not allowed, want a number", text)
		}
		return nil
	}
}

func number(of func(*Config) *int) func(*Config, string) error {
	return func(c *Config, text string) (err error) {
		if *of(c), err = strconv.Atoi(text); err != nil {
			return fmt.Errorf("%q is not allowed, want a whole number", text)
		}
		return nil
	}
}

// newRoutes returns what MLCACHE_ROUTES says, or one route for all keys without it.
func newRoutes(c Config) ([]routeConfig, error) {
	if c.Routes == "" {
		return []routeConfig{{Config: c}}, nil
	}
	text, err := os.ReadFile(c.Routes)
	if err != nil {
		return nil, refused("routes", err)
	}
	f := routesFile{name: c.Routes, settings: c}
	f.settings.Source, f.settings.Routes = "", ""
	routes, err := f.read(text)
	if err != nil {
		return nil, usageError{err}
	}
	return routes, nil
}
