package redis

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

func TestWhenSentinelPromotesAReplicaAllGoesOnThereByItself(t *testing.T) {
	t.Parallel()
	sentinel := redistest.StartSentinel(t)
	a, b := join(t, sentinel.URL()), join(t, sentinel.URL())
	key, awaitGap := parse(t, "k"), b.gap(t)
	require.NoError(t, exercise(t.Context(), a, b, key))

	hasty := impatient(t, sentinel.URL())
	awaitGet(t, hasty, key)
	awaitReplicated(t, sentinel.Replica, key)
	sentinel.KillMaster()
	awaitGet(t, hasty, key) // and the replica has what the master had
	awaitGap()
	awaitRecovery(t, a, b)
}
