package redis

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"
)

// lane is one established connection. A caller that finds it idle sends at once; all
// that is asked meanwhile is sent together when the replies are there (group commit), so
// a call waits for at most one round trip of others.
type lane struct {
	node  *node
	waits bool // for the replicas, at the end of each round trip

	mu     sync.Mutex
	conn   *redis.Conn // nil while there is none
	broken chan struct{}
	queue  []*exchange
	busy   bool          // a batch is under way
	old    []*redis.Conn // given up, to be closed when no batch is under way
}

// do has the commands carried out in their order. After an error they may not be looked
// at; the error is errNotSent when they had no effect. A call whose turn has not come when
// the lane has been silent for the budget fails with those that it waits for.
func (l *lane) do(ctx context.Context, c *call) error {
	x := &exchange{call: c, sent: make(chan struct{}), done: make(chan struct{})}
	l.mu.Lock()
	l.queue = append(l.queue, x)
	lead := !l.busy
	l.busy = true
	l.mu.Unlock()
	if lead {
		l.sendQueued()
		return x.err
	}
	select {
	case <-x.sent:
	case <-ctx.Done():
		return l.abandon(x, context.Cause(ctx))
	}
	return x.await(ctx)
}

// abandon takes x out of the queue, if it has not just been sent.
func (l *lane) abandon(x *exchange, cause error) error {
	l.mu.Lock()
	at := slices.Index(l.queue, x)
	if at >= 0 {
		l.queue = slices.Delete(l.queue, at, at+1)
	}
	l.mu.Unlock()
	if at < 0 {
		<-x.sent
		return fmt.Errorf("%w: %w", errNoReply, cause)
	}
	return fmt.Errorf("%w: %w", errNotSent, cause)
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
// not, the lane is idle.
func (l *lane) sendBatch() bool {
	batch, conn := l.take()
	if len(batch) > 0 { // else all have left the queue
		l.carryOut(conn, batch)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeLocked()
	l.busy = len(l.queue) > 0
	return l.busy
}

// carryOut sends a batch and says to its callers what came of it.
func (l *lane) carryOut(conn *redis.Conn, batch []*exchange) {
	for before, x := range batch {
		if x.begin != nil {
			x.begin(before)
		}
		close(x.sent)
	}
	err := l.roundTrip(conn, batch)
	for _, x := range batch {
		x.err = err
		close(x.done)
	}
}

func (l *lane) take() (batch []*exchange, conn *redis.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch, l.queue = l.queue, nil
	return batch, l.conn
}

// roundTrip has the commands of a batch carried out. An error means that the
// connection is of no use any more.
func (l *lane) roundTrip(conn *redis.Conn, batch []*exchange) error {
	if conn == nil {
		return errNotSent
	}
	cmds := l.commands(batch)
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

// commands returns those of all calls in a batch. One WAIT is for all of them: it
// counts the replicas that have everything which the connection wrote before.
func (l *lane) commands(batch []*exchange) []redis.Cmder {
	cmds := batch[0].cmds
	if len(batch) == 1 && !l.waits {
		return cmds
	}
	cmds = slices.Clone(cmds)
	for _, x := range batch[1:] {
		cmds = append(cmds, x.cmds...)
	}
	if l.waits {
		c := l.node.client
		acks := redis.NewIntCmd(context.Background(), "wait", c.replicas, max(1, (c.timeout/2).Milliseconds()))
		for _, x := range batch {
			x.acks = acks
		}
		cmds = append(cmds, acks)
	}
	return cmds
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
