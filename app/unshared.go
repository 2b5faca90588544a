package app

import (
	"context"
	"errors"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// loadNoStore calls the source under the lease and gives that back, so that
// requests that wait for a value to store load one.
func (s *Service) loadNoStore(ctx context.Context, key domain.Key, f *flight, lease ports.Lease) (domain.Answer, error) {
	answer, err := s.loadRenewing(ctx, key, f, lease, true)
	if err == nil {
		s.release(ctx, key, lease, nil)
	}
	return answer, err
}

// loadWithoutLease is for when the locker cannot be used: the flight still
// makes it one load for this process, and so does the one whose place it took.
// Nothing is written to L2, since nothing would keep it from undoing a newer
// write there.
func (s *Service) loadWithoutLease(ctx context.Context, key domain.Key, f *flight, d domain.Constraints) (domain.Answer, error) {
	if earlier := f.earlier; s.flights.transfer(earlier) {
		answer, err := s.flights.wait(ctx, earlier, false, 0)
		if err != nil || !d.Strict() || f.inherits(earlier, d) {
			return answer, err
		}
	}
	if err := s.failed.of(key); err != nil {
		return domain.Answer{}, err
	}
	s.rec.Event(ports.LoadedUnleased)
	since := s.l1.Epoch(key)
	answer, err := s.callSource(ctx, key, f, true)
	if errors.Is(err, domain.ErrWithdrawn) {
		_ = s.Delete(ctx, key) // counts its failures itself
	}
	if domain.IsLoadFailure(err) {
		s.failed.note(key, err)
	}
	if err != nil {
		return domain.Answer{}, err
	}
	if !d.NoStore {
		answer.Stored = s.promote(key, answer.Copy, since)
	}
	return answer, nil
}
