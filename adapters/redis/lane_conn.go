package redis

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// keep keeps the lane connected until ctx ends. A connection whose time is over
// serves until there is the next.
func (l *lane) keep(ctx context.Context) {
	for wait := (backoff{}); ctx.Err() == nil; {
		conn, err := l.node.connect(ctx, l.node.rdb)
		if err != nil {
			wait.pause(ctx)
			continue
		}
		wait = backoff{}
		broken := l.use(conn)
		over := time.NewTimer(jittered(laneLifetime))
		select {
		case <-broken:
		case <-ctx.Done():
			l.drop(conn)
		case <-over.C:
		}
		over.Stop()
	}
}

// use makes conn the lane's connection and closes the one before. A batch that is
// under way there ends first.
func (l *lane) use(conn *redis.Conn) (broken <-chan struct{}) {
	l.mu.Lock()
	last := l.conn
	l.conn, l.broken = conn, make(chan struct{})
	broken = l.broken
	if last != nil {
		l.giveUpLocked(last)
	}
	l.mu.Unlock()
	l.node.wake()
	return broken
}

// drop gives conn up, if it is still the lane's. The lane's owner connects again.
func (l *lane) drop(conn *redis.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == conn && conn != nil {
		l.conn = nil
		close(l.broken)
		l.giveUpLocked(conn)
	}
}

// giveUpLocked closes conn when no batch is under way on it: a connection is used by
// one goroutine at a time.
func (l *lane) giveUpLocked(conn *redis.Conn) {
	l.old = append(l.old, conn)
	if !l.busy {
		l.closeLocked()
	}
}

// closeLocked closes what was given up, and does not wait for it.
func (l *lane) closeLocked() {
	for _, conn := range l.old {
		l.node.running.Go(func() { _ = conn.Close() })
	}
	l.old = nil
}
