package main

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// startFarFleet starts n instances as startFleet does, with a network between them and
// Redis that has this round-trip time.
func startFarFleet(t *testing.T, rtt time.Duration, n int, flags ...string) (*fleet, *redistest.Proxy) {
	t.Helper()
	f := &fleet{t: t, redis: redistest.Start(t), origin: cachetest.StartOrigin(t)}
	proxy := redistest.StartProxy(t, f.redis.Addr())
	proxy.Become(redistest.Network{RTT: rtt, Jitter: 0.2, Seed: 1})
	f.launch(n, proxy.URL(), flags)
	return f, proxy
}

// farAway is the round-trip time to a Redis in another data centre.
const farAway = 20 * time.Millisecond

func TestFleetUsesARedisThatIsFarAwayFromTheFirstRequestOn(t *testing.T) {
	t.Parallel()
	f, _ := startFarFleet(t, farAway, 3, "--l2-timeout=10s") // a busy machine is late, too
	release := f.origin.Hold("cold", cachetest.Plan{})
	replies := make(chan []reply, 1)
	go func() { replies <- f.ask(200, "cold") }()
	f.awaitWaiting(200)
	// Who comes to the lease when it has ended wins one too, though it needs no call then.
	eventually(t, "two instances wait for the lease of the third", func() bool { return f.redis.Command("SCARD", "mlc:{cold}:waiters") == "2" })
	release()
	requireAll(t, <-replies, http.StatusOK)
	require.Equal(t, 1, f.origin.Called("cold"), "however many ask on however many instances")
	const keys = 50
	for i := range keys {
		require.Equal(t, http.StatusOK, f.members[0].ask("key-"+strconv.Itoa(i)).status)
	}
	for i := range keys {
		r := f.members[1].ask("key-" + strconv.Itoa(i))
		require.Equal(t, "l2", detail(r), r.header.Get("Cache-Status"))
	}
	for _, p := range f.members {
		m := p.metrics()
		require.Zero(t, m["l2_failures"])
		require.Zero(t, m["loads_unleased"])
	}
	require.EqualValues(t, keys+1, f.members[0].metrics()["leases_won"]+f.members[1].metrics()["leases_won"]+f.members[2].metrics()["leases_won"])
}
