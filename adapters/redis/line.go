package redis

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// pipelining says how commands share round trips: whoever asks while a batch is on
// its way goes with the next. Several batches may be under way, so that a large
// value does not hold up what has nothing to do with it; no two commands of this
// package that are under way at once depend on their order.
func pipelining() *redis.AutoPipelineOptions {
	return &redis.AutoPipelineOptions{Unordered: true, MaxConcurrentBatches: batchesAtOnce, MaxBatchSize: 300}
}

const batchesAtOnce = 4

// send has cmd sent together with what others send, and waits for its reply, or
// for ctx. Only after an error of ctx may cmd not be looked at: its reply may still
// come.
func (c *Client) send(ctx context.Context, cmd redis.Cmder) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	reply := c.line.Submit(ctx, cmd)
	if err := reply.WaitContext(ctx); ctx.Err() == nil {
		return err
	}
	// On a busy machine the reply may have been there before this goroutine's turn.
	return reply.WaitContext(ctx)
}

// run runs a script by its digest, or by its text if the server does not have it.
func (c *Client) run(ctx context.Context, s script, keys []string, args ...any) (*redis.Cmd, error) {
	cmd := s.command(ctx, "evalsha", s.digest, keys, args)
	err := c.send(ctx, cmd)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		cmd = s.command(ctx, "eval", s.source, keys, args)
		err = c.send(ctx, cmd)
	}
	return cmd, err
}
