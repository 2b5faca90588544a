// Package flight lets callers that want the same thing at the same time share one
// call: the first starts it, the others join it while it is in flight.
//
// It is the single-flight group of groupcache and golang.org/x/sync, with what a
// server needs besides: a call belongs to the group and outlives the caller that
// started it; each caller waits within its own context; the call is cancelled when
// nobody waits any more; a call that has become outdated is finished for those that
// joined it, and joined by nobody else.
//
// The package knows neither what is called nor why.
package flight

import (
	"context"
	"errors"
	"sync"
	"time"
)

// The errors of a Group. ErrAbandoned and ErrClosed are also the causes for which
// the context of a call ends.
var (
	ErrLimit     = errors.New("flight: too many calls")
	ErrClosed    = errors.New("flight: closed")
	ErrDetached  = errors.New("flight: the call goes on, the caller does not wait")
	ErrAbandoned = errors.New("flight: nobody waits for the call")
	ErrNoResult  = errors.New("flight: the call ended without a result")
)

// Work is what one call does. Its methods are called without a lock held.
type Work[V any] interface {
	// Try runs on the goroutine of the caller that starts the call. It is short, and
	// returns false when the result takes a Run.
	Try(ctx context.Context) (v V, done bool, err error)

	// Run runs on a goroutine of the call.
	Run(ctx context.Context) (V, error)

	// Keep returns how long the call goes on although nobody waits for it. It is
	// called, possibly during Run, when the last caller has left, and again after
	// that time. When it returns 0 or less, the call is cancelled.
	Keep() time.Duration

	// Spare says that another call for the key is in flight, and that this one will
	// not begin unless Do is called again.
	Spare()

	// Void says that the call has become outdated, see Group.Void.
	Void()
}

// Group holds the calls in flight, by key. It is safe for concurrent use and must be
// closed.
type Group[K comparable, V any] struct {
	limit int
	kept  time.Duration

	mu     sync.Mutex
	open   map[K]*call[V]        // those that may be joined
	active map[*call[V]]struct{} // all
	closed bool
}

// call is one call. The value and the error are set before done is closed.
type call[V any] struct {
	work  Work[V]
	began time.Time
	done  chan struct{}
	value V
	err   error

	watcher sync.WaitGroup // asks Keep; begun by callers that leave

	// Guarded by Group.mu. The first two are nil before Run.
	cancel  context.CancelCauseFunc
	ended   chan struct{} // closed when no goroutine of the call runs any more
	waiters int
	keep    time.Time // when detached callers lose interest
	watched bool
	over    bool // it is finished or cancelled
}

// NewGroup returns a Group of at most limit calls at once. A call that callers have
// detached from goes on for up to kept without anyone waiting.
func NewGroup[K comparable, V any](limit int, kept time.Duration) *Group[K, V] {
	return &Group[K, V]{limit: limit, kept: kept, open: make(map[K]*call[V]), active: make(map[*call[V]]struct{})}
}

// Do joins the call for key that is in flight, or starts one that does w, and
// returns its result. The error is the call's, ErrLimit or ErrClosed, or the cause of
// ctx's end: the call then goes on for the others. After patience, if that is not 0,
// Do returns ErrDetached and the call goes on in any case.
//
// The call takes the values of the ctx that starts it and nothing else of it.
func (g *Group[K, V]) Do(ctx context.Context, key K, patience time.Duration, w Work[V]) (v V, started bool, err error) {
	c, started, err := g.enter(key, w)
	if err != nil {
		return v, false, err
	}
	if started {
		own := context.WithoutCancel(ctx)
		if !g.try(own, key, c) {
			g.start(own, key, c)
		}
	} else {
		w.Spare()
	}
	v, err = g.wait(ctx, key, c, patience)
	return v, started, err
}

// Start starts a call that nobody waits for and that is not cancelled for that. It
// returns false if there is one for key already, or none may be started.
func (g *Group[K, V]) Start(ctx context.Context, key K, w Work[V]) bool {
	c, started, err := g.enter(key, w)
	if err != nil {
		return false
	}
	if !started {
		g.leave(key, c)
		return false
	}
	g.start(context.WithoutCancel(ctx), key, c)
	return true
}

// enter adds a caller to the call for key, and reports whether it is a new one, which
// the caller has to see to.
func (g *Group[K, V]) enter(key K, w Work[V]) (c *call[V], started bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c = g.open[key]
	switch {
	case g.closed:
		return nil, false, ErrClosed
	case c != nil:
		c.waiters++
		return c, false, nil
	case len(g.active) >= g.limit:
		return nil, false, ErrLimit
	}
	c = &call[V]{work: w, began: time.Now(), done: make(chan struct{}), waiters: 1}
	g.open[key] = c
	g.active[c] = struct{}{}
	return c, true, nil
}

// try reports whether the call is finished.
func (g *Group[K, V]) try(ctx context.Context, key K, c *call[V]) (finished bool) {
	finished, c.err = true, ErrNoResult // stands if the goroutine ends meanwhile
	defer func() {
		if finished {
			g.finish(key, c)
		}
	}()
	c.value, finished, c.err = c.work.Try(ctx)
	return finished
}

// start runs the call on a goroutine of its own.
func (g *Group[K, V]) start(ctx context.Context, key K, c *call[V]) {
	ctx, cancel := context.WithCancelCause(ctx)
	g.mu.Lock()
	c.cancel, c.ended = cancel, make(chan struct{})
	if g.closed {
		cancel(ErrClosed)
	}
	g.mu.Unlock()
	go func() {
		defer close(c.ended)
		defer cancel(nil)
		c.err = ErrNoResult // stands if the goroutine ends meanwhile
		defer g.finish(key, c)
		c.value, c.err = c.work.Run(ctx)
	}()
}

// finish hands out the result. A call that ran may be watched, which ends before the
// call does.
func (g *Group[K, V]) finish(key K, c *call[V]) {
	g.mu.Lock()
	g.closeLocked(key, c)
	ran := c.ended != nil
	if !ran {
		delete(g.active, c)
	}
	g.mu.Unlock()
	close(c.done)
	if !ran {
		return
	}
	c.watcher.Wait()
	g.mu.Lock()
	delete(g.active, c)
	g.mu.Unlock()
}

// closeLocked lets nobody join the call any more. Another call may have taken its
// place.
func (g *Group[K, V]) closeLocked(key K, c *call[V]) {
	c.over = true
	if g.open[key] == c {
		delete(g.open, key)
	}
}
