package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// GetWith is Get for a caller who is not content with any answer. Its errors are
// those of Get; besides, domain.ErrNotCached when the demand forbids to load, and
// domain.ErrStillLoading when the load takes longer than the caller would wait.
//
// With d.NoCache, and when a copy is there but not as d wants it, the key is
// reloaded, by a load that begins after the request came or at most d.Within
// before: one for all requests that ask for it meanwhile, on all instances.
func (s *Service) GetWith(ctx context.Context, key domain.Key, d domain.Constraints) (domain.Answer, error) {
	if d == (domain.Constraints{}) {
		return s.Get(ctx, key)
	}
	answer, err := s.meet(ctx, key, d)
	s.rec.Request(answer.Outcome)
	return answer, err
}

func (s *Service) meet(ctx context.Context, key domain.Key, d domain.Constraints) (domain.Answer, error) {
	held, _ := s.l1.Get(key)
	if d.Meets(held) && s.trusts(held) {
		if held.Fresh() {
			s.refreshAhead(ctx, key, held)
		}
		return hit(held, domain.L1Hit), nil
	}
	answer, err := s.meetFarther(ctx, key.Clone(), held, d)
	if !d.Meets(held) { // else it is in doubt
		answer = answer.PassedOver(held)
	}
	return answer, err
}

// meetFarther answers when the copy that L1 has, if any, does not do.
func (s *Service) meetFarther(ctx context.Context, key domain.Key, held domain.Copy, d domain.Constraints) (domain.Answer, error) {
	if d.NoCache && d.Within == 0 && !d.OnlyIfCached { // no copy will do
		return s.meetByLoad(ctx, key, held, d)
	}
	answer, err := s.await(ctx, domain.Copy{}, d, func(ctx context.Context) (domain.Answer, error) {
		_, answer, err := s.flights.look(ctx, place{key, lookOnly}, s.lookAlone)
		return answer, err
	})
	switch {
	case errors.Is(err, domain.ErrL2Unavailable) && d.Meets(held): // nobody can settle the doubt now
		return hit(held, domain.L1Hit), nil
	case err != nil && !errors.Is(err, domain.ErrL2Unavailable):
		return answer, err
	case d.Meets(answer.Copy):
		return answer, nil
	case d.OnlyIfCached:
		return domain.Answer{Outcome: domain.Failed}, domain.ErrNotCached
	}
	found := answer.Copy
	answer, err = s.meetByLoad(ctx, key, held, d)
	return answer.PassedOver(found), err
}

// lookAlone is the work of a flight that loads nothing. What it finds may be
// past its life, or nothing. The error is that L2 did not say.
func (s *Service) lookAlone(ctx context.Context, key domain.Key, _ *flight) (domain.Answer, error) {
	c, err := s.lookInL2(ctx, key)
	if err != nil {
		return domain.Answer{}, fmt.Errorf("%w: %w", domain.ErrL2Unavailable, err)
	}
	return hit(c, domain.L2Hit), nil
}

// hit is the answer with a copy that a layer has.
func hit(c domain.Copy, where domain.Outcome) domain.Answer {
	if !c.Fresh() {
		where = domain.Stale
	}
	return domain.Answer{Copy: c, Outcome: where}
}

// meetByLoad answers from a load that requests with the same demand share.
func (s *Service) meetByLoad(ctx context.Context, key domain.Key, held domain.Copy, d domain.Constraints) (domain.Answer, error) {
	if !d.Strict() && !d.NoStore {
		return s.getShared(ctx, key, held, d, s.lookThenFly)
	}
	return s.await(ctx, held, d, func(ctx context.Context) (domain.Answer, error) {
		return s.joinDemanded(ctx, place{key, kindFor(d)}, d)
	})
}

func kindFor(d domain.Constraints) kind {
	switch {
	case !d.Strict():
		return noStore
	case d.Within > 0 && d.NoStore:
		return recentNoStore
	case d.Within > 0:
		return recent
	case d.NoStore:
		return reloadNoStore
	}
	return reload
}

// joinDemanded waits for the flight at p. If it had begun before, and so had the
// load that it brings the value of, it is not what d asks for, and the caller
// joins the next one.
func (s *Service) joinDemanded(ctx context.Context, p place, d domain.Constraints) (domain.Answer, error) {
	came := time.Now()
	for {
		f, began, err := s.flights.board(ctx, p, s.loadDemanded(d))
		if err != nil {
			return domain.Answer{}, err
		}
		patience := d.Wait
		if patience > 0 {
			patience = max(time.Nanosecond, patience-time.Since(came))
		}
		answer, err := s.flights.wait(ctx, f, began, patience)
		if err != nil || began || !d.Strict() || d.Meets(answer.Copy) || !f.loadBegan().Before(came.Add(-d.Within)) {
			return answer, err
		}
	}
}

// loadDemanded returns the work of a flight that is not content with what the
// layers have.
func (s *Service) loadDemanded(d domain.Constraints) work {
	return func(ctx context.Context, key domain.Key, f *flight) (domain.Answer, error) {
		if d.Within == 0 {
			return s.loadOnce(ctx, key, f, d)
		}
		// An earlier flight may have ended since the request looked here.
		if held, _ := s.l1.Get(key); s.trusts(held) && f.serves(held, d, wait{}) {
			return hit(held, domain.L1Hit), nil
		}
		return s.loadInTurn(ctx, key, f, d)
	}
}

// wait is that for a lease which another instance held.
type wait struct{ asked, ended time.Time }

// serves reports whether c, that another load stored, is what f is to bring. If d
// wants a load that began after the request came, or d.Within before, there are
// two ways to tell. If f waited for a lease and the copy is younger than the end of
// that wait, it was stored under a later lease, which was not held yet when f asked:
// so its load began after that, however long the network took. Its age and load
// time are an estimate, short by the time that the value took to reach L2.
func (f *flight) serves(c domain.Copy, d domain.Constraints, first wait) bool {
	switch {
	case !c.Fresh():
		return false
	case !d.Strict():
		return true
	case first != (wait{}) && c.Age() < time.Since(first.ended):
		f.loadBegins(first.asked)
		return true
	case d.Within == 0:
		return false
	}
	f.loadBegins(time.Now().Add(-c.LoadAge()))
	return f.reaches(d)
}

// inherits reports whether what earlier brought is what f is to bring.
func (f *flight) inherits(earlier *flight, d domain.Constraints) bool {
	f.loadBegins(earlier.loadBegan())
	return f.reaches(d)
}

// reaches reports whether the load began as late as d wants it.
func (f *flight) reaches(d domain.Constraints) bool {
	return !f.loadBegan().Before(f.began.Add(-d.Within))
}
func outcomeOf(err error) domain.Outcome {
	if errors.Is(err, domain.ErrStillLoading) {
		return domain.Deferred
	}
	return domain.Failed
}
