package app

import (
	"context"
	"errors"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const (
	// keysPerRead is how many keys one call of L2 is for, and readsAtOnce how many
	// such calls the batches of this process make at once: together they bound what
	// is read before it is known how much it is.
	keysPerRead = 100
	readsAtOnce = 8
	// loadedAtOnce bounds the bytes of values that batches have loaded and not yet
	// admitted, if each is as large as allowed.
	loadedAtOnce = 64 << 20
	// keysAtOnce is how many keys batches load at once at least from a source that
	// loads many in a call: it reserves memory for values of more than
	// ports.LargeBytes, so the others need half of that at most.
	keysAtOnce = 1000
)

// places are the slots that a load for a batch takes: one of the batch's, and one of
// those for all batches.
type places struct {
	own slots
	all *quota
}

// take waits for a place until ctx ends, and reports whether it got one.
func (p places) take(ctx context.Context) bool {
	if !p.own.take(ctx) {
		return false
	}
	if !p.all.take(ctx) {
		p.own.free()
		return false
	}
	return true
}

// tryTake takes a place if one is free.
func (p places) tryTake() bool {
	if !p.own.tryTake() {
		return false
	}
	if !p.all.tryTake() {
		p.own.free()
		return false
	}
	return true
}

// free gives a place back.
func (p places) free() {
	p.all.free()
	p.own.free()
}

// batch is one call of GetMany. Each result is set by one goroutine.
type batch struct {
	client  context.Context // ends when the caller leaves
	ctx     context.Context // ends with the batch
	end     context.CancelCauseFunc
	keys    []domain.Key
	admit   func(*domain.Entry) error
	results []domain.Result
}

// distinct returns where each key is first, and for the other places where that is.
func (b *batch) distinct() (first []int, repeated map[int]int) {
	at := make(map[domain.Key]int, len(b.keys))
	repeated = make(map[int]int)
	for i, key := range b.keys {
		if from, ok := at[key]; ok {
			repeated[i] = from
			continue
		}
		at[key] = i
		first = append(first, i)
	}
	return first, repeated
}

func (b *batch) answer(i int, a domain.Answer) {
	if b.admit != nil && !a.Entry.Missing() {
		if err := b.admit(a.Entry); err != nil {
			b.end(err)
			b.fail(i, err)
			return
		}
	}
	b.results[i].Answer = a
}

func (b *batch) fail(i int, err error) {
	outcome := domain.Failed
	if b.client.Err() != nil {
		outcome = domain.Abandoned
	}
	b.results[i] = domain.Result{Answer: domain.Answer{Outcome: outcome}, Err: err}
}

// failAll fails keys whose turn did not come before the batch ended.
func (b *batch) failAll(indexes []int) {
	err := context.Cause(b.ctx)
	if errors.Is(err, domain.ErrTimeout) {
		err = domain.ErrOverloaded
	}
	for _, i := range indexes {
		b.fail(i, err)
	}
}

// repeat answers at i as at from.
func (b *batch) repeat(i, from int) {
	r := b.results[from]
	if r.Err != nil {
		b.results[i] = r
		return
	}
	if r.Outcome == domain.Loaded {
		r.Outcome = domain.Coalesced
	}
	b.answer(i, r.Answer)
}

// missing is a key of a batch that the layers did not answer. It holds no value,
// since there may be many.
type missing struct {
	index int
	key   domain.Key // with bytes of its own
	seen  *seen
}

// newBatch returns a batch that ends with ctx, after RequestTimeout, and by the
// function it returns.
func (s *Service) newBatch(ctx context.Context, keys []domain.Key, admit func(*domain.Entry) error) (*batch, func()) {
	b := &batch{client: ctx, keys: keys, admit: admit, results: make([]domain.Result, len(keys))}
	limited, cancel := context.WithTimeoutCause(ctx, s.opts.RequestTimeout, domain.ErrTimeout)
	b.ctx, b.end = context.WithCancelCause(limited)
	return b, func() {
		b.end(nil)
		cancel()
	}
}

// loadOne answers one key from a call that it may share.
func (s *Service) loadOne(b *batch, m *missing, arrived func()) {
	defer arrived()
	held, _ := s.l1.Get(m.key)
	if s.mayServeStale(held) && b.ctx.Err() == nil {
		s.refreshStale(b.ctx, m.key, held)
		b.answer(m.index, hit(held, domain.L1Hit))
		return
	}
	c := s.newCall(m.key, domain.Constraints{})
	c.seen, c.arrived = m.seen, arrived
	answer, err := s.await(b.ctx, held, domain.Constraints{}, c)
	if err != nil {
		b.fail(m.index, err)
		return
	}
	b.answer(m.index, answer)
}
