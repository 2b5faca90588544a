package redis

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports/portstest"
)

func TestTheContractsAreKeptOnACluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	layer := portstest.Layer{
		Open: func(t *testing.T, l portstest.Limits) portstest.Harness {
			for _, master := range cluster.Masters() {
				master.Command("FLUSHALL")
			}
			o := LockerOptions{TTL: l.LockTTL, Cooldown: l.Cooldown}
			a, b := open(t, cluster.URL(), o), open(t, cluster.URL(), o)
			awaitListening(t, a)
			awaitListening(t, b)
			awaitQuiet(t, cluster, a)
			awaitQuiet(t, cluster, b)
			return portstest.Harness{
				A:       portstest.Instance{L2: a.store, Locker: a.locker, Bus: a.bus},
				B:       portstest.Instance{L2: b.store, Locker: b.locker, Bus: b.bus},
				Advance: func(d time.Duration) { olderOnAll(t, a.client, d) },
				Waiting: func(k domain.Key) int { return waiting(k, a, b) },
				Corrupt: func(k domain.Key, raw string) { corrupt(t, a.client.rdb, prefix, k, raw) },
			}
		},
	}
	portstest.L2AndLocker(t, layer)
	portstest.Bus(t, layer)
}

// awaitQuiet returns when in has heard all that was sent before. The nodes of a
// Cluster pass messages on to each other after they have answered, in order.
func awaitQuiet(t *testing.T, cluster *redistest.Cluster, in instance) {
	t.Helper()
	for _, master := range cluster.Masters() {
		heard, forget := in.bus.wakes.await(parse(t, "probe"))
		master.Command("PUBLISH", in.client.own(), "probe")
		select {
		case <-heard:
		case <-time.After(patience):
			require.FailNow(t, "a message is lost")
		}
		forget()
	}
}

// olderOnAll makes everything on all masters d older without waiting.
func olderOnAll(t *testing.T, c *Client, d time.Duration) {
	t.Helper()
	cluster, ok := c.rdb.(*redis.ClusterClient)
	require.True(t, ok)
	require.NoError(t, cluster.ForEachMaster(context.Background(), func(_ context.Context, master *redis.Client) error {
		older(t, master, prefix, d)
		return nil
	}))
}

func TestWhenMastersOfAClusterFailOverAllGoesOnByItself(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	a, b := join(t, cluster.URL()), join(t, cluster.URL())
	key, awaitGap := parse(t, "k"), b.gap(t)
	require.NoError(t, exercise(t.Context(), a, b, key))

	hasty := impatient(t, cluster.URL())
	awaitGet(t, hasty, key)
	pair := cluster.Of(namesOf(prefix, key).value)
	awaitReplicated(t, pair.Replica, key)
	pair.KillMaster()
	awaitGet(t, hasty, key) // and the replica has what the master had
	awaitRecovery(t, a, b)

	if subscribed := cluster.Of(b.client.own()); subscribed.Replica.Runs() {
		subscribed.KillMaster()
		awaitRecovery(t, a, b)
	}
	awaitGap()
}
