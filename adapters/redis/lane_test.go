package redis

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// Between two batches all that are queued may give up.
func TestALaneWhoseCallersHaveAllLeftIsIdle(t *testing.T) {
	rdb := redis.NewClient(&redis.Options{})
	t.Cleanup(func() { _ = rdb.Close() })
	l := &lane{node: &node{client: &Client{timeout: time.Minute}}, conn: rdb.Conn(), busy: true}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	require.ErrorIs(t, l.do(ctx, []redis.Cmder{redis.NewStatusCmd(ctx, "ping")}, nil), errNotSent)

	require.False(t, l.sendBatch())
	require.False(t, l.busy)
}
