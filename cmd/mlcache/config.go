package main

import (
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// commands is the command line. Each setting is a flag of it, and a variable of
// the environment.
type commands struct {
	Config

	Serve       struct{}       `cmd:"" default:"withargs" help:"Run the service (the default)."`
	Healthcheck struct{}       `cmd:"" help:"Ask the running service for its health; exit status 0 when it serves. It asks at --addr, else at the address of process 1 where that is this program, as in a container, else at $MLCACHE_ADMIN_ADDR or $MLCACHE_ADDR."`
	Prove       proveCommand   `cmd:"" help:"Play trouble to several instances of this program on a Redis of their own, and report which promises they keep; exit status 1 unless all are. It needs redis-server on the PATH."`
	Version     versionCommand `cmd:"" help:"Print the version."`
	Completion  struct {
		Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
	} `cmd:"" help:"Print a script with which a shell completes commands and flags."`
	Man struct{} `cmd:"" help:"Print the page for man."`

	VersionFlag kong.VersionFlag `name:"version" short:"v" help:"Print the version."`

	name      string
	addrGiven bool              // on the command line
	model     *kong.Application // for what is printed of it; nil for serve
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
	Addr      string `default:":8000" env:"MLCACHE_ADDR" help:"Address to listen on."`
	AdminAddr string `default:"" env:"MLCACHE_ADMIN_ADDR" help:"Address for those that run the service: /metrics, /dashboard, /explain, /purge, /hot, /warm and /debug/pprof are served there only. Empty: they are served at the other address, and there are no profiles."`
	TLSCert   string `name:"tls-cert" default:"" env:"MLCACHE_TLS_CERT" help:"File of the certificate, with its chain, in PEM; with it, both addresses take TLS only. Read again when it changes."`
	TLSKey    string `name:"tls-key" default:"" env:"MLCACHE_TLS_KEY" help:"File of the key of the certificate."`

	RedisURL    hidden `default:"" env:"MLCACHE_REDIS_URL" help:"redis://, rediss:// or unix:// URL of the shared layer; several addresses, separated by commas, for Cluster. Empty: an embedded layer, for this instance alone."`
	RedisPrefix string `default:"mlc:" env:"MLCACHE_REDIS_PREFIX" help:"Prefix of each Redis key and channel."`
	RedisWait   int    `default:"0" env:"MLCACHE_REDIS_WAIT" help:"How many replicas must have a PUT or DELETE before it succeeds."`
	DataDir     string `default:"" env:"MLCACHE_DATA_DIR" help:"Folder of the embedded layer, kept over restarts. Empty: in memory."`

	L1MaxEntries int    `name:"l1-max-entries" default:"10000" env:"MLCACHE_L1_MAX_ENTRIES" help:"Entries in this instance's memory (L1), at most; 0 turns that layer off."`
	L1MaxBytes   size   `name:"l1-max-bytes" default:"64MiB" env:"MLCACHE_L1_MAX_BYTES" help:"Bytes of these entries, at most."`
	L1Admission  string `name:"l1-admission" default:"none" env:"MLCACHE_L1_ADMISSION" help:"Which entries a full L1 admits: none (all) or tinylfu (those requested more often than what they would evict)."`

	TTL time.Duration `name:"ttl" default:"30s" env:"MLCACHE_TTL" help:"TTL of a value in both layers."`
	// What only routes of MLCACHE_ROUTES have.
	Changes           changesConfig `kong:"-"`
	TTLWithoutChanges time.Duration `kong:"-"`

	TTLJitter        float64       `name:"ttl-jitter" default:"0" env:"MLCACHE_TTL_JITTER" help:"Up to this fraction of the TTL is subtracted, at random."`
	NegativeTTL      time.Duration `name:"negative-ttl" default:"5s" env:"MLCACHE_NEGATIVE_TTL" help:"How long it is remembered that the source has no such key; 0: not remembered."`
	StaleIfError     time.Duration `default:"5m" env:"MLCACHE_STALE_IF_ERROR" help:"How long L1 keeps expired values, to serve them when the source fails."`
	StaleWhile       time.Duration `name:"stale-while-revalidate" default:"0" env:"MLCACHE_STALE_WHILE_REVALIDATE" help:"How long an expired value is served at once while it is refreshed in the background."`
	SoftTimeout      time.Duration `default:"0" env:"MLCACHE_SOFT_TIMEOUT" help:"How long a request waits for a load when there is an expired value that may be served in its place; 0: as long as for any other."`
	InspectPerSecond float64       `default:"0" env:"MLCACHE_INSPECT_PER_SECOND" help:"How many hits a second, for each route, are compared with what the source has."`
	L1TTL            time.Duration `name:"l1-ttl" default:"0" env:"MLCACHE_L1_TTL" help:"How long L1 answers with a value before the shared layer has to confirm it; 0: for its whole TTL."`
	L2Stale          time.Duration `name:"l2-stale" default:"0" env:"MLCACHE_L2_STALE" help:"How long the shared layer keeps expired values for stale serving."`
	RefreshAhead     float64       `default:"1" env:"MLCACHE_REFRESH_AHEAD" help:"How early a value that is read is refreshed before it expires: beta of XFetch; 0: never."`
	FailureCooldown  time.Duration `default:"1s" env:"MLCACHE_FAILURE_COOLDOWN" help:"How long a key whose load failed is not loaded again; doubles while it fails, up to 16 times that."`

	ReloadInterval time.Duration `default:"1s" env:"MLCACHE_RELOAD_INTERVAL" help:"How often requests without the token may force a load of a key; 0: as often as they like."`

	Routes string `default:"" env:"MLCACHE_ROUTES" help:"File that gives each prefix of keys a source and settings of its own."`

	Source            string        `default:"" env:"MLCACHE_SOURCE" help:"oracle (simulated), http or sql. Empty: http when there is a source URL, sql when there is a DSN, else oracle."`
	OracleDelay       time.Duration `default:"2s" env:"MLCACHE_ORACLE_DELAY" help:"How long the simulated Oracle takes."`
	SourceURL         hidden        `name:"source-url" default:"" env:"MLCACHE_SOURCE_URL" help:"For http: a URL with {key} in it."`
	SourceDSN         hidden        `name:"source-dsn" default:"" env:"MLCACHE_SOURCE_DSN" help:"For sql: postgres://, mysql://, mariadb://, oracle:// or sqlite: and where the database is."`
	SourceQuery       string        `default:"" env:"MLCACHE_SOURCE_QUERY" help:"For sql: the statement that selects the value of :key, or the values of :keys and the key of each as _key."`
	SourceBatch       int           `default:"100" env:"MLCACHE_SOURCE_BATCH" help:"For sql: how many keys a statement with :keys asks for at most."`
	SourceBatchWait   time.Duration `default:"2ms" env:"MLCACHE_SOURCE_BATCH_WAIT" help:"For sql: how long a key waits for others to be asked for with it."`
	SourceTimeout     time.Duration `default:"5s" env:"MLCACHE_SOURCE_TIMEOUT" help:"How long one call of the source may take."`
	SourceFreshness   string        `default:"cap" env:"MLCACHE_SOURCE_FRESHNESS" help:"What counts of what an HTTP source says of freshness: cap (the TTL it gives, at most MLCACHE_TTL; no-store is obeyed), follow (also a longer one) or ignore (MLCACHE_TTL, whatever it says)."`
	SourceConcurrency int           `default:"256" env:"MLCACHE_SOURCE_CONCURRENCY" help:"Calls of the source at once, at most."`

	SourceLimit string `default:"fixed" env:"MLCACHE_SOURCE_LIMIT" help:"How many calls of the source run at once: fixed (MLCACHE_SOURCE_CONCURRENCY) or adaptive (between 1 and that, by how long they take)."`

	L2CompressAbove size          `name:"l2-compress-above" default:"0" env:"MLCACHE_L2_COMPRESS_ABOVE" help:"Values that take more bytes than that in Redis are compressed there with zstd, if that makes them smaller; 0: none. All instances must be able to read them."`
	LockTTL         time.Duration `name:"lock-ttl" default:"5s" env:"MLCACHE_LOCK_TTL" help:"TTL of the lock on a key that is being loaded; it is renewed during the load."`
	L2Timeout       time.Duration `name:"l2-timeout" default:"50ms" env:"MLCACHE_L2_TIMEOUT" help:"How long one call of Redis may take on an established connection."`
	RequestTimeout  time.Duration `default:"10s" env:"MLCACHE_REQUEST_TIMEOUT" help:"How long one request may take."`
	MaxValueBytes   size          `default:"1MiB" env:"MLCACHE_MAX_VALUE_BYTES" help:"Size of a value, at most: a larger one from the source is a failure, a larger one that is written is refused."`
	MaxBatchBytes   size          `default:"16MiB" env:"MLCACHE_MAX_BATCH_BYTES" help:"Bytes of the values in one answer to a batch, at most."`
	MaxConnections  int           `default:"1024" env:"MLCACHE_MAX_CONNECTIONS" help:"Connections of clients at once, at most; further ones get 503 and are closed."`
	DrainDelay      time.Duration `default:"0" env:"MLCACHE_DRAIN_DELAY" help:"How long after SIGTERM requests are served while /ready answers 503, so that load balancers notice."`
	WarmTimeout     time.Duration `default:"0" env:"MLCACHE_WARM_TIMEOUT" help:"How long, at most, an instance that starts fills its memory with the hot keys of all instances from the shared layer before /ready answers 200; 0: not at all."`
	ShutdownTimeout time.Duration `default:"15s" env:"MLCACHE_SHUTDOWN_TIMEOUT" help:"Time for requests and loads to finish after that."`

	Token     hidden `default:"" env:"MLCACHE_TOKEN" help:"Bearer token for PUT and DELETE. Empty: they are refused."`
	TokenFile string `default:"" env:"MLCACHE_TOKEN_FILE" help:"File that holds the token."`

	ReadToken     hidden `default:"" env:"MLCACHE_READ_TOKEN" help:"Bearer token without which values are not read; the other token reads them as well. Empty: reading needs none."`
	ReadTokenFile string `default:"" env:"MLCACHE_READ_TOKEN_FILE" help:"File that holds it."`

	AllowedHosts string `default:"" env:"MLCACHE_ALLOWED_HOSTS" help:"Names, separated by commas, that the Host header of a request may have, each with a port or for all ports; others get 421, except on /health and /ready. Empty: any."`

	LogLevel  string `default:"info" env:"MLCACHE_LOG_LEVEL" help:"debug, info, warn or error. One line per request at debug only."`
	LogFormat string `default:"text" env:"MLCACHE_LOG_FORMAT" help:"text or json."`
}

// commandServe is what the program does without a command.
const commandServe = "serve"

// parse reads the command line and the environment. done means that nothing is
// left to do: help or the version was printed. An error is a usageError.
func parse(args []string, stdout io.Writer) (c commands, done bool, err error) {
	c, flags, err := parseArgs(args, stdout)
	if err != nil || flags == nil {
		return commands{}, err == nil, err
	}
	if c.name == commandServe {
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
	if c.name = parsed.Command(); c.name != commandServe {
		c.model = k.Model
	}
	c.addrGiven = slices.ContainsFunc(parsed.Path, func(p *kong.Path) bool {
		return p.Flag != nil && p.Flag.Name == flagAddr && !p.Resolved
	})
	return c, k.Model.Flags, nil
}

// hosts are the names in AllowedHosts.
func (c *Config) hosts() []string {
	return strings.FieldsFunc(c.AllowedHosts, func(r rune) bool { return r == ',' || r == ' ' })
}
