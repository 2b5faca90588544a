package redis

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestInvalidationsStayInTheirDatabase(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for _, databases := range [][2]string{{"/0", "/1"}, {"/1", "/0"}, {"/1", "/11"}} {
		here := join(t, server.URL()+databases[0])
		same, other := open(t, server.URL()+databases[0], times), open(t, server.URL()+databases[1], times)
		elsewhere, mine := parse(t, "elsewhere"), parse(t, "mine")
		require.NoError(t, other.store.Invalidate(t.Context(), elsewhere, domain.Invalidation{}))
		require.NoError(t, same.store.Invalidate(t.Context(), mine, domain.Invalidation{}))
		require.Equal(t, mine, <-here.news.changed, "the server delivers in order, and this came second")
	}
}

// Each hit in L1 asks both while Redis is gone.
func TestAvailableAndSubscribedTakeNoLock(t *testing.T) {
	t.Parallel()
	in := join(t, redistest.StartCluster(t).URL())
	nodes, isCluster := in.client.nodes.(*cluster)
	require.True(t, isCluster)
	in.client.mu.Lock()
	defer in.client.mu.Unlock()
	nodes.mu.Lock()
	defer nodes.mu.Unlock()
	in.bus.all.mu.Lock()
	defer in.bus.all.mu.Unlock()
	require.True(t, in.bus.Available())
	require.True(t, in.bus.Subscribed())
}
