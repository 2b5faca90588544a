package main

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// fleet is several processes of the program on one Redis and one origin. All
// that a test sees of it is what anybody sees: HTTP, Redis, and the calls that
// the origin gets.
type fleet struct {
	t       *testing.T
	redis   *redistest.Server
	origin  *origin
	members []*process
}

// slowMachine is for tests whose bursts take both processors for longer than an
// instance would wait for Redis.
const slowMachine = "--l2-timeout=2s"

// startFleet starts n instances with these flags. Nothing is loaded ahead of
// time unless a flag says so, so that calls can be counted.
func startFleet(t *testing.T, n int, flags ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, redis: redistest.Start(t), origin: startOrigin(t)}
	f.members = launch(t, n, f.flags(f.redis.URL(), flags...))
	f.awaitSubscribed(f.redis)
	return f
}

func (f *fleet) flags(redisURL string, more ...string) []string {
	return append([]string{
		"--redis-url=" + redisURL, "--source=http", "--source-url=" + f.origin.url + "/v/{key}",
		"--token=" + secret, "--refresh-ahead=0", "--shutdown-timeout=1s",
	}, more...)
}

// awaitSubscribed returns when all instances hear of each other's changes.
func (f *fleet) awaitSubscribed(servers ...*redistest.Server) {
	f.t.Helper()
	within(f.t, 10*time.Second, "the instances subscribe", func() bool {
		total := 0
		for _, server := range servers {
			_, count, _ := strings.Cut(server.Command("PUBSUB", "NUMSUB", "mlc:changes"), "\n")
			n, err := strconv.Atoi(count)
			require.NoError(f.t, err)
			total += n
		}
		return total == len(f.members)
	})
}

// ask sends n requests for key at once, to each instance in turn.
func (f *fleet) ask(n int, key string) []reply {
	var all sync.WaitGroup
	replies := make([]reply, n)
	for i := range n {
		all.Go(func() { replies[i] = f.members[i%len(f.members)].ask(key) })
	}
	all.Wait()
	return replies
}

// ownInstance is what tells the problems of two requests apart.
var ownInstance = regexp.MustCompile(`,"instance":"[^"]*"`)

// requireAll checks that each reply has the status, within the time, and that
// all have the same body.
func requireAll(t *testing.T, replies []reply, status int, limit time.Duration) {
	t.Helper()
	for _, r := range replies {
		require.Equal(t, status, r.status, r.body)
		require.Equal(t, ownInstance.ReplaceAllString(replies[0].body, ""), ownInstance.ReplaceAllString(r.body, ""))
		require.Less(t, r.took, limit)
	}
}

// requireNoLeases checks that Redis holds no lock, or none for long.
func (f *fleet) requireNoLeases() {
	f.t.Helper()
	within(f.t, time.Second, "leases are given back", func() bool {
		return f.redis.Command("KEYS", "mlc:*:lock") == ""
	})
}

// stored returns what Redis holds of key, as it is written there.
func (f *fleet) stored(key string) string {
	f.t.Helper()
	return f.redis.Command("GET", "mlc:{"+key+"}")
}

// within tries until holds does, and fails the test if that takes too long. It
// returns how long it took.
func within(t *testing.T, limit time.Duration, what string, holds func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !holds() {
		require.Less(t, time.Since(began), limit, "it takes too long until "+what)
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(began)
}
