package sqlsource

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"
)

// maxKeys is how many keys a statement has at most: an IN list of Oracle takes no more.
const maxKeys = 1000

// Options say which database to ask, how, and what a load may cost. Those without a
// default are required.
type Options struct {
	// DSN of the database, with its password: a URL that begins with postgres://,
	// postgresql://, mysql://, mariadb://, oracle:// or sqlite: and what the driver
	// reads after that (see the package comment).
	DSN string
	// Query selects the value of :key, or the values of :keys and the key of each as
	// _key.
	Query string
	// Timeout ends a load, and its statement on the server, however much later ctx would.
	Timeout time.Duration
	// MaxBytes is how large a value may be.
	MaxBytes int64
	// MaxConns is how many connections there are at most: one for each statement
	// that runs at a time. A load that finds all in use waits for one.
	MaxConns int

	// MaxIdle is how many connections are kept for later. 0: MaxConns.
	MaxIdle int
	// IdleTime is how long one is kept unused, and Lifetime how long it is used at
	// all. 0: 5 and 30 minutes.
	IdleTime, Lifetime time.Duration
	// Batch is how many keys a statement with :keys asks for at most, up to 1,000. 0: 100.
	Batch int
	// BatchWait is what Source.Batch says of how long to wait for them.
	BatchWait time.Duration
	// Repeated is called before each statement of a load but the first: a batch that
	// fails because of a key is asked for in parts. Nil: nobody is told.
	Repeated func()
	// writes is set for a Pool, whose statements change something.
	writes bool
	// Logger receives what the driver says of failures, without the password. Nil:
	// nobody does.
	Logger *slog.Logger
}

func (o Options) validate() error {
	switch {
	case o.DSN == "":
		return fmt.Errorf("%w is empty", ErrDSN)
	case o.Timeout <= 0:
		return fmt.Errorf("sqlsource: Timeout is %v, must be positive", o.Timeout)
	case o.MaxBytes <= 0:
		return fmt.Errorf("sqlsource: MaxBytes is %d, must be positive", o.MaxBytes)
	case o.MaxConns <= 0:
		return fmt.Errorf("sqlsource: MaxConns is %d, must be positive", o.MaxConns)
	case o.MaxIdle < 0 || o.MaxIdle > o.MaxConns:
		return fmt.Errorf("sqlsource: MaxIdle is %d, must be from 0 to MaxConns", o.MaxIdle)
	case o.IdleTime < 0 || o.Lifetime < 0:
		return errors.New("sqlsource: IdleTime and Lifetime must not be negative")
	case o.Batch < 0 || o.Batch > maxKeys:
		return fmt.Errorf("sqlsource: Batch is %d, must be from 0 to %d", o.Batch, maxKeys)
	case o.BatchWait < 0:
		return fmt.Errorf("sqlsource: BatchWait is %v, must not be negative", o.BatchWait)
	}
	return nil
}

func (o Options) withDefaults() Options {
	o.MaxIdle = cmp.Or(o.MaxIdle, o.MaxConns)
	o.IdleTime = cmp.Or(o.IdleTime, 5*time.Minute)
	o.Lifetime = cmp.Or(o.Lifetime, 30*time.Minute)
	o.Batch = cmp.Or(o.Batch, 100)
	o.MaxBytes = min(o.MaxBytes, math.MaxInt64/8)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// fewTimeouts is what time-outs of at least ten times that are multiples of.
const fewTimeouts = 50 * time.Millisecond

// serverTimeout returns when the server is to give up a statement that has d left: a
// little earlier than the client, because a connection whose statement the server
// ended can be used again. It returns few different times, because pg_stat_statements
// of PostgreSQL has each as a statement of its own, and forgets others for them.
func serverTimeout(d time.Duration) time.Duration {
	d -= min(d/10, 100*time.Millisecond)
	if d >= 10*fewTimeouts {
		d = d.Truncate(fewTimeouts)
	}
	return max(time.Millisecond, d)
}
