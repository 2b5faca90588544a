package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// statement is one call of the source for many keys, with one slot. It is made when all
// that have a share have decided whether they need it, and cancelled when they have all
// gone.
type statement struct {
	b      *batcher
	ctx    context.Context
	cancel context.CancelFunc
	full   chan struct{} // closed when there is no share left
	ready  chan struct{} // closed when it has a slot, or err is set
	err    error         // why it has none
	memory *reservation

	undecided atomic.Int64 // shares, and the statement itself until it has a slot

	// Guarded by batcher.mu.
	shares  int // given out
	present int // not done yet

	mu     sync.Mutex
	wanted []wanted
}

// wanted is a key that is to be loaded, and where its response goes.
type wanted struct {
	key       domain.Key
	responses chan response
}

// share is access to the source by a statement.
type share struct{ st *statement }

func (s share) free() { s.st.decide() }
func (s share) done() { s.st.b.leave(s.st) }

// load has no use for a validator: a batch source knows none.
func (s share) load(_ context.Context, key domain.Key, _ domain.Validator) <-chan response {
	w := wanted{key, make(chan response, 1)}
	s.st.mu.Lock()
	s.st.wanted = append(s.st.wanted, w)
	s.st.mu.Unlock()
	s.st.decide()
	return w.responses
}

// decide is called once for each share.
func (st *statement) decide() {
	if st.undecided.Add(-1) == 0 {
		go st.run()
	}
}

// form waits for shares and then for a slot.
func (st *statement) form() {
	timer := time.NewTimer(st.b.wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		st.awaitExpected()
	case <-st.full:
	case <-st.ctx.Done():
	}
	st.b.close(st)
	st.err = st.b.awaitSlot(st.ctx)
	close(st.ready)
	if st.err == nil {
		st.decide()
	}
}

// awaitExpected waits for keys of batches that are on their way now.
func (st *statement) awaitExpected() {
	for _, e := range st.b.awaited() {
		select {
		case <-e.arrived:
		case <-st.full:
			return
		case <-st.ctx.Done():
			return
		}
	}
}

// run loads what is wanted, and frees the slot.
func (st *statement) run() {
	defer st.b.slots.free()
	if len(st.wanted) == 0 {
		return
	}
	ctx, cancel := context.WithTimeoutCause(st.ctx, st.b.timeout, domain.ErrTimeout)
	defer cancel()
	st.b.rec.Event(ports.SourceCalled)
	loaded, took, err := st.ask(st.memory.in(ctx))
	st.b.ended(ctx, took, cmp.Or(err, failureOfAll(loaded)))
	for i, w := range st.wanted {
		r := response{took: took, err: err}
		if err == nil {
			r.value, r.err = loaded[i].Value, loaded[i].Err
		}
		if r.err != nil && ctx.Err() != nil {
			r.err = context.Cause(ctx)
		}
		w.responses <- r
	}
}

// failureOfAll returns why no key was answered, or nil if one was.
func failureOfAll(loaded []ports.Loaded) error {
	if slices.ContainsFunc(loaded, func(l ports.Loaded) bool { return l.Err == nil || errors.Is(l.Err, domain.ErrNotFound) }) || len(loaded) == 0 {
		return nil
	}
	return loaded[0].Err
}

func (st *statement) ask(ctx context.Context) (loaded []ports.Loaded, took time.Duration, err error) {
	err = errNoAnswer // stands if the call ends its goroutine
	defer st.b.measure(&took, &err)()
	keys := make([]domain.Key, len(st.wanted))
	for i, w := range st.wanted {
		keys[i] = w.key
	}
	defer st.memory.freeTurn()
	loaded, err = st.b.many.LoadMany(ctx, keys), nil
	if len(loaded) != len(keys) {
		err = fmt.Errorf("%w: %d results for %d keys", domain.ErrSourceFailed, len(loaded), len(keys))
	}
	return loaded, took, err
}
