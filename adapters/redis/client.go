package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/redis/go-redis/v9"
)

// Options say where the server is and how long it may take.
type Options struct {
	// URL is redis://, rediss:// or unix://, with user, password and database
	// as go-redis reads them. Further addresses after commas, or as addr
	// parameters, make it a Redis Cluster; a master_name parameter, Sentinel.
	URL string
	// Prefix stands before each key and channel. Braces are not allowed in it.
	Prefix string
	// Timeout bounds each call.
	Timeout time.Duration
	// Logger is told when the server becomes unusable and usable again.
	Logger *slog.Logger
}

// How the circuit breaker works: after so many failed calls in a row none is made
// for a while, then a single one, whose outcome decides. Calls that fail at the
// same time count once. So a server that hangs costs five timeouts one after the
// other, then one in about a second, and not one per request.
const (
	failuresInARow = 5
	breakFor       = 750 * time.Millisecond
	breakJitter    = 100 * time.Millisecond // more or less, so that instances do not try in step
)

// clusterReload is how often, at least, it is asked which master has which keys.
const clusterReload = time.Second

// callsAtOnce is how many calls are under way at the most, so that thousands of
// them at once do not use up each other's time.
const callsAtOnce = 64

// triesWhenBusy is how often a call is made at the most, see within.
const triesWhenBusy = 3

// errBroken is the error of the calls that the circuit breaker forbids.
var errBroken = errors.New("redis: not asked, since the last calls failed")

// Client is the connection to the server that Store, Locker and Bus share. It is
// safe for concurrent use.
type Client struct {
	rdb     redis.UniversalClient
	line    *redis.AutoPipeliner // sends together what is asked at the same time
	places  chan struct{}        // whoever makes a call has put one in
	prefix  string
	id      string // names this instance among all
	timeout time.Duration
	log     *slog.Logger
	breaker circuitbreaker.CircuitBreaker[any]
	down    atomic.Bool
	failed  atomic.Pointer[time.Time] // when a call did that was counted
	replies atomic.Uint64             // to calls, within their budget
}

// NewClient returns a client for o. It does not connect: a server that cannot
// be reached now may come later. The error says what is wrong with o, without
// the password.
func NewClient(o Options) (*Client, error) {
	if strings.ContainsAny(o.Prefix, "{}") {
		return nil, fmt.Errorf("redis: prefix %q contains a brace", o.Prefix)
	}
	if o.Timeout <= 0 {
		return nil, fmt.Errorf("redis: timeout %v is not positive", o.Timeout)
	}
	rdb, err := dial(o.URL, o.Timeout)
	if err != nil {
		return nil, err
	}
	line, err := rdb.AsyncAutoPipelineWithOptions(pipelining())
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	breaker := circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(failuresInARow).WithSuccessThreshold(1).
		WithDelay(breakFor).WithJitter(breakJitter).Build()
	return &Client{
		rdb: rdb, line: line, places: make(chan struct{}, callsAtOnce), prefix: o.Prefix, id: rand.Text(), timeout: o.Timeout, log: o.Logger, breaker: breaker,
	}, nil
}

// UseLogger sends what go-redis itself has to say to log, at debug level. That
// logger is one for the whole program, so the program sets it, not a Client.
func UseLogger(log *slog.Logger) { redis.SetLogger(debugLog{log}) }

type debugLog struct{ log *slog.Logger }

func (d debugLog) Printf(ctx context.Context, format string, v ...any) {
	d.log.DebugContext(ctx, fmt.Sprintf(format, v...))
}

// Health asks the server and returns "ok" or "degraded".
func (c *Client) Health(ctx context.Context) string {
	if err := c.call(ctx, func(ctx context.Context) error { return c.rdb.Ping(ctx).Err() }); err != nil {
		return "degraded"
	}
	return "ok"
}

// Breaker returns the state of the circuit breaker: closed, open or half-open.
func (c *Client) Breaker() string { return c.breaker.State().String() }

// Close closes all connections.
func (c *Client) Close() error { return c.rdb.Close() }

// changes is the channel on which instances tell each other what they changed.
func (c *Client) changes() string { return channel(c.prefix, "changes", database(c.rdb)) }

// call runs one exchange within the client's budget, unless the circuit breaker
// forbids it, and notes whether the server can be used.
func (c *Client) call(ctx context.Context, exchange func(context.Context) error) error {
	if err := c.takePlace(ctx); err != nil {
		return err
	}
	defer func() { <-c.places }()
	if !c.breaker.TryAcquirePermit() {
		return errBroken
	}
	began := time.Now()
	err := c.within(ctx, exchange)
	var reply redis.Error
	switch {
	case err == nil || errors.As(err, &reply): // it answers, whatever it says
		c.replies.Add(1)
		c.breaker.RecordSuccess()
		if c.down.Load() && c.down.CompareAndSwap(true, false) {
			c.log.Info("redis is usable again")
		}
	case ctx.Err() != nil: // the caller's end, not the server's
		if c.breaker.IsHalfOpen() {
			c.breaker.RecordFailure() // gives the permit back; the next try comes soon
		}
	default:
		if c.breaker.IsHalfOpen() || c.isNews(began) {
			c.breaker.RecordFailure()
		}
		if cluster, ok := c.rdb.(*redis.ClusterClient); ok {
			cluster.ReloadState(context.WithoutCancel(ctx)) // a replica may have been promoted
		}
		if c.down.CompareAndSwap(false, true) {
			c.log.Warn("redis cannot be used, going on without it", "err", err)
		}
	}
	return err
}

// isNews reports whether a call that has failed now began after the last failure
// that was news. All calls that one standstill of the server, or of this process,
// cuts short are one failure.
func (c *Client) isNews(began time.Time) bool {
	last := c.failed.Load()
	return (last == nil || began.After(*last)) && c.failed.CompareAndSwap(last, new(time.Now()))
}

// within runs an exchange within the budget. If this process was so busy that it
// noticed the end of the budget late, that says nothing about the server, and the
// exchange has another try. It must not use again what it used before.
func (c *Client) within(ctx context.Context, exchange func(context.Context) error) (err error) {
	for range triesWhenBusy {
		budget, cancel := context.WithTimeout(ctx, c.timeout)
		began := time.Now()
		err = exchange(budget)
		over := budget.Err() != nil
		cancel()
		if err == nil || !over || ctx.Err() != nil || time.Since(began) < c.timeout+c.timeout/2 {
			return err
		}
	}
	return err
}

// takePlace waits until one more call may be made. The wait is not part of the
// call's budget: it says how much is asked here, not how the server is. When that
// hangs, those who wait find the circuit breaker open.
func (c *Client) takePlace(ctx context.Context) error {
	select {
	case c.places <- struct{}{}:
		return nil
	default:
	}
	select {
	case c.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reachable reports whether a call would be made, if only to try. While one is
// made to try, no other is.
func (c *Client) reachable() bool {
	return c.breaker.IsClosed() || c.breaker.IsOpen() && c.breaker.RemainingDelay() == 0
}

// hangs tells the circuit breaker that the server was seen not to answer, so
// that no calls need to find out; unless some were answered since there had been
// so many replies, by another node of a Cluster or after a failover.
func (c *Client) hangs(since uint64) {
	if c.replies.Load() == since {
		c.breaker.Open()
	}
}

// answers tells the circuit breaker that the server was seen to answer, so that
// calls need not wait until it would try by itself.
func (c *Client) answers() { c.breaker.Close() }
