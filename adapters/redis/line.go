package redis

import (
	"context"
	"runtime"

	"github.com/redis/go-redis/v9"
)

// pipelining says how commands share round trips: whoever asks while a batch is on
// its way goes with the next. One batch is under way at a time, so commands are
// carried out in the order in which they were submitted.
func pipelining() *redis.AutoPipelineOptions {
	return &redis.AutoPipelineOptions{MaxConcurrentBatches: 1, MaxBatchSize: 300}
}

// send has the commands carried out in their order, in one round trip, and returns
// the first error. A lone caller takes a connection of its own, which costs no
// change of goroutines; others are sent together, and waited for until ctx ends.
// Only after an error of ctx may the commands not be looked at: their replies may
// still come.
func (c *Client) send(ctx context.Context, cmds ...redis.Cmder) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// Whoever is ready to run may want the same, or something else at the same time.
	runtime.Gosched()
	if len(c.places) == 1 {
		return c.sendAlone(ctx, cmds)
	}
	replies := make([]redis.AutoFuture, len(cmds))
	for i, cmd := range cmds {
		replies[i] = c.line.Submit(ctx, cmd)
	}
	var first error
	for _, reply := range replies {
		err := reply.WaitContext(ctx)
		if ctx.Err() != nil {
			// On a busy machine the reply may have been there before this goroutine's turn.
			err = reply.WaitContext(ctx)
		}
		if first == nil {
			first = err
		}
	}
	return first
}

func (c *Client) sendAlone(ctx context.Context, cmds []redis.Cmder) error {
	if len(cmds) == 1 {
		return c.rdb.Process(ctx, cmds[0])
	}
	_, err := c.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, cmd := range cmds {
			_ = p.Process(ctx, cmd) // is queued
		}
		return nil
	})
	return err
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
