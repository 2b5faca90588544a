package redis

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

func TestTheContractsAreKeptOnACluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	contracts(t, cluster.URL(), cluster.URL())
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
