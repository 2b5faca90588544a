package redis

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

func TestInvalidationsStayInTheirDatabase(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for _, databases := range [][2]string{{"/0", "/1"}, {"/1", "/0"}, {"/1", "/11"}} {
		here := join(t, server.URL()+databases[0])
		same, other := open(t, server.URL()+databases[0], times), open(t, server.URL()+databases[1], times)
		elsewhere, mine := parse(t, "elsewhere"), parse(t, "mine")
		require.NoError(t, other.store.Delete(t.Context(), elsewhere))
		require.NoError(t, same.store.Delete(t.Context(), mine))
		require.Equal(t, mine, <-here.news.changed, "the server delivers in order, and this came second")
	}
}
