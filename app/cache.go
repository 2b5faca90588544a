package app

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// This file is the read path, top to bottom: for one key, then for many. What a call
// does is in load.go.

// Get returns the answer for key. An absent key is an answer too: its entry is
// Missing. The call ends with ctx, and after RequestTimeout at the latest; a
// load that others wait for goes on without the caller. The error wraps
// domain.ErrSourceFailed, ErrWithdrawn, ErrTimeout, ErrOverloaded or ErrClosed, or
// is the error of ctx.
func (s *Service) Get(ctx context.Context, key domain.Key) (domain.Answer, error) {
	return s.GetWith(ctx, key, domain.Constraints{})
}

// GetWith is Get for a request with constraints. Its errors are those of Get;
// besides, domain.ErrNotCached when d forbids to load, and domain.ErrStillLoading
// when the load takes longer than d.Wait.
//
// With d.NoCache, and when a copy is there but not as d wants it, the key is
// reloaded, by a load that begins after the request came or at most d.Within
// before: one for all requests that ask for it meanwhile, on all instances.
func (s *Service) GetWith(ctx context.Context, key domain.Key, d domain.Constraints) (domain.Answer, error) {
	uniform := s.request(key)
	held, _ := s.l1.Get(key)
	if d.Meets(held) && s.trusts(held) {
		answer := hit(held, domain.L1Hit)
		s.rec.Request(answer.Outcome)
		s.refreshAhead(ctx, key, held, uniform)
		s.inspector.hit(key, held.Entry)
		return answer, nil
	}
	answer, err := s.getFarther(ctx, key.Clone(), held, d)
	if !d.Meets(held) { // else it is unverified
		answer = answer.PassedOver(held)
	}
	s.rec.Request(answer.Outcome)
	return answer, err
}

// hit is the answer with a copy that a layer has.
func hit(c domain.Copy, where domain.Outcome) domain.Answer {
	if !c.Fresh() {
		where = domain.Stale
	}
	return domain.Answer{Copy: c, Outcome: where}
}

// getFarther answers when the copy that L1 has, if any, does not do.
func (s *Service) getFarther(ctx context.Context, key domain.Key, held domain.Copy, d domain.Constraints) (domain.Answer, error) {
	if ctx.Err() != nil {
		return domain.Answer{Outcome: domain.Abandoned}, context.Cause(ctx)
	}
	if d.OnlyIfCached || d.MaxStale > 0 { // nobody shares what such a request finds
		found, err := s.look(ctx, key, held.Entry)
		if err != nil && s.needsVerifying(held, d) {
			found, err = s.look(ctx, key, held.Entry)
		}
		switch {
		case s.calls.Closed():
			return domain.Answer{Outcome: domain.Failed}, domain.ErrClosed
		case d.Meets(found):
			return hit(found, domain.L2Hit), nil
		case err != nil && d.Meets(held): // nobody can verify it now
			return hit(held, domain.L1Hit), nil
		case d.OnlyIfCached:
			return domain.Answer{Outcome: domain.Failed}.PassedOver(found), domain.ErrNotCached
		}
	}
	if !d.Strict() && !d.NoStore && s.mayServeStale(held) {
		s.refreshStale(ctx, key, held)
		return domain.Answer{Copy: held, Outcome: domain.Stale}, nil
	}
	return s.await(ctx, held, d, s.newCall(key, d))
}

// await waits for the result of a call within the bounds of a request, or answers
// with held when the call fails and that is a stale copy which will do.
func (s *Service) await(ctx context.Context, held domain.Copy, d domain.Constraints, c *call) (domain.Answer, error) {
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > int64(s.opts.MaxWaiters) {
		return domain.Answer{Outcome: domain.Failed}, domain.ErrOverloaded
	}
	came := time.Now()
	wait, cancel := context.WithTimeoutCause(ctx, s.opts.RequestTimeout, domain.ErrTimeout)
	defer cancel()
	answer, err := s.share(wait, came, d, s.patience(held, d), c)
	window := d.StaleWindow(s.opts.StaleIfError)
	switch {
	case answer.Failure != nil && !answer.UsableStale(window): // the call did not know of d
		err = answer.Failure
	case err == nil:
		return answer, nil
	case ctx.Err() != nil && !errors.Is(context.Cause(ctx), domain.ErrTimeout): // the client has left
		return domain.Answer{Outcome: domain.Abandoned}, err
	}
	if stale := held.After(time.Since(came)); covers(stale, window, err) && s.trusts(stale) {
		return domain.Answer{Copy: stale, Outcome: domain.Stale, Failure: err}, nil
	}
	outcome := domain.Failed
	if errors.Is(err, domain.ErrStillLoading) {
		outcome = domain.Deferred
	}
	return domain.Answer{Outcome: outcome, Refused: answer.Refused, Expired: answer.Expired}, err
}

// share returns the result of the call that is in flight, or of c, which it starts.
// A result that is not what the request asks for, since the call began before the
// request came, is passed over: then the request shares the next one.
func (s *Service) share(ctx context.Context, came time.Time, d domain.Constraints, patience time.Duration, c *call) (domain.Answer, error) {
	unverified := !s.bus.Subscribed() && s.bus.Available()
	for {
		left := patience
		if left > 0 {
			left = max(time.Nanosecond, patience-time.Since(came))
		}
		r, started, err := s.calls.Do(ctx, callKey{c.key, c.want}, left, c)
		switch {
		case started:
		case errors.Is(err, errNotRefreshed), err == nil && d.Strict() && !r.reaches(d, came), err == nil && unverified && r.lookedBefore(came):
			continue
		case err == nil && s.purges.isPurged(r.Entry) && r.loadBegan.Before(came):
			continue
		case r.Outcome == domain.Loaded:
			r.Outcome = domain.Coalesced
		}
		r.Copy = r.After(time.Since(r.at))
		return r.Answer, domainError(err)
	}
}

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
	b, cancel := s.newBatch(ctx, keys, admit)
	defer cancel()
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

// readFromL1 answers what L1 can and returns the indexes of the other keys.
func (s *Service) readFromL1(b *batch, indexes []int) (rest []int) {
	for _, i := range indexes {
		uniform := s.request(b.keys[i])
		held, _ := s.l1.Get(b.keys[i])
		if !held.Fresh() || !s.trusts(held) {
			rest = append(rest, i)
			continue
		}
		s.refreshAhead(b.ctx, b.keys[i], held, uniform)
		b.answer(i, hit(held, domain.L1Hit))
	}
	return rest
}

// readFromL2 answers what L2 can and returns the other keys.
func (s *Service) readFromL2(b *batch, indexes []int) (rest []*missing) {
	for some := range slices.Chunk(indexes, keysPerRead) {
		if !s.reads.take(b.ctx) {
			b.failAll(some)
			continue
		}
		rest = append(rest, s.readSome(b, some)...)
		s.reads.free()
	}
	return rest
}

func (s *Service) readSome(b *batch, indexes []int) (rest []*missing) {
	keys := make([]domain.Key, len(indexes))
	for n, i := range indexes {
		keys[n] = b.keys[i].Clone()
	}
	asked := time.Now()
	for n, found := range s.lookMany(b.ctx, keys) {
		if found.Copy.Fresh() {
			s.refreshAhead(b.ctx, keys[n], found.Copy, s.opts.Random())
			b.answer(indexes[n], hit(found.Copy, domain.L2Hit))
			continue
		}
		m := &missing{index: indexes[n], key: keys[n]}
		if !found.Large && found.Copy.Entry == nil { // else the call looks again: values of many keys are not kept here
			m.seen = &seen{at: asked, epoch: found.since, err: found.Err}
		}
		rest = append(rest, m)
	}
	return rest
}

// loadMissing answers the rest, a few at a time. Loads that share a call of the source
// wait for those of the batch that follow at once.
func (s *Service) loadMissing(b *batch, rest []*missing) {
	p := places{own: make(slots, max(1, s.callers.slots.size()*s.gate.keysPerCall()/4)), all: s.batched}
	var loads sync.WaitGroup
	following := s.gate.expect()
	for _, m := range rest {
		if b.ctx.Err() != nil || !p.tryTake() {
			following.end()
			if !p.take(b.ctx) {
				b.failAll([]int{m.index})
				continue
			}
			following = s.gate.expect()
		}
		arrived := following.key()
		loads.Go(func() {
			s.loadOne(b, m, arrived)
			p.free()
		})
	}
	following.end()
	loads.Wait()
}
