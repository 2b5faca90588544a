package flight

import (
	"context"
	"time"
)

// wait waits for the result of a call that the caller has entered.
func (g *Group[K, V]) wait(ctx context.Context, key K, c *call[V], patience time.Duration) (v V, err error) {
	var out <-chan time.Time
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		out = timer.C
	}
	select {
	case <-c.done:
		return c.value, c.err
	default:
	}
	select {
	case <-c.done:
		return c.value, c.err
	case <-out:
		g.detach(c)
		err = ErrDetached
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	g.leave(key, c)
	return v, err
}

// detach has the call go on for a while although all callers leave.
func (g *Group[K, V]) detach(c *call[V]) {
	g.mu.Lock()
	c.keep = time.Now().Add(g.kept)
	g.mu.Unlock()
}

// leave takes one caller off the call. When that was the last one, the call is
// watched from then on.
func (g *Group[K, V]) leave(key K, c *call[V]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.waiters--
	if c.waiters > 0 || c.watched || c.over {
		return
	}
	c.watched = true
	c.watcher.Go(func() { g.watch(key, c) })
}

// watch cancels the call unless somebody joins it, or it is to be kept.
func (g *Group[K, V]) watch(key K, c *call[V]) {
	for {
		keep := c.work.Keep()
		wait, ended := g.abandon(key, c, keep)
		if ended {
			return
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-c.done:
			timer.Stop()
			return
		}
	}
}

// abandon cancels the call if nobody waits for it and it is not kept. It returns how
// long to wait before it is looked at again, or that it need not be.
func (g *Group[K, V]) abandon(key K, c *call[V], keep time.Duration) (wait time.Duration, ended bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	wait = max(keep, time.Until(c.keep))
	switch {
	case c.over:
		return 0, true
	case c.waiters > 0:
		c.watched = false
		return 0, true
	case wait > 0:
		return wait, false
	}
	g.closeLocked(key, c) // callers that come later start another
	c.cancel(ErrAbandoned)
	return 0, true
}
