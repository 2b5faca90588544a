package app

import (
	"context"
	"errors"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// lookThenFly answers from the key's flight if there is one, else from L2, else
// from a flight that begins. Most of what L1 does not have L2 has: a look there
// costs no goroutine.
func (s *Service) lookThenFly(ctx context.Context, key domain.Key, patience time.Duration) (domain.Answer, error) {
	at := place{key, ordinary}
	if f := s.flights.boardOpen(at); f != nil {
		return s.flights.wait(ctx, f, false, patience)
	}
	f, answer, err := s.flights.look(ctx, place{key, lookFirst}, s.lookFirst)
	if err != nil || answer.Fresh() {
		return answer, err
	}
	return s.flights.join(ctx, at, s.fetch(answer.Copy, f.unseen, f.since), patience)
}

// lookFirst is the work of a look. It looks in L1 again, because a flight may have
// landed since the request did.
func (s *Service) lookFirst(ctx context.Context, key domain.Key, f *flight) (domain.Answer, error) {
	held, _ := s.l1.Get(key)
	if held.Fresh() && s.trusts(held) {
		return hit(held, domain.L1Hit), nil
	}
	f.since = s.l1.Epoch(key)
	c, err := s.lookInL2(ctx, key)
	switch f.unseen = err; {
	case c.Fresh():
		s.refreshAhead(ctx, key, c)
	case err != nil && held.Fresh(): // nobody can settle the doubt now
		return hit(held, domain.L1Hit), nil
	}
	return hit(c, domain.L2Hit), nil
}

// fetch returns the work of a flight that begins with what a look in L2 saw, or why
// it saw nothing, in the epoch since. Whatever it waited for the right to do may
// have been done meanwhile, so it looks again after each such wait: in L1,
// because an earlier flight may have landed between the request's look there
// and the beginning of this flight; in L2, because another instance may have
// filled it before this one got the lease.
func (s *Service) fetch(seen domain.Copy, unseen error, since ports.Epoch) work {
	looked := time.Now()
	return func(ctx context.Context, key domain.Key, f *flight) (domain.Answer, error) {
		held, _ := s.l1.Get(key)
		if held.Fresh() && s.trusts(held) {
			return hit(held, domain.L1Hit), nil
		}
		c, err := seen.After(time.Since(looked)), unseen
		if s.l1.Epoch(key) != since { // it may have been replaced or deleted
			c, err = s.lookInL2(ctx, key)
		}
		return s.fetchFrom(ctx, key, f, held, c, err)
	}
}

// fetchFrom answers with c, that L2 has, or loads.
func (s *Service) fetchFrom(ctx context.Context, key domain.Key, f *flight, held, c domain.Copy, err error) (domain.Answer, error) {
	began := time.Now()
	switch {
	case c.Fresh():
		s.refreshAhead(ctx, key, c)
		return hit(c, domain.L2Hit), nil
	case err != nil && held.Fresh(): // nobody can settle the doubt now
		return hit(held, domain.L1Hit), nil
	case s.mayServeStale(c):
		s.refreshStale(ctx, key)
		return domain.Answer{Copy: c, Outcome: domain.Stale}, nil
	}
	answer, err := s.loadOnce(ctx, key, f, domain.Constraints{})
	if stale := c.After(time.Since(began)); err != nil && covers(stale, s.opts.StaleIfError, err) {
		return domain.Answer{Copy: stale, Outcome: domain.Stale, Failure: err}, nil
	}
	return answer.PassedOver(c), err
}

// covers reports whether a stale copy answers for a load that failed with err.
func covers(stale domain.Copy, window time.Duration, err error) bool {
	return stale.UsableStale(window) && !errors.Is(err, domain.ErrWithdrawn)
}

// loadOnce loads key, or waits for the instance that does.
func (s *Service) loadOnce(ctx context.Context, key domain.Key, f *flight, d domain.Constraints) (domain.Answer, error) {
	found := domain.L2Hit // what a copy in L2 means from here on
	var first wait
	for {
		asked := time.Now()
		lease, err := s.acquire(ctx, key)
		switch {
		case err == nil:
			f.leased.Store(true)
			s.rec.Event(ports.LeaseWon)
			return s.loadUnderLease(ctx, key, f, d, lease, found, first)
		case errors.Is(err, domain.ErrLeaseEnded):
			s.rec.Event(ports.LeaseWaited)
			found = domain.Coalesced
			if c, _ := s.lookInL2(ctx, key); f.serves(c, d, first) {
				return domain.Answer{Copy: c, Outcome: found}, nil
			}
			if first == (wait{}) {
				first = wait{asked, time.Now()}
			}
		case ctx.Err() != nil:
			return domain.Answer{}, context.Cause(ctx)
		case domain.IsLoadFailure(err):
			return domain.Answer{}, err
		default:
			s.l2Failed(ctx, "acquire", err)
			return s.loadWithoutLease(ctx, key, f, d)
		}
	}
}

// loadUnderLease loads key, if it is not there by now, and ends the lease, which
// is the caller's no more.
func (s *Service) loadUnderLease(ctx context.Context, key domain.Key, f *flight, d domain.Constraints,
	lease ports.Lease, found domain.Outcome, first wait) (answer domain.Answer, err error) {
	since := s.l1.Epoch(key)
	c, _ := s.lookInL2(ctx, key)
	switch {
	case f.serves(c, d, first):
		s.release(ctx, key, lease, nil)
		return domain.Answer{Copy: c, Outcome: found}, nil
	case d.NoStore:
		answer, err = s.loadNoStore(ctx, key, f, lease)
	default:
		answer, err = s.loadAndFill(ctx, key, f, lease, since, true)
	}
	return answer.PassedOver(c), err
}

// loadAndFill calls the source under the lease and ends that.
func (s *Service) loadAndFill(ctx context.Context, key domain.Key, f *flight, lease ports.Lease, since ports.Epoch, mayWait bool) (domain.Answer, error) {
	answer, err := s.loadRenewing(ctx, key, f, lease, mayWait)
	if err != nil {
		return domain.Answer{}, err
	}
	return s.store(ctx, key, answer, lease, since), nil
}

// loaded is the answer with an entry that no layer keeps.
func loaded(e *domain.Entry) domain.Answer {
	return domain.Answer{Copy: domain.Copy{Entry: e, Remaining: e.TTL()}, Outcome: domain.Loaded}
}

// store fills L2 with what was loaded and then L1, and ends the lease. An entry
// whose lease was lost goes to those who wait for it and into no layer: it may be
// older than what took the lease away.
func (s *Service) store(ctx context.Context, key domain.Key, answer domain.Answer, lease ports.Lease, since ports.Epoch) domain.Answer {
	began := time.Now()
	err := s.l2.Fill(context.WithoutCancel(ctx), key, answer.Entry, lease)
	answer.Copy = answer.After(time.Since(began)) // its life in L2 may have begun at once
	switch {
	case errors.Is(err, domain.ErrLeaseLost):
		s.rec.Event(ports.LeaseLost)
		return answer
	case err != nil:
		s.l2Failed(ctx, "fill", err)
		s.release(ctx, key, lease, nil)
	}
	near := s.promote(key, answer.Copy, since)
	answer.Stored = near || err == nil && answer.Fresh()
	return answer
}

// lookInL2 returns the copy that L2 has, which may be stale, and promotes it if
// it is fresh. A failing layer is a counted miss; the error is for those to whom
// it makes a difference that L2 did not say so.
func (s *Service) lookInL2(ctx context.Context, key domain.Key) (domain.Copy, error) {
	since := s.l1.Epoch(key)
	c, _, err := s.l2.Get(ctx, key)
	return s.saw(ctx, key, c, err, since)
}

// saw takes note of what L2 said of key.
func (s *Service) saw(ctx context.Context, key domain.Key, c domain.Copy, err error, since ports.Epoch) (domain.Copy, error) {
	switch {
	case errors.Is(err, domain.ErrUndecodable):
		s.rec.Event(ports.L2Undecodable)
		s.log.DebugContext(ctx, "l2 entry undecodable", "key", key, "err", err)
		return domain.Copy{}, nil
	case err != nil:
		s.l2Failed(ctx, "get", err)
		return domain.Copy{}, err
	}
	s.promote(key, c, since)
	return c, nil
}

// promote puts a copy into L1, unless its life is over or what it was read
// from may have changed since, and reports whether it is there.
func (s *Service) promote(key domain.Key, c domain.Copy, since ports.Epoch) bool {
	return c.Fresh() && s.l1.Set(key, c, since)
}

// l2Failed counts an error of the second layer, unless it is the flight that
// ended. The adapter logs when the layer's state changes; a line for each
// failing call would bury that.
func (s *Service) l2Failed(ctx context.Context, op string, err error) {
	if ctx.Err() != nil {
		return
	}
	s.rec.Event(ports.L2Failed)
	s.log.DebugContext(ctx, "l2 failed", "op", op, "err", err)
}
