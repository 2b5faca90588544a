package app

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// batcher is the gate of a source that loads many keys in a call. Misses that come at
// about the same time share a call, and so a slot. Each of them then acquires the
// lease of its key, and those that have one are loaded together. A call that is slow
// holds up nobody: misses that come later share the next one.
type batcher struct {
	*callers
	many    ports.BatchSource
	keys    int
	wait    time.Duration
	running sync.WaitGroup // goroutines that have no slot yet

	mu       sync.Mutex
	forming  *statement // that can be joined
	expected map[*expected]struct{}
}

func (b *batcher) keysPerCall() int { return b.keys }

// expected are keys of one batch that will join a statement, or turn out not to need to.
// A statement waits for those that are expected when its window ends, and for none that
// come later: else other batches could hold it up for ever.
type expected struct {
	b       *batcher
	left    int           // keys, and one until end; guarded by batcher.mu
	arrived chan struct{} // closed when none is left
}

func (b *batcher) expect() *expected {
	e := &expected{b: b, left: 1, arrived: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected[e] = struct{}{}
	return e
}

// key adds one. The caller calls arrived when the key has entered, at the latest, or
// will not. It may do so more than once.
func (e *expected) key() (arrived func()) {
	if e == nil {
		return notExpected
	}
	e.b.mu.Lock()
	defer e.b.mu.Unlock()
	e.left++
	return sync.OnceFunc(e.end)
}

// end says that no more keys are added, or that one has arrived.
func (e *expected) end() {
	if e == nil {
		return
	}
	e.b.mu.Lock()
	defer e.b.mu.Unlock()
	if e.left--; e.left == 0 {
		delete(e.b.expected, e)
		close(e.arrived)
	}
}

// awaited returns what is expected now.
func (b *batcher) awaited() []*expected {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Keys(b.expected))
}

func (b *batcher) enter(ctx context.Context, mayWait bool, arrived func()) (access, error) {
	if !mayWait && b.slots.full() {
		return nil, domain.ErrOverloaded
	}
	st := b.join(ctx)
	arrived()
	select {
	case <-st.ready:
		if st.err == nil {
			return share{st}, nil
		}
		b.leave(st)
		return nil, st.err
	case <-ctx.Done():
		st.decide()
		b.leave(st)
		return nil, context.Cause(ctx)
	}
}

func (b *batcher) awaitIdle(ctx context.Context) error {
	b.running.Wait() // nobody has a share: they end at once
	return b.callers.awaitIdle(ctx)
}

// join gives out a share of the statement that is forming, or of a new one.
func (b *batcher) join(ctx context.Context) *statement {
	b.mu.Lock()
	defer b.mu.Unlock()
	st := b.forming
	if st == nil {
		st = &statement{b: b, full: make(chan struct{}), ready: make(chan struct{}), memory: b.reserve(make(slots, 1))}
		st.ctx, st.cancel = context.WithCancel(context.WithoutCancel(ctx))
		st.undecided.Store(1)
		b.forming = st
		b.running.Go(st.form)
	}
	st.undecided.Add(1)
	st.present++
	if st.shares++; st.shares == b.keys {
		b.forming = nil
		close(st.full)
	}
	return st
}

// leave takes one owner of a share off st, and ends it with the last one.
func (b *batcher) leave(st *statement) {
	b.mu.Lock()
	st.present--
	last := st.present == 0
	if last && b.forming == st {
		b.forming = nil
	}
	b.mu.Unlock()
	if last {
		st.cancel()
		st.memory.end()
	}
}

// close gives out no more shares of st.
func (b *batcher) close(st *statement) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.forming == st {
		b.forming = nil
	}
}

// newGate returns the gate that suits the source.
func newGate(c *callers) gate {
	if many, ok := c.source.(ports.BatchSource); ok {
		if keys, wait := many.Batch(); keys > 1 {
			return &batcher{callers: c, many: many, keys: keys, wait: wait, expected: make(map[*expected]struct{})}
		}
	}
	return single{c}
}
