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
// With d.NoCache, and when a copy is there but not as d wants it, the value is
// loaded anew: once for all who demand that meanwhile, on whichever instance.
func (s *Service) GetWith(ctx context.Context, key domain.Key, d domain.Demand) (domain.Answer, error) {
	if d == (domain.Demand{}) {
		return s.Get(ctx, key)
	}
	answer, err := s.meet(ctx, key, d)
	s.rec.Request(answer.Outcome)
	return answer, err
}

func (s *Service) meet(ctx context.Context, key domain.Key, d domain.Demand) (domain.Answer, error) {
	held, _ := s.l1.Get(key)
	if d.Meets(held) && s.trusts(held) {
		if held.Fresh() {
			s.refreshAhead(ctx, key, held)
		}
		return hit(held, domain.L1Hit), nil
	}
	key = key.Clone()
	if d.NoCache && !d.OnlyIfCached {
		answer, err := s.meetByLoad(ctx, key, held, d)
		answer.Refused = true
		return answer, err
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
	refused := held.Fresh() && !d.Meets(held) || answer.Fresh()
	answer, err = s.meetByLoad(ctx, key, held, d)
	answer.Refused = refused
	return answer, err
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

// meetByLoad answers from a flight of those who demand the same.
func (s *Service) meetByLoad(ctx context.Context, key domain.Key, held domain.Copy, d domain.Demand) (domain.Answer, error) {
	at := place{key, ordinary}
	switch {
	case !d.Particular() && !d.NoStore:
		return s.getShared(ctx, key, held, d, s.lookThenFly)
	case d.Particular() && d.NoStore:
		at.kind = anewUnkept
	case d.Particular():
		at.kind = anew
	default:
		at.kind = unkept
	}
	return s.await(ctx, held, d, func(ctx context.Context) (domain.Answer, error) {
		return s.flights.join(ctx, at, s.loadDemanded, d.Wait)
	})
}

// loadDemanded is the work of a flight that does not content itself with what
// the layers have. It takes what another load brought while it waited for that.
func (s *Service) loadDemanded(ctx context.Context, key domain.Key, f *flight) (domain.Answer, error) {
	began := time.Now()
	how := loading{serves: domain.Copy.Fresh, unkept: f.place.kind != anew}
	if f.place.kind != unkept {
		how.serves = func(c domain.Copy) bool { return c.Fresh() && c.Age() < time.Since(began) }
	}
	return s.loadOnce(ctx, key, f, how)
}

func outcomeOf(err error) domain.Outcome {
	if errors.Is(err, domain.ErrStillLoading) {
		return domain.Deferred
	}
	return domain.Failed
}
