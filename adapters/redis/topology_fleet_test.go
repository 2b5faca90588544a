//go:build fleet

package redis

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestFleetUserNeedsEachOfTheDocumentedRights(t *testing.T) {
	server := redistest.Start(t)
	url := strings.Replace(server.URL(), "redis://", "redis://mlcache:secret@", 1)
	grant := func(rights []string) {
		server.Command("FLUSHALL")
		server.Command("SCRIPT", "FLUSH")
		server.Command(slices.Concat([]string{"ACL", "SETUSER", "mlcache", "reset", "on", ">secret"}, rights)...)
	}
	grant(rights)
	a, b := join(t, url), join(t, url)
	require.NoError(t, resubscribeAndExercise(t, server, a, b, parse(t, "all"), patience))
	for i, right := range rights {
		grant(slices.Delete(slices.Clone(rights), i, i+1))
		require.Error(t, resubscribeAndExercise(t, server, a, b, parse(t, right), time.Second), "%s is not needed", right)
	}
}

// resubscribeAndExercise fails if it takes longer than the limit, which is brief
// where it must fail.
func resubscribeAndExercise(t *testing.T, server *redistest.Server, a, b member, key domain.Key, limit time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	gaps := b.news.gaps.Load()
	server.Command("CLIENT", "KILL", "TYPE", "pubsub")
	for ; b.news.gaps.Load() == gaps; time.Sleep(time.Millisecond) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return exercise(ctx, a, b, key)
}

// clusterRights are what an ACL user has on a Cluster besides.
var clusterRights = []string{"+cluster|slots", "+command", loading}

func TestFleetUserWithTheDocumentedRightsCanDoEverythingOnACluster(t *testing.T) {
	cluster := redistest.StartCluster(t)
	for _, node := range cluster.Nodes() {
		node.Command(slices.Concat([]string{"ACL", "SETUSER", "mlcache", "on", ">secret"}, rights, clusterRights)...)
	}
	url := strings.Replace(cluster.URL(), "redis://", "redis://mlcache:secret@", 1)
	a, b := join(t, url), join(t, url)
	awaitRecovery(t, a, b)
}

func TestFleetUnderSentinelLeavesAMasterThatHangsAndItsReturnDoesNoHarm(t *testing.T) {
	sentinel := redistest.StartSentinel(t)
	a, b := join(t, sentinel.URL()), join(t, sentinel.URL())
	awaitA, awaitB := a.gap(t), b.gap(t)
	sentinel.Master.Pause()
	sentinel.AwaitFailover()
	awaitA() // until the silence is noticed, both believe to be connected
	awaitB()
	awaitRecovery(t, a, b)

	sentinel.Replica.Resume()
	awaitRecovery(t, a, b)
	sentinel.AwaitInStep()
	sentinel.KillMaster() // and back to the first
	awaitRecovery(t, a, b)
}

func TestFleetOnAClusterLeavesAMasterThatHangsAndItsReturnDoesNoHarm(t *testing.T) {
	cluster := redistest.StartCluster(t)
	a, b := join(t, cluster.URL()), join(t, cluster.URL())
	pair := cluster.Of(b.client.own())
	awaitB := b.gap(t)
	pair.Master.Pause()
	pair.AwaitFailover()
	awaitB() // until the silence is noticed, it believes to be connected
	awaitRecovery(t, a, b)

	pair.Replica.Resume()
	awaitRecovery(t, a, b)
	pair.AwaitInStep()
	pair.KillMaster() // and back to the first
	awaitRecovery(t, a, b)
}
