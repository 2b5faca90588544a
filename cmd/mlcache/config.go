package main

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize"
)

// commands is the command line. Each setting is a flag of it, and a variable of
// the environment.
type commands struct {
	Config

	Serve       struct{} `cmd:"" default:"withargs" help:"Run the service (the default)."`
	Healthcheck struct{} `cmd:"" help:"Ask the service that listens on the address for its health; exit status 0 when it serves."`

	Version kong.VersionFlag `help:"Print the version."`

	name string
}

// Config is every setting of the service.
type Config struct {
	Addr string `default:":8000" env:"MLCACHE_ADDR" help:"Address to listen on."`

	RedisURL    string `default:"" env:"MLCACHE_REDIS_URL" help:"redis://, rediss:// or unix:// URL of the shared layer; several addresses, separated by commas, for Cluster. Empty: an embedded layer, for this instance alone."`
	RedisPrefix string `default:"mlc:" env:"MLCACHE_REDIS_PREFIX" help:"Stands before each Redis key and channel."`
	DataDir     string `default:"" env:"MLCACHE_DATA_DIR" help:"Folder of the embedded layer, kept over restarts. Empty: in memory."`

	L1MaxEntries int    `name:"l1-max-entries" default:"10000" env:"MLCACHE_L1_MAX_ENTRIES" help:"Entries in this instance's memory, at most; 0 turns that layer off."`
	L1MaxBytes   size   `name:"l1-max-bytes" default:"64MiB" env:"MLCACHE_L1_MAX_BYTES" help:"Bytes that they may occupy."`
	L1Admission  string `name:"l1-admission" default:"none" env:"MLCACHE_L1_ADMISSION" help:"Who gets a place there when it is full: none (everyone) or tinylfu (who was asked for more often)."`

	TTL             time.Duration `name:"ttl" default:"30s" env:"MLCACHE_TTL" help:"Life of a value in both layers."`
	TTLJitter       float64       `name:"ttl-jitter" default:"0" env:"MLCACHE_TTL_JITTER" help:"Up to this fraction of the life is taken off, at random."`
	NegativeTTL     time.Duration `name:"negative-ttl" default:"5s" env:"MLCACHE_NEGATIVE_TTL" help:"Life of the knowledge that the source has no such key; 0: not remembered."`
	StaleIfError    time.Duration `default:"5m" env:"MLCACHE_STALE_IF_ERROR" help:"How long past its life a value in memory is kept, to serve when the source fails."`
	StaleWhile      time.Duration `name:"stale-while-revalidate" default:"0" env:"MLCACHE_STALE_WHILE_REVALIDATE" help:"How long past its life a value is served at once, while it is loaded anew."`
	L2Stale         time.Duration `name:"l2-stale" default:"0" env:"MLCACHE_L2_STALE" help:"How long past its life a value is kept in the shared layer too, for these two."`
	RefreshAhead    float64       `default:"1" env:"MLCACHE_REFRESH_AHEAD" help:"How eagerly a value that is read is loaded anew before its life ends: beta of XFetch; 0: never."`
	FailureCooldown time.Duration `default:"1s" env:"MLCACHE_FAILURE_COOLDOWN" help:"How long a key whose load failed is not loaded again."`

	Source            string        `default:"oracle" env:"MLCACHE_SOURCE" help:"oracle (simulated) or http."`
	OracleDelay       time.Duration `default:"2s" env:"MLCACHE_ORACLE_DELAY" help:"How long the simulated Oracle takes."`
	SourceURL         string        `name:"source-url" default:"" env:"MLCACHE_SOURCE_URL" help:"For http: a URL with {key} in it."`
	SourceTimeout     time.Duration `default:"5s" env:"MLCACHE_SOURCE_TIMEOUT" help:"Hard end of one call of the source."`
	SourceConcurrency int           `default:"256" env:"MLCACHE_SOURCE_CONCURRENCY" help:"Calls of the source at once, at most."`

	LockTTL         time.Duration `name:"lock-ttl" default:"5s" env:"MLCACHE_LOCK_TTL" help:"Life of the lock on a key that is being loaded; renewed meanwhile."`
	L2Timeout       time.Duration `name:"l2-timeout" default:"50ms" env:"MLCACHE_L2_TIMEOUT" help:"Hard end of one call of Redis."`
	RequestTimeout  time.Duration `default:"10s" env:"MLCACHE_REQUEST_TIMEOUT" help:"Hard end of one request."`
	MaxValueBytes   size          `default:"1MiB" env:"MLCACHE_MAX_VALUE_BYTES" help:"A larger value from the source is a failure."`
	MaxBatchBytes   size          `default:"16MiB" env:"MLCACHE_MAX_BATCH_BYTES" help:"Bytes of the values in one answer to a batch, at most."`
	MaxConnections  int           `default:"1024" env:"MLCACHE_MAX_CONNECTIONS" help:"Connections of clients at once, at most; further ones are answered 503."`
	ShutdownTimeout time.Duration `default:"15s" env:"MLCACHE_SHUTDOWN_TIMEOUT" help:"Time for requests and loads to finish after SIGTERM."`

	Token string `default:"" env:"MLCACHE_TOKEN" help:"Bearer token of those who may write and delete. Empty: nobody may."`

	LogLevel  string `default:"info" env:"MLCACHE_LOG_LEVEL" help:"debug, info, warn or error. One line per request at debug only."`
	LogFormat string `default:"text" env:"MLCACHE_LOG_FORMAT" help:"text or json."`
}

// parse reads the command line and the environment. done means that all is
// said: help or the version was asked for.
func parse(args []string, stdout io.Writer) (c commands, done bool, err error) {
	k, err := kong.New(&c,
		kong.Name("mlcache"),
		kong.Description("A read-through cache in two layers in front of something slow. Each flag can be set by the environment variable beside it."),
		kong.Writers(stdout, stdout),
		kong.Exit(func(int) { done = true }),
		kong.Vars{"version": programVersion()},
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(durationSetting)),
	)
	if err != nil {
		return commands{}, false, err
	}
	parsed, err := k.Parse(args)
	if done { // Parse went on after help had been printed
		return commands{}, true, nil
	}
	if err != nil {
		return commands{}, false, err
	}
	c.name = parsed.Command()
	return c, false, nil
}

// Validate is called by kong. The error names the setting, the value and what
// is allowed.
func (c *Config) Validate() error {
	for _, r := range c.rules() {
		if !r.holds {
			env := "MLCACHE_" + strings.ToUpper(strings.ReplaceAll(r.flag, "-", "_"))
			return fmt.Errorf("%s (--%s): %q is not allowed, want %s", env, r.flag, fmt.Sprint(r.value), r.want)
		}
	}
	return nil
}

type rule struct {
	flag  string
	value any
	holds bool
	want  string
}

func (c *Config) rules() []rule {
	positive := func(flag string, d time.Duration) rule {
		return rule{flag, d, d >= time.Millisecond, "a duration of at least 1ms"}
	}
	notNegative := func(flag string, d time.Duration) rule {
		return rule{flag, d, d >= 0, "a duration that is not negative"}
	}
	oneOf := func(flag, value string, allowed ...string) rule {
		holds := false
		for _, a := range allowed {
			holds = holds || value == a
		}
		return rule{flag, value, holds, strings.Join(allowed, " or ")}
	}
	return []rule{
		{"redis-prefix", c.RedisPrefix, !strings.ContainsAny(c.RedisPrefix, "{}"), "no braces"},
		{"l1-max-entries", c.L1MaxEntries, c.L1MaxEntries >= 0, "0 or more"},
		oneOf("l1-admission", c.L1Admission, "none", "tinylfu"),
		positive("ttl", c.TTL),
		{"ttl-jitter", c.TTLJitter, c.TTLJitter >= 0 && c.TTLJitter < 1, "0 or more and below 1"},
		notNegative("negative-ttl", c.NegativeTTL),
		notNegative("stale-if-error", c.StaleIfError),
		notNegative("stale-while-revalidate", c.StaleWhile),
		notNegative("l2-stale", c.L2Stale),
		{"refresh-ahead", c.RefreshAhead, c.RefreshAhead >= 0 && c.RefreshAhead <= 100, "0 to 100"},
		notNegative("failure-cooldown", c.FailureCooldown),
		oneOf("source", c.Source, "oracle", "http"),
		notNegative("oracle-delay", c.OracleDelay),
		{"source-url", c.SourceURL, c.Source != "http" || strings.Contains(c.SourceURL, "{key}"), "a URL with {key} in it when the source is http"},
		positive("source-timeout", c.SourceTimeout),
		{"source-concurrency", c.SourceConcurrency, c.SourceConcurrency >= 1, "1 or more"},
		{"lock-ttl", c.LockTTL, c.LockTTL >= 100*time.Millisecond, "a duration of at least 100ms"},
		positive("l2-timeout", c.L2Timeout),
		positive("request-timeout", c.RequestTimeout),
		{"max-value-bytes", c.MaxValueBytes, c.MaxValueBytes >= 1 && c.MaxValueBytes <= 64<<20, "1 to 64MiB"},
		{"max-batch-bytes", c.MaxBatchBytes, c.MaxBatchBytes >= 1 && c.MaxBatchBytes <= 1<<30, "1 to 1GiB"},
		{"max-connections", c.MaxConnections, c.MaxConnections >= 1, "1 or more"},
		notNegative("shutdown-timeout", c.ShutdownTimeout),
		oneOf("log-level", c.LogLevel, "debug", "info", "warn", "error"),
		oneOf("log-format", c.LogFormat, "text", "json"),
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
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is not allowed, want a duration such as 30s or 500ms", text)
	}
	target.SetInt(int64(d))
	return nil
}
