package redis

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

var (
	// errNotSent: the commands have had no effect and will have none.
	errNotSent = errors.New("redis: not sent in time")
	// errNoReply: the commands may have been carried out, or still may be.
	errNoReply = errors.New("redis: no reply in time")
	// errNotReplicated: the write has taken effect on the master, and may be lost with it.
	errNotReplicated = errors.New("redis: too few replicas have the write in time; it may or may not be applied")
)

// call is the commands of one caller.
type call struct {
	cmds []redis.Cmder
	// begin is called when the commands are about to be sent, if it is not nil, with how
	// many calls go before them in the same round trip.
	begin func(before int)
	// acks is the WAIT that followed the commands, nil on lanes that do not wait.
	acks *redis.IntCmd
}

// replicated returns an error unless so many replicas have the writes of the call.
func (c *call) replicated(replicas int) error {
	switch {
	case c.acks == nil:
		return nil
	case c.acks.Err() != nil:
		return fmt.Errorf("%w: %w", errNotReplicated, c.acks.Err())
	case c.acks.Val() < int64(replicas):
		return errNotReplicated
	}
	return nil
}

// exchange is one try of a call on a lane.
type exchange struct {
	*call
	sent chan struct{} // closed when the commands are about to be sent
	done chan struct{} // closed when the commands have their replies, or err is set
	err  error         // why there are no replies
}

// await waits for the replies, which the lane gives up in time.
func (x *exchange) await(ctx context.Context) error {
	select {
	case <-x.done:
		return x.err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errNoReply, context.Cause(ctx))
	}
}

// roundTrip returns the error of the connection. Those of the server are the
// commands' own.
func roundTrip(ctx context.Context, conn *redis.Conn, cmds []redis.Cmder) error {
	var err error
	if len(cmds) == 1 {
		err = conn.Process(ctx, cmds[0])
	} else {
		_, err = conn.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, cmd := range cmds {
				_ = p.Process(ctx, cmd) // is queued
			}
			return nil
		})
	}
	if err == nil {
		return nil
	}
	for _, cmd := range cmds {
		if !isReply(cmd.Err()) {
			return cmd.Err()
		}
	}
	if !isReply(err) { // of commands that were not even begun
		return err
	}
	return nil
}
