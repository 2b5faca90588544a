package main

import (
	"io"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/alecthomas/kong"
)

// commands is the command line. Each setting is a flag of it, and a variable of
// the environment.
type commands struct {
	Config

	Serve       struct{}       `cmd:"" default:"withargs" help:"Run the service (the default)."`
	Healthcheck struct{}       `cmd:"" help:"Ask the running service for its health; exit status 0 when it serves. It asks at --addr, else at the --addr of process 1 where that is this program, as in a container, else at $MLCACHE_ADDR."`
	Version     versionCommand `cmd:"" help:"Print the version."`

	VersionFlag kong.VersionFlag `name:"version" short:"v" help:"Print the version."`

	name      string
	addrGiven bool // on the command line
}

// versionCommand prints the version whatever the settings are, as --version does.
type versionCommand struct{}

// BeforeReset is called by kong before it reads the environment.
func (versionCommand) BeforeReset(c *kong.Context, vars kong.Vars) error {
	if slices.ContainsFunc(c.Path, func(p *kong.Path) bool { return p.Flag == c.Model.HelpFlag && p.Flag != nil }) {
		return nil
	}
	return kong.VersionFlag(true).BeforeReset(c.Kong, vars)
}

// Config is every setting of the service.
type Config struct {
	Addr string `default:":8000" env:"MLCACHE_ADDR" help:"Address to listen on."`

	RedisURL    hidden `default:"" env:"MLCACHE_REDIS_URL" help:"redis://, rediss:// or unix:// URL of the shared layer; several addresses, separated by commas, for Cluster. Empty: an embedded layer, for this instance alone."`
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

	Source            string        `default:"" env:"MLCACHE_SOURCE" help:"oracle (simulated) or http. Empty: http when there is a source URL, else oracle."`
	OracleDelay       time.Duration `default:"2s" env:"MLCACHE_ORACLE_DELAY" help:"How long the simulated Oracle takes."`
	SourceURL         hidden        `name:"source-url" default:"" env:"MLCACHE_SOURCE_URL" help:"For http: a URL with {key} in it."`
	SourceTimeout     time.Duration `default:"5s" env:"MLCACHE_SOURCE_TIMEOUT" help:"Hard end of one call of the source."`
	SourceConcurrency int           `default:"256" env:"MLCACHE_SOURCE_CONCURRENCY" help:"Calls of the source at once, at most."`

	LockTTL         time.Duration `name:"lock-ttl" default:"5s" env:"MLCACHE_LOCK_TTL" help:"Life of the lock on a key that is being loaded; renewed meanwhile."`
	L2Timeout       time.Duration `name:"l2-timeout" default:"50ms" env:"MLCACHE_L2_TIMEOUT" help:"Hard end of one call of Redis."`
	RequestTimeout  time.Duration `default:"10s" env:"MLCACHE_REQUEST_TIMEOUT" help:"Hard end of one request."`
	MaxValueBytes   size          `default:"1MiB" env:"MLCACHE_MAX_VALUE_BYTES" help:"A larger value from the source is a failure."`
	DrainDelay      time.Duration `default:"0" env:"MLCACHE_DRAIN_DELAY" help:"How long after SIGTERM requests are served while /ready answers 503, so that load balancers notice."`
	ShutdownTimeout time.Duration `default:"15s" env:"MLCACHE_SHUTDOWN_TIMEOUT" help:"Time for requests and loads to finish after that."`

	Token     hidden `default:"" env:"MLCACHE_TOKEN" help:"Bearer token for PUT and DELETE. Empty: they are refused."`
	TokenFile string `default:"" env:"MLCACHE_TOKEN_FILE" help:"File that holds the token."`

	LogLevel  string `default:"info" env:"MLCACHE_LOG_LEVEL" help:"debug, info, warn or error. One line per request at debug only."`
	LogFormat string `default:"text" env:"MLCACHE_LOG_FORMAT" help:"text or json."`
}

// parse reads the command line and the environment. done means that nothing is
// left to do: help or the version was printed. An error is a usageError.
func parse(args []string, stdout io.Writer) (c commands, done bool, err error) {
	c, flags, err := parseArgs(args, stdout)
	if err != nil || flags == nil {
		return commands{}, err == nil, err
	}
	if c.name == "serve" {
		if err := misspelt(os.Environ(), flags); err != nil {
			return commands{}, false, err
		}
		if err := c.complete(); err != nil {
			return commands{}, false, err
		}
	}
	return c, false, nil
}

// parseArgs reads the command line, and what it does not say from the environment.
// It returns no flags when help or the version was printed instead.
func parseArgs(args []string, stdout io.Writer) (c commands, flags []*kong.Flag, err error) {
	if len(args) > 0 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	printed := false
	k, err := kong.New(&c,
		kong.Name("mlcache"),
		kong.Description("A read-through cache in two layers in front of something slow. Each flag can be set by the environment variable beside it."),
		kong.Writers(stdout, stdout),
		kong.Exit(func(int) { printed = true }),
		kong.Vars{"version": programVersion()},
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(durationSetting)),
		kong.TypeMapper(reflect.TypeFor[hidden](), kong.MapperFunc(hiddenSetting)),
		kong.Resolvers(kong.ResolverFunc(emptyMeansDefault)),
	)
	if err != nil {
		return commands{}, nil, err
	}
	parsed, err := k.Parse(args)
	if printed { // Parse goes on after that
		return commands{}, nil, nil
	}
	if err != nil {
		return commands{}, nil, usageError{withoutSecrets(err)}
	}
	c.name = parsed.Command()
	c.addrGiven = slices.ContainsFunc(parsed.Path, func(p *kong.Path) bool {
		return p.Flag != nil && p.Flag.Name == "addr" && !p.Resolved
	})
	return c, k.Model.Flags, nil
}
