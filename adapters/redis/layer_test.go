package redis

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports/portstest"
)

func TestMain(m *testing.M) {
	portstest.Main(m,
		// A pool that failed to connect often tries once a second, and notices only
		// then that it was closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

const prefix = "mlc:"

// instance is what one process has of the server.
type instance struct {
	client *Client
	store  *Store
	bus    *Bus
	locker *Locker
}

func open(t *testing.T, url string, o LockerOptions) instance {
	t.Helper()
	return openWith(t, url, o, func(*Client) {})
}

func openWith(t *testing.T, url string, o LockerOptions, change func(*Client)) instance {
	t.Helper()
	client, err := NewClient(Options{
		// Roomier than in production: a busy test machine must not look like a broken server.
		URL: url, Prefix: prefix, Timeout: 20 * time.Second, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	require.NoError(t, err)
	change(client)
	bus := NewBus(client)
	locker, err := NewLocker(bus, o)
	require.NoError(t, err)
	t.Cleanup(func() {
		bus.Close()
		require.NoError(t, client.Close())
	})
	return instance{client: client, store: NewStore(client), bus: bus, locker: locker}
}

// steadfast is a circuit breaker that stays closed: what a busy machine makes look
// like a server that hangs fails no call of a server that is well.
type steadfast struct {
	circuitbreaker.CircuitBreaker[any]
}

func (steadfast) Open()          {}
func (steadfast) RecordFailure() {}

// openSteadfast is open with such a circuit breaker.
func openSteadfast(t *testing.T, url string, o LockerOptions) instance {
	t.Helper()
	return openWith(t, url, o, func(c *Client) { c.breaker = steadfast{c.breaker} })
}

// patience is how long a test waits for what must come, on a machine that is busy
// with other things.
const patience = time.Minute

// eventually polls until holds does, and returns how long that took. It is no
// measurement: it fails only after patience.
func eventually(t *testing.T, what string, holds func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for ; !holds(); time.Sleep(time.Millisecond) {
		if time.Since(began) > patience {
			require.FailNow(t, "it does not happen: "+what)
		}
	}
	return time.Since(began)
}

// awaitListening returns when in receives wake-ups and invalidations.
func awaitListening(t *testing.T, in instance) {
	t.Helper()
	eventually(t, "the subscription is up", in.bus.Connected)
}

// waiting returns how many Acquires of key wait in these instances, none of which
// is asking the server at the moment.
func waiting(key domain.Key, instances ...instance) (n int) {
	for _, in := range instances {
		if len(in.client.places) > 0 {
			return 0
		}
		in.bus.wakes.mu.Lock()
		if w := in.bus.wakes.waiting[key.String()]; w != nil {
			n += w.waiters
		}
		in.bus.wakes.mu.Unlock()
	}
	return n
}

// older makes everything on the server d older without waiting.
func older(t *testing.T, c *Client, d time.Duration) {
	t.Helper()
	ctx := context.Background()
	keys, err := c.rdb.Keys(ctx, "*").Result()
	require.NoError(t, err)
	for _, k := range keys {
		left, err := c.rdb.PTTL(ctx, k).Result()
		require.NoError(t, err)
		// A life that is not positive deletes.
		require.NoError(t, c.rdb.PExpire(ctx, k, left-d).Err())
	}
}

func corrupt(t *testing.T, c *Client, key domain.Key, raw string) {
	t.Helper()
	ctx, name := context.Background(), namesOf(prefix, key).value
	left, err := c.rdb.PTTL(ctx, name).Result()
	require.NoError(t, err)
	if left <= 0 {
		left = time.Minute
	}
	require.NoError(t, c.rdb.Set(ctx, name, raw, left).Err())
}

func TestTheContractsAreKeptOnARealServer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	layer := portstest.Layer{
		Open: func(t *testing.T, l portstest.Limits) portstest.Harness {
			o := LockerOptions{TTL: l.LockTTL, Cooldown: l.Cooldown}
			a, b := openSteadfast(t, server.URL(), o), openSteadfast(t, server.URL(), o)
			require.NoError(t, a.client.rdb.FlushAll(t.Context()).Err())
			awaitListening(t, a)
			awaitListening(t, b)
			return portstest.Harness{
				A:       portstest.Instance{L2: a.store, Locker: a.locker, Bus: a.bus},
				B:       portstest.Instance{L2: b.store, Locker: b.locker, Bus: b.bus},
				Advance: func(d time.Duration) { older(t, a.client, d) },
				Waiting: func(k domain.Key) int { return waiting(k, a, b) },
				Corrupt: func(k domain.Key, raw string) { corrupt(t, a.client, k, raw) },
			}
		},
	}
	portstest.L2AndLocker(t, layer)
	portstest.Bus(t, layer)
}
