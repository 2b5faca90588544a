package flight

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Void says that the calls for these keys have become outdated: callers that come
// later start new ones. Those that have joined receive the result.
func (g *Group[K, V]) Void(keys ...K) {
	var voided []*call[V]
	g.mu.Lock()
	for _, key := range keys {
		if c := g.open[key]; c != nil {
			delete(g.open, key)
			voided = append(voided, c)
		}
	}
	g.mu.Unlock()
	for _, c := range voided {
		c.work.Void()
	}
}

// Reset has callers that come later start new calls, whatever the key. The work is
// not told.
func (g *Group[K, V]) Reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(map[K]*call[V])
}

// Drain waits until the calls that are in flight now have ended, or for ctx, the
// cause of whose end it then returns.
func (g *Group[K, V]) Drain(ctx context.Context) error {
	for _, c := range g.calls() {
		if !await(ctx, c.done) || !await(ctx, g.ended(c)) {
			return context.Cause(ctx)
		}
	}
	return nil
}

// ended returns what is closed at the end of the call, which has its result.
func (g *Group[K, V]) ended(c *call[V]) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.ended == nil { // it had that from Try
		return c.done
	}
	return c.ended
}

func await(ctx context.Context, done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// Close cancels all calls, lets none begin, and waits until they have ended, as
// Drain does.
func (g *Group[K, V]) Close(ctx context.Context) error {
	g.mu.Lock()
	g.closed = true
	var cancels []context.CancelCauseFunc
	for c := range g.active {
		if c.cancel != nil { // else it is cancelled when it starts to run
			cancels = append(cancels, c.cancel)
		}
	}
	g.mu.Unlock()
	for _, cancel := range cancels {
		cancel(ErrClosed)
	}
	return g.Drain(ctx)
}

func (g *Group[K, V]) calls() []*call[V] {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Collect(maps.Keys(g.active))
}

// Closed reports whether Close has begun.
func (g *Group[K, V]) Closed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// Len returns how many calls are in flight.
func (g *Group[K, V]) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.active)
}

// State is what is known of a call in flight.
type State struct {
	Waiters int
	Age     time.Duration
}

// State returns the state of the call for key, if one is in flight that may be
// joined.
func (g *Group[K, V]) State(key K) (State, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.open[key]
	if c == nil {
		return State{}, false
	}
	return State{Waiters: c.waiters, Age: time.Since(c.began)}, true
}
