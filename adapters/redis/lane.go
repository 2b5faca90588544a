package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// lane is one established connection. Whoever finds it idle sends at once, without
// a change of goroutines; what is asked meanwhile is sent together when the replies
// are there (group commit), so it waits for less than a round trip.
type lane struct {
	node *node

	mu     sync.Mutex
	conn   *redis.Conn // nil while there is none
	broken chan struct{}
	queue  []*exchange
	busy   bool          // a batch is under way
	old    []*redis.Conn // given up, to be closed when no batch is under way
}

// exchange is the commands of one caller.
type exchange struct {
	cmds []redis.Cmder
	done chan struct{} // closed when the commands have their replies, or err is set
	err  error         // why there are no replies
}

// maxBatch is how many commands share a round trip.
const maxBatch = 512

var (
	// errNotSent: the commands have had no effect and will have none.
	errNotSent = errors.New("redis: not sent in time")
	// errNoReply: the commands may have been carried out, or still may be.
	errNoReply = errors.New("redis: no reply in time")
)

// do has the commands carried out in their order. After an error they may not be
// looked at; the error is errNotSent when they had no effect.
func (l *lane) do(ctx context.Context, cmds []redis.Cmder) error {
	x := &exchange{cmds: cmds, done: make(chan struct{})}
	l.mu.Lock()
	l.queue = append(l.queue, x)
	lead := !l.busy
	l.busy = true
	l.mu.Unlock()
	if lead {
		l.sendQueued()
		return x.err
	}
	budget := time.NewTimer(l.node.client.timeout)
	defer budget.Stop()
	select {
	case <-x.done:
		return x.err
	case <-ctx.Done():
		return l.abandon(x, context.Cause(ctx))
	case <-budget.C:
		return l.abandon(x, nil)
	}
}

// abandon takes x out of the queue, if it is still there.
func (l *lane) abandon(x *exchange, cause error) error {
	l.mu.Lock()
	at := slices.Index(l.queue, x)
	if at >= 0 {
		l.queue = slices.Delete(l.queue, at, at+1)
	}
	l.mu.Unlock()
	switch {
	case at >= 0 && cause != nil:
		return fmt.Errorf("%w: %w", errNotSent, cause)
	case at >= 0:
		return errNotSent
	case cause != nil:
		return fmt.Errorf("%w: %w", errNoReply, cause)
	}
	return errNoReply
}

// sendQueued sends the first batch and leaves what was queued meanwhile to a
// goroutine, so that no caller works for others longer than for itself.
func (l *lane) sendQueued() {
	if l.sendBatch() {
		l.node.running.Go(func() {
			for l.sendBatch() {
			}
		})
	}
}

// sendBatch sends what is queued and reports whether more was queued meanwhile. If
// not, the lane is idle. Callers may have given up all that was queued.
func (l *lane) sendBatch() (more bool) {
	if batch, conn := l.take(); len(batch) > 0 {
		err := l.roundTrip(conn, batch)
		for _, x := range batch {
			x.err = err
			close(x.done)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeLocked()
	l.busy = len(l.queue) > 0
	return l.busy
}

func (l *lane) take() (batch []*exchange, conn *redis.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for total := 0; n < len(l.queue); n++ {
		if total += len(l.queue[n].cmds); total > maxBatch && n > 0 {
			break
		}
	}
	batch = slices.Clone(l.queue[:n])
	l.queue = append(l.queue[:0:0], l.queue[n:]...)
	return batch, l.conn
}

// roundTrip has the commands of a batch carried out. An error means that the
// connection is of no use any more.
func (l *lane) roundTrip(conn *redis.Conn, batch []*exchange) error {
	if conn == nil {
		return errNotSent
	}
	cmds := batch[0].cmds
	if len(batch) > 1 {
		cmds = slices.Clone(cmds)
		for _, x := range batch[1:] {
			cmds = append(cmds, x.cmds...)
		}
	}
	err := roundTrip(context.Background(), conn, cmds)
	if err != nil {
		l.drop(conn)
		l.node.suspect()
		return fmt.Errorf("%w: %w", errNoReply, err)
	}
	for _, cmd := range cmds {
		if isRefusal(cmd.Err()) {
			l.node.suspect()
			break
		}
	}
	return nil
}

// roundTrip returns the error of the connection. Those of the server are the
// commands' own.
func roundTrip(ctx context.Context, conn *redis.Conn, cmds []redis.Cmder) error {
	if len(cmds) == 1 {
		_ = conn.Process(ctx, cmds[0])
	} else {
		_, _ = conn.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, cmd := range cmds {
				_ = p.Process(ctx, cmd) // is queued
			}
			return nil
		})
	}
	for _, cmd := range cmds {
		var reply redis.Error
		if err := cmd.Err(); err != nil && !errors.As(err, &reply) {
			return err
		}
	}
	return nil
}

// load returns how busy the lane is, and false if it is not connected.
func (l *lane) load() (queued int, connected bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	queued = len(l.queue)
	if l.busy {
		queued++
	}
	return queued, l.conn != nil
}
