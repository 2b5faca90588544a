package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/changefeed"
)

// Options say which changes to follow. Those without a default are required.
type Options struct {
	// DSN of the primary, with its password, as the source of rows has it: a URL that
	// begins with postgres:// or postgresql://.
	DSN string
	// Tables are the templates of the keys, by schema.table.
	Tables map[string]string
	// Publication is created, or gets the tables, where the role may do that. Empty:
	// mlcache.
	Publication string
	// Slot is the name of a permanent replication slot, which belongs to this feed
	// alone, and is created. Empty: a temporary one.
	Slot string
	// MaxKeys is how many keys a change names at most; beyond, it has All. 0:
	// changefeed.DefaultMaxKeys.
	MaxKeys int
	// Timeout is after which silence the connection counts as lost, here and on the
	// server. 0: 20 s.
	Timeout time.Duration
	// Logger receives what the feed changes in the database. Nil: nothing is logged.
	Logger *slog.Logger
}

// minTimeout leaves time for a heartbeat and a statement that is slow.
const minTimeout = 3 * heartbeat

var (
	errDSN = errors.New("postgres changes: DSN must be as postgres://user:password@host/database")

	slotName        = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)
	publicationName = regexp.MustCompile(`^[A-Za-z0-9_]{1,63}$`)
)

func (o Options) withDefaults() Options {
	o.Publication = cmp.Or(o.Publication, "mlcache")
	o.MaxKeys = cmp.Or(o.MaxKeys, changefeed.DefaultMaxKeys)
	o.Timeout = cmp.Or(o.Timeout, 20*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) validate() error {
	switch {
	case !publicationName.MatchString(o.Publication):
		return fmt.Errorf("postgres changes: Publication is %q, must have up to 63 letters, digits and _", o.Publication)
	case o.Slot != "" && !slotName.MatchString(o.Slot):
		return fmt.Errorf("postgres changes: Slot is %q, must have up to 63 small letters, digits and _", o.Slot)
	case o.MaxKeys < 0:
		return fmt.Errorf("postgres changes: MaxKeys is %d, must not be negative", o.MaxKeys)
	case o.Timeout < minTimeout:
		return fmt.Errorf("postgres changes: Timeout is %v, must be at least %v", o.Timeout, minTimeout)
	}
	return nil
}

// config returns how to connect for statements.
func (o Options) config() (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(o.DSN)
	if err != nil || !strings.HasPrefix(o.DSN, "postgres://") && !strings.HasPrefix(o.DSN, "postgresql://") {
		return nil, errDSN // what pgx says may show parts of it
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, o.Timeout)
	// The system finds out that a peer is gone where no message is waited for, as while
	// a slot is created.
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: o.Timeout / 4, Interval: o.Timeout / 4, Count: 3}}
	config.DialFunc = dialer.DialContext
	params := config.RuntimeParams
	params["datestyle"], params["client_encoding"] = "ISO", "UTF8"
	params["application_name"] = cmp.Or(params["application_name"], "mlcache")
	return config, nil
}

// dialOnce lets pgx dial until connected is set: no statement here is worth a request
// to cancel it, for which pgx would wait a quarter of a minute if the server is silent.
func dialOnce(config *pgx.ConnConfig) (once *pgx.ConnConfig, connected *atomic.Bool) {
	once, connected = config.Copy(), new(atomic.Bool)
	dial := config.DialFunc
	once.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if connected.Load() {
			return nil, errors.New("connected already")
		}
		return dial(ctx, network, addr)
	}
	return once, connected
}

func connect(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	config, connected := dialOnce(config)
	defer connected.Store(true)
	return pgx.ConnectConfig(ctx, config)
}

// connectStream connects for replication.
func connectStream(ctx context.Context, config *pgx.ConnConfig, timeout time.Duration) (*pgconn.PgConn, error) {
	config, connected := dialOnce(replication(config, timeout))
	defer connected.Store(true)
	return pgconn.ConnectConfig(ctx, &config.Config)
}

// replication returns how to connect for the stream.
func replication(config *pgx.ConnConfig, timeout time.Duration) *pgx.ConnConfig {
	config = config.Copy()
	config.RuntimeParams["replication"] = "database"
	config.RuntimeParams["wal_sender_timeout"] = strconv.FormatInt(timeout.Milliseconds(), 10)
	return config
}
