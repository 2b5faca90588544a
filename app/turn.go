package app

import (
	"context"
	"errors"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var errNotStored = errors.New("loaded and not stored")

// loadInTurn is loadOnce for requests that force loads and may cause one per
// d.Within at most, on all instances together. What the last one stored tells the
// next one how old it is; after one that stored nothing the turn is kept until as
// much time has passed. The turn is a lease of its own, which requests that force
// nothing do not wait for.
func (s *Service) loadInTurn(ctx context.Context, key domain.Key, f *flight, d domain.Constraints) (domain.Answer, error) {
	lease, waited, err := s.takeTurn(ctx, key.Turn())
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return domain.Answer{}, context.Cause(ctx)
	default:
		s.l2Failed(ctx, "acquire", err)
		return s.loadInTurnHere(ctx, key, f, d)
	}
	stopRenewing := s.renewing(ctx, key.Turn(), lease)
	answer, err := s.loadOnce(ctx, key, f, d)
	stopRenewing()
	if waited && answer.Outcome == domain.L2Hit {
		answer.Outcome = domain.Coalesced
	}
	ctx = context.WithoutCancel(ctx)
	if left := d.Within - time.Since(f.loadBegan()); d.NoStore && left > 0 {
		s.running.Go(func() { s.hold(ctx, key.Turn(), lease, left) })
	} else {
		s.release(ctx, key.Turn(), lease, nil)
	}
	return answer, err
}

// takeTurn waits for the lease, however many have it before.
func (s *Service) takeTurn(ctx context.Context, turn domain.Key) (lease ports.Lease, waited bool, err error) {
	for {
		if lease, err = s.locker.Acquire(ctx, turn); !errors.Is(err, domain.ErrLeaseEnded) {
			return lease, waited, err
		}
		waited = true
	}
}

// loadInTurnHere is loadInTurn for when the locker cannot be used: each instance
// then counts for itself.
func (s *Service) loadInTurnHere(ctx context.Context, key domain.Key, f *flight, d domain.Constraints) (domain.Answer, error) {
	left, _ := s.notStored.left(key)
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return domain.Answer{}, context.Cause(ctx)
	}
	answer, err := s.loadOnce(ctx, key, f, d)
	if d.NoStore && time.Since(f.loadBegan()) < d.Within {
		s.notStored.note(key, errNotStored)
	}
	return answer, err
}

// hold keeps the lease for a while and then gives it back.
func (s *Service) hold(ctx context.Context, key domain.Key, lease ports.Lease, d time.Duration) {
	stopRenewing := s.renewing(ctx, key, lease)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.closing:
	}
	stopRenewing()
	s.release(ctx, key, lease, nil)
}
