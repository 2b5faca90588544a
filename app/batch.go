package app

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
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
)

// GetMany is Get for many keys at once: it asks L2 for many of them together, and
// shares the loads of other callers as Get does. Results are in the order of the
// keys, each is counted as a request of its own, and a key that fails does not
// fail the others. A key that is given twice is read once.
//
// The call ends after RequestTimeout. One call loads no more keys at once than a
// quarter of SourceConcurrency, and all of them no more than half; a key that
// does not get its turn in time is domain.ErrOverloaded.
//
// admit, unless it is nil, is asked for each value before the results hold it, and
// must be safe for concurrent use. Its error is the result of that key, and ends
// the call: it becomes the result of each key that has none yet.
func (s *Service) GetMany(ctx context.Context, keys []domain.Key, admit func(*domain.Entry) error) []domain.Result {
	b := &batch{client: ctx, keys: keys, admit: admit, results: make([]domain.Result, len(keys))}
	limited, cancel := context.WithTimeoutCause(ctx, s.opts.RequestTimeout, domain.ErrTimeout)
	defer cancel()
	b.ctx, b.end = context.WithCancelCause(limited)
	defer b.end(nil)

	first, repeated := b.distinct()
	s.loadMissing(b, s.readFromL2(b, s.readFromL1(b, first)))
	for i, from := range repeated {
		b.repeat(i, from)
	}
	for _, r := range b.results {
		s.rec.Request(r.Outcome)
	}
	return b.results
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

// miss is the failure of a key whose turn did not come before the batch ended.
func (b *batch) miss(i int) {
	err := context.Cause(b.ctx)
	if errors.Is(err, domain.ErrTimeout) {
		err = domain.ErrOverloaded
	}
	b.fail(i, err)
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

// readFromL1 answers the places that L1 can and returns the others.
func (s *Service) readFromL1(b *batch, places []int) (rest []int) {
	for _, i := range places {
		held, _ := s.l1.Get(b.keys[i])
		if !held.Fresh() || !s.trusts(held) {
			rest = append(rest, i)
			continue
		}
		s.refreshAhead(b.ctx, b.keys[i], held)
		b.answer(i, hit(held, domain.L1Hit))
	}
	return rest
}

// missing is a place of a batch that the layers did not answer. It holds no value,
// since there may be many.
type missing struct {
	place  int
	key    domain.Key // with bytes of its own
	again  bool       // L2 has something that was not used: look there again
	unseen error      // why L2 said nothing
	since  ports.Epoch
}

// readFromL2 answers the places that L2 can and returns the others.
func (s *Service) readFromL2(b *batch, places []int) (rest []missing) {
	for some := range slices.Chunk(places, keysPerRead) {
		if !take(b.ctx, s.reads) {
			for _, i := range some {
				b.miss(i)
			}
			continue
		}
		rest = append(rest, s.readSome(b, some)...)
		<-s.reads
	}
	return rest
}

func (s *Service) readSome(b *batch, places []int) (rest []missing) {
	keys := make([]domain.Key, len(places))
	since := make([]ports.Epoch, len(places))
	for n, i := range places {
		keys[n] = b.keys[i].Clone()
		since[n] = s.l1.Epoch(keys[n])
	}
	for n, found := range s.l2.GetMany(b.ctx, keys) {
		c, err := s.saw(b.ctx, keys[n], found.Copy, found.Err, since[n])
		if c.Fresh() {
			s.refreshAhead(b.ctx, keys[n], c)
			b.answer(places[n], hit(c, domain.L2Hit))
			continue
		}
		rest = append(rest, missing{places[n], keys[n], found.Large || c.Entry != nil, err, since[n]})
	}
	return rest
}

// loadMissing answers the rest, a few at a time.
func (s *Service) loadMissing(b *batch, rest []missing) {
	own := make(chan struct{}, max(1, s.opts.SourceConcurrency/4))
	var waits sync.WaitGroup
	for _, m := range rest {
		if !take(b.ctx, own) {
			b.miss(m.place)
			continue
		}
		if !take(b.ctx, s.batched) {
			<-own
			b.miss(m.place)
			continue
		}
		waits.Go(func() {
			s.loadOne(b, m)
			<-s.batched
			<-own
		})
	}
	waits.Wait()
}

func (s *Service) loadOne(b *batch, m missing) {
	way := s.lookThenFly
	if !m.again {
		way = func(ctx context.Context, key domain.Key, patience time.Duration) (domain.Answer, error) {
			return s.flights.join(ctx, place{key, ordinary}, s.fetch(domain.Copy{}, m.unseen, m.since), patience)
		}
	}
	held, _ := s.l1.Get(m.key)
	answer, err := s.getShared(b.ctx, m.key, held, domain.Constraints{}, way)
	if err != nil {
		b.fail(m.place, err)
		return
	}
	b.answer(m.place, answer)
}

// take waits for a slot until ctx ends, and reports whether it got one.
func take(ctx context.Context, slots chan struct{}) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}
