package redis

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
	"github.com/multi-layer-cache/multi-layer-cache/ports/portstest"
)

// certificate is what servers and proxies of this package's tests speak TLS with.
var certificate *redistest.Certificate

func TestMain(m *testing.M) {
	// Tests that run in parallel wait for a slow network.
	UseLogger(slog.New(slog.DiscardHandler))
	flag.Parse()
	_ = flag.Set("test.parallel", "16")
	dir, err := os.MkdirTemp("", "mlcache-redis")
	if err != nil {
		panic(err)
	}
	if certificate, err = redistest.NewCertificate(dir); err != nil {
		panic(err)
	}
	// Which CAs are trusted is read once per process, before the first connection.
	if err := os.Setenv("SSL_CERT_FILE", certificate.CAFile); err != nil {
		panic(err)
	}
	code := portstest.Run(m,
		// A pool that failed to connect often tries once a second, and notices only
		// then that it was closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
	_ = os.RemoveAll(dir)
	os.Exit(code)
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
	c := options(url)
	c.Timeout = 10 * time.Second // a busy test machine must not look like a broken server
	return instanceOf(t, c, o)
}

func instanceOf(t *testing.T, c Options, l LockerOptions) instance {
	t.Helper()
	client := newClient(t, c)
	bus := NewBus(client)
	t.Cleanup(bus.Close)
	locker, err := NewLocker(bus, l)
	require.NoError(t, err)
	return instance{client: client, store: NewStore(client), bus: bus, locker: locker}
}

// patience is how long a test waits for what must come, on a machine that is busy
// with other things.
const patience = time.Minute

// eventually polls until holds does, and returns how long that took. It is no
// measurement: it fails only shortly before the time of all tests is over.
func eventually(t *testing.T, what string, holds func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	end := began.Add(time.Hour)
	if deadline, set := t.Deadline(); set {
		end = began.Add(deadline.Sub(began) * 19 / 20)
	}
	for ; !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			require.FailNow(t, "it does not happen: "+what)
		}
	}
	return time.Since(began)
}

// awaitClosed waits until a channel is closed.
func awaitClosed(t *testing.T, happened <-chan struct{}) {
	t.Helper()
	select {
	case <-happened:
	case <-time.After(patience):
		require.FailNow(t, "it does not happen")
	}
}

// awaitListening returns when in receives wake-ups and invalidations.
func awaitListening(t *testing.T, in instance) {
	t.Helper()
	eventually(t, "the subscription is up", in.bus.Subscribed)
}

// waiting returns how many Awaits of key in these instances have left word.
func waiting(key domain.Key, instances ...instance) (n int) {
	for _, in := range instances {
		in.bus.wakes.mu.Lock()
		if w := in.bus.wakes.waiting[key.String()]; w != nil {
			n += int(w.left.Load())
		}
		in.bus.wakes.mu.Unlock()
	}
	return n
}

// older makes everything on the server whose name begins with prefix d older without
// waiting.
func older(t *testing.T, rdb redis.Cmdable, prefix string, d time.Duration) {
	t.Helper()
	ctx := context.Background()
	keys, err := rdb.Keys(ctx, prefix+"*").Result()
	require.NoError(t, err)
	for _, k := range keys {
		left, err := rdb.PTTL(ctx, k).Result()
		require.NoError(t, err)
		// A TTL that is not positive deletes.
		require.NoError(t, rdb.PExpire(ctx, k, left-d).Err())
		if k == prefix+"hot" { // its scores have the time in them
			for _, member := range rdb.ZRange(ctx, k, 0, -1).Val() {
				require.NoError(t, rdb.ZIncrBy(ctx, k, -float64(d)/float64(ports.HotHalfLife), member).Err())
			}
		}
	}
}

// olderOnAll does that on all masters.
func olderOnAll(t *testing.T, rdb redis.UniversalClient, prefix string, d time.Duration) {
	t.Helper()
	cluster, ok := rdb.(*redis.ClusterClient)
	if !ok {
		older(t, rdb, prefix, d)
		return
	}
	require.NoError(t, cluster.ForEachMaster(context.Background(), func(_ context.Context, master *redis.Client) error {
		older(t, master, prefix, d)
		return nil
	}))
}

func corrupt(t *testing.T, rdb redis.Cmdable, prefix string, key domain.Key, raw string) {
	t.Helper()
	ctx, name := context.Background(), namesOf(prefix, key).value
	left, err := rdb.PTTL(ctx, name).Result()
	require.NoError(t, err)
	if left <= 0 {
		left = time.Minute
	}
	require.NoError(t, rdb.Set(ctx, name, raw, left).Err())
}

// contracts runs all suites at the same time, each test with names of its own: they
// mostly wait. The members use url; what makes a server older uses direct.
func contracts(t *testing.T, url, direct string) {
	t.Helper()
	contractsOn(t, direct, func(t *testing.T, name string, o LockerOptions) (a, b instance) {
		t.Helper()
		member := func() instance {
			c := options(url)
			// However busy the machine is: a contract is no measurement.
			c.Prefix, c.Timeout = prefix+name+":", patience
			return instanceOf(t, c, o)
		}
		return member(), member()
	})
}

// contractsOn does that on the two instances that members returns for a name.
func contractsOn(t *testing.T, direct string, members func(t *testing.T, name string, o LockerOptions) (a, b instance)) {
	t.Helper()
	rdb := open(t, direct, times).client.rdb
	var tests atomic.Int64
	layer := portstest.Layer{
		Run: func(t *testing.T, test func(t *testing.T)) {
			t.Parallel()
			test(t)
		},
		Open: func(t *testing.T, l portstest.Limits) portstest.Harness {
			name := strconv.FormatInt(tests.Add(1), 10)
			own := prefix + name + ":"
			a, b := members(t, name, LockerOptions{TTL: l.LockTTL})
			awaitListening(t, a)
			awaitListening(t, b)
			return portstest.Harness{
				A:       portstest.Instance{L2: a.store, Locker: a.locker, Bus: a.bus, Purger: a.store, Hot: a.store},
				B:       portstest.Instance{L2: b.store, Locker: b.locker, Bus: b.bus, Purger: b.store, Hot: b.store},
				Advance: func(d time.Duration) { olderOnAll(t, rdb, own, d) },
				Waiting: func(k domain.Key) int { return waiting(k, a, b) },
				Corrupt: func(k domain.Key, raw string) { corrupt(t, rdb, own, k, raw) },
			}
		},
	}
	t.Run("all", func(t *testing.T) { // returns when the parallel ones have ended
		portstest.L2AndLocker(t, layer)
		portstest.Bus(t, layer)
	})
}

func TestTheContractsAreKeptOnARealServer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	contracts(t, server.URL(), server.URL())
}
