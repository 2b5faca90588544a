package main

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// fleet is several processes of the program on one Redis and one origin. All
// that a test sees of it is what anybody sees: HTTP, Redis, and the calls that
// the origin gets.
type fleet struct {
	t       *testing.T
	redis   *redistest.Server
	origin  *cachetest.Origin
	members []*process
}

// startFleet starts n instances with these flags. Nothing is loaded ahead of
// time unless a flag says so, so that calls can be counted. A busy machine, on
// which an instance waits seconds for Redis, is no failure of Redis.
func startFleet(t *testing.T, n int, flags ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, redis: redistest.Start(t), origin: cachetest.StartOrigin(t)}
	f.launch(n, f.redis.URL(), flags)
	return f
}

// launch starts the n instances with these flags, which reach Redis at redisURL.
func (f *fleet) launch(n int, redisURL string, flags []string) {
	f.t.Helper()
	f.members = launch(f.t, n, f.flags(redisURL, append([]string{"--l2-timeout=20s", "--lock-ttl=1m"}, flags...)...))
	f.awaitSubscribed(f.redis)
}

func (f *fleet) flags(redisURL string, more ...string) []string {
	return append([]string{
		"--redis-url=" + redisURL, "--source=http", "--source-url=" + f.origin.URL + "/v/{key}",
		"--token=" + secret, "--refresh-ahead=0", "--shutdown-timeout=1s",
		"--ttl=1h", "--request-timeout=10m", "--source-timeout=10m",
	}, more...)
}

// awaitSubscribed returns when all instances hear of each other's changes, and know
// that they do: until then their calls of before may have missed some, and are void.
func (f *fleet) awaitSubscribed(servers ...*redistest.Server) {
	f.t.Helper()
	eventually(f.t, "the instances subscribe", func() bool {
		total := 0
		for _, server := range servers {
			_, count, _ := strings.Cut(server.Command("PUBSUB", "NUMSUB", "mlc:changes"), "\n")
			n, err := strconv.Atoi(count)
			require.NoError(f.t, err)
			total += n
		}
		return total == len(f.members)
	})
	for _, p := range f.members {
		eventually(f.t, "an instance knows that it is subscribed", func() bool { return p.metrics()["bus_up"] == 1 })
	}
}

// ask sends n requests for key at once, to each instance in turn.
func (f *fleet) ask(n int, key string, headers ...string) []reply {
	var all sync.WaitGroup
	replies := make([]reply, n)
	for i := range n {
		all.Go(func() { replies[i] = f.members[i%len(f.members)].ask(key, headers...) })
	}
	all.Wait()
	return replies
}

// askTogether sends n requests for key at once and has the origin answer as the
// plan says when all of them wait.
func (f *fleet) askTogether(n int, key string, p cachetest.Plan) []reply {
	f.t.Helper()
	release := f.origin.Hold(key, p)
	replies := make(chan []reply, 1)
	go func() { replies <- f.ask(n, key) }()
	f.awaitWaiting(n)
	release()
	return <-replies
}

// awaitWaiting returns when n requests wait in these instances.
func (f *fleet) awaitWaiting(n int) {
	f.t.Helper()
	eventually(f.t, "the requests wait", func() bool {
		total := 0.0
		for _, p := range f.members {
			total += p.metrics()["waiting"]
		}
		return total == float64(n)
	})
}

// awaitInvalidated returns when all instances but that one have received an
// invalidation.
func (f *fleet) awaitInvalidated(by int) {
	f.t.Helper()
	for i, p := range f.members {
		eventually(f.t, "the others receive the invalidation", func() bool { return i == by || p.metrics()["changes_heard"] > 0 })
	}
}

// ownInstance is what tells the problems of two requests apart.
var ownInstance = regexp.MustCompile(`,"instance":"[^"]*"`)

// requireAll checks that each reply has the status, and that all have the same body.
func requireAll(t *testing.T, replies []reply, status int) {
	t.Helper()
	for _, r := range replies {
		require.Equal(t, status, r.status, r.body)
		require.Equal(t, ownInstance.ReplaceAllString(replies[0].body, ""), ownInstance.ReplaceAllString(r.body, ""))
	}
}

// requireNoLeases checks that Redis holds no lock, or none for long. The locks of
// most tests would outlast it.
func (f *fleet) requireNoLeases() {
	f.t.Helper()
	eventually(f.t, "leases are given back", func() bool {
		return f.redis.Command("KEYS", "mlc:*:lock") == ""
	})
}

// stored returns what Redis holds of key, as it is written there.
func (f *fleet) stored(key string) string {
	f.t.Helper()
	return f.redis.Command("GET", "mlc:{"+key+"}")
}

// eventually polls until holds does, see cachetest.Eventually.
func eventually(t *testing.T, what string, holds func() bool) time.Duration {
	t.Helper()
	return cachetest.Eventually(t, what, holds)
}
