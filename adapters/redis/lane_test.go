package redis

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// Between two batches all that are queued may give up.
func TestALaneWhoseCallersHaveAllLeftIsIdle(t *testing.T) {
	rdb := redis.NewClient(&redis.Options{})
	t.Cleanup(func() { _ = rdb.Close() })
	l := &lane{node: &node{client: &Client{connections: &connections{timeout: time.Minute}}}, conn: rdb.Conn(), busy: true}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	require.ErrorIs(t, l.do(ctx, &call{cmds: []redis.Cmder{redis.NewStatusCmd(ctx, "ping")}}), errNotSent)

	require.False(t, l.sendBatch())
	require.False(t, l.busy)
}

func TestACallThatLeavesBeforeItsTurnHasNoEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lane{busy: true} // by a batch that does not end
		ctx, cancel := context.WithCancelCause(t.Context())
		ended, gone := make(chan error), errors.New("gone")
		go func() { ended <- l.do(ctx, &call{}) }()
		synctest.Wait()
		require.Len(t, l.queue, 1)
		cancel(gone)
		err := <-ended
		require.ErrorIs(t, err, gone)
		require.ErrorIs(t, err, errNotSent)
		require.Empty(t, l.queue)
	})
}

func TestAllThatIsQueuedGoesInTheNextRoundTrip(t *testing.T) {
	l := &lane{}
	for range 10_000 {
		l.queue = append(l.queue, &exchange{call: &call{cmds: make([]redis.Cmder, 2)}})
	}
	batch, _ := l.take()
	require.Len(t, batch, 10_000)
	require.Empty(t, l.queue)
}

func TestACallThatWaitsBehindASilentServerFailsUnsent(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	in := instanceOf(t, options(proxy.URL()), times)
	l := in.client.nodes.(single).node.lanes[lanesPerNode-1] // one for reads
	get := func(key string) error {
		return l.do(t.Context(), &call{cmds: []redis.Cmder{redis.NewStringCmd(t.Context(), "get", key)}})
	}
	eventually(t, "the lane is connected", func() bool { _, connected := l.load(); return connected })
	silent := proxy.FreezeReply("silent")
	var first sync.WaitGroup
	first.Go(func() { assert.ErrorIs(t, get("silent"), errNoReply) })
	awaitClosed(t, silent.Begun)
	if err := get("k"); err != nil { // else there was a new connection by then
		require.ErrorIs(t, err, errNotSent)
	}
	first.Wait()
}
