package main

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize"
)

// usageError is an error of the command line or of a setting. It is one line and
// shows no secret.
type usageError struct{ error }

// Unwrap returns the reason.
func (e usageError) Unwrap() error { return e.error }

// refused says which setting is wrong.
func refused(flag string, reason error) error {
	return usageError{settingError{flag, reason}}
}

// settingError is an error of the setting that has a flag.
type settingError struct {
	flag   string
	reason error
}

func (e settingError) Error() string {
	env := "MLCACHE_" + strings.ToUpper(strings.ReplaceAll(e.flag, "-", "_"))
	return fmt.Sprintf("%s (--%s): %v", env, e.flag, e.reason)
}

// Unwrap returns the reason.
func (e settingError) Unwrap() error { return e.reason }

// The flags that are named in more places than one.
const (
	flagAddr        = "addr"
	flagAdminAddr   = "admin-addr"
	flagSource      = "source"
	flagSourceURL   = "source-url"
	flagSourceDSN   = "source-dsn"
	flagSourceQuery = "source-query"
)

// The kinds of limit of source calls.
const (
	limitFixed    = "fixed"
	limitAdaptive = "adaptive"
)

// The kinds of source.
const (
	sourceOracle = "oracle"
	sourceHTTP   = "http"
	sourceSQL    = "sql"
	sourceRoutes = "routes" // several, by MLCACHE_ROUTES
)

// complete checks the settings and fills in those that follow from others. The
// error names the setting, the value unless it is a secret, and what is allowed.
func (c *Config) complete() error {
	if err := c.completeSource(); err != nil {
		return err
	}
	if err := c.broken(); err != nil {
		return usageError{err}
	}
	return c.readTokens()
}

// completeSource finds out which source is meant.
func (c *Config) completeSource() error {
	implied, because := sourceOracle, ""
	switch {
	case c.Routes != "" && (c.Source != "" || c.SourceURL != "" || c.SourceDSN != "" || c.SourceQuery != ""):
		return refused("routes", errors.New("is not allowed with MLCACHE_SOURCE, _URL, _DSN or _QUERY, since the file says what the sources are"))
	case c.Routes != "":
		implied = sourceRoutes
	case c.SourceURL != "" && c.SourceDSN != "":
		return refused(flagSourceDSN, errors.New("is not allowed with MLCACHE_SOURCE_URL (--source-url), want one of them"))
	case c.SourceURL != "":
		implied, because = sourceHTTP, "MLCACHE_SOURCE_URL (--source-url), want http or no URL"
	case c.SourceDSN != "":
		implied, because = sourceSQL, "MLCACHE_SOURCE_DSN (--source-dsn), want sql or no DSN"
	}
	switch {
	case c.Source == "":
		c.Source = implied
	case because != "" && c.Source != implied:
		return refused(flagSource, fmt.Errorf("%q is not allowed with %s", c.Source, because))
	}
	return nil
}

type rule struct {
	flag  string
	value any
	holds bool
	want  string
}

func positive(flag string, d time.Duration) rule {
	return rule{flag, d, d >= time.Millisecond, "a duration of at least 1ms"}
}

func notNegative(flag string, d time.Duration) rule {
	return rule{flag, d, d >= 0, "a duration that is not negative"}
}

func oneOf(flag, value string, allowed ...string) rule {
	return rule{flag, value, slices.Contains(allowed, value), strings.Join(allowed, " or ")}
}

// broken returns a settingError for the first setting that is out of range.
func (c *Config) broken() error {
	for _, r := range slices.Concat(c.rules(), c.sourceRules()) {
		if !r.holds {
			return settingError{r.flag, fmt.Errorf("%q is not allowed, want %s", fmt.Sprint(r.value), r.want)}
		}
	}
	return nil
}

func (c *Config) rules() []rule {
	_, _, addrErr := net.SplitHostPort(c.Addr)
	_, _, adminErr := net.SplitHostPort(c.AdminAddr)
	return []rule{
		{flagAddr, c.Addr, addrErr == nil, "host:port or :port"},
		{flagAdminAddr, c.AdminAddr, c.AdminAddr == "" || adminErr == nil && !samePort(c.AdminAddr, c.Addr), "host:port or :port, with another port than that of MLCACHE_ADDR"},
		{"tls-key", c.TLSKey, (c.TLSKey == "") == (c.TLSCert == ""), "a file if and only if MLCACHE_TLS_CERT names one"},
		{"redis-prefix", c.RedisPrefix, !strings.ContainsAny(c.RedisPrefix, "{}"), "no braces"},
		{"redis-wait", c.RedisWait, c.RedisWait >= 0, "0 or more"},
		{"l1-max-entries", c.L1MaxEntries, c.L1MaxEntries >= 0, "0 or more"},
		oneOf("l1-admission", c.L1Admission, "none", "tinylfu"),
		positive("ttl", c.TTL),
		{"inspect-per-second", c.InspectPerSecond, c.InspectPerSecond >= 0 && c.InspectPerSecond <= 1000, "from 0 to 1000"},
		{"ttl-jitter", c.TTLJitter, c.TTLJitter >= 0 && c.TTLJitter < 1, "0 or more and below 1"},
		notNegative("negative-ttl", c.NegativeTTL),
		notNegative("stale-if-error", c.StaleIfError),
		notNegative("stale-while-revalidate", c.StaleWhile),
		notNegative("soft-timeout", c.SoftTimeout),
		notNegative("l1-ttl", c.L1TTL),
		notNegative("l2-stale", c.L2Stale),
		{"refresh-ahead", c.RefreshAhead, c.RefreshAhead >= 0 && c.RefreshAhead <= 100, "0 to 100"},
		notNegative("failure-cooldown", c.FailureCooldown),
		notNegative("reload-interval", c.ReloadInterval),
		{"lock-ttl", c.LockTTL, c.LockTTL >= 100*time.Millisecond, "a duration of at least 100ms"},
		positive("l2-timeout", c.L2Timeout),
		{"l2-compress-above", c.L2CompressAbove, c.L2CompressAbove <= 64<<20, "0 to 64MiB"},
		positive("request-timeout", c.RequestTimeout),
		{"max-value-bytes", c.MaxValueBytes, c.MaxValueBytes >= 1 && c.MaxValueBytes <= 64<<20, "1 to 64MiB"},
		{"max-batch-bytes", c.MaxBatchBytes, c.MaxBatchBytes >= 1 && c.MaxBatchBytes <= 1<<30, "1 to 1GiB"},
		{"max-connections", c.MaxConnections, c.MaxConnections >= 1, "1 or more"},
		notNegative("drain-delay", c.DrainDelay),
		notNegative("warm-timeout", c.WarmTimeout),
		notNegative("shutdown-timeout", c.ShutdownTimeout),
		{"allowed-hosts", c.AllowedHosts, !strings.ContainsAny(c.AllowedHosts, "/@?#*") && (c.AllowedHosts == "" || len(c.hosts()) > 0), "names such as cache.example.com or localhost:8000, separated by commas"},
		oneOf("log-level", c.LogLevel, "debug", "info", "warn", "error"),
		oneOf("log-format", c.LogFormat, "text", "json"),
	}
}

// samePort reports whether two addresses have one port, which the system does not choose.
func samePort(a, b string) bool {
	_, one, _ := net.SplitHostPort(a)
	_, other, _ := net.SplitHostPort(b)
	return one == other && one != "0"
}

// sourceRules are those of the source.
func (c *Config) sourceRules() []rule {
	return []rule{
		{flagSource, c.Source, c.Source == sourceRoutes && c.Routes != "" || slices.Contains([]string{sourceOracle, sourceHTTP, sourceSQL}, c.Source), "oracle or http or sql"},
		notNegative("oracle-delay", c.OracleDelay),
		{flagSourceURL, c.SourceURL, c.Source != sourceHTTP || strings.Contains(string(c.SourceURL), "{key}"), "a URL with {key} in it when the source is http"},
		{flagSourceDSN, c.SourceDSN, c.Source != sourceSQL || c.SourceDSN != "", "a DSN when the source is sql"},
		{flagSourceQuery, c.SourceQuery, c.Source != sourceSQL || c.SourceQuery != "", "a statement with :key or :keys when the source is sql"},
		{"source-batch", c.SourceBatch, c.SourceBatch >= 1 && c.SourceBatch <= 1000, "1 to 1000"},
		notNegative("source-batch-wait", c.SourceBatchWait),
		positive("source-timeout", c.SourceTimeout),
		oneOf("source-freshness", c.SourceFreshness, slices.Sorted(maps.Keys(freshness))...),
		oneOf("source-limit", c.SourceLimit, limitFixed, limitAdaptive),
		{"source-concurrency", c.SourceConcurrency, c.SourceConcurrency >= 1, "1 or more"},
	}
}

// size is a number of bytes, written as 64MiB, 1MB or 4096.
type size int64

// UnmarshalText reads a size.
func (s *size) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > 1<<50 {
		return fmt.Errorf("%q is not allowed, want a size such as 64MiB or 4096", text)
	}
	*s = size(n)
	return nil
}

func (s size) String() string { return strings.ReplaceAll(humanize.IBytes(uint64(s)), " ", "") }

func durationSetting(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := parseDuration(text)
	target.SetInt(int64(d))
	return err
}

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not allowed, want a duration such as 30s or 500ms", text)
	}
	return d, nil
}
