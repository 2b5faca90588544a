package app

import (
	"context"
	"errors"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// loadRenewing calls the source under the lease. When that fails, the lease has
// ended with it.
func (s *Service) loadRenewing(ctx context.Context, key domain.Key, f *flight, lease ports.Lease, mayWait bool) (domain.Answer, error) {
	stopRenewing := s.renewing(ctx, key, lease)
	answer, err := s.callSource(ctx, key, f, mayWait)
	stopRenewing()
	if err == nil {
		return answer, nil
	}
	var failure error // only a failure of the source makes others wait for the cool-down
	if domain.IsLoadFailure(err) {
		failure = err
		s.failed.note(key, err)
	}
	s.release(ctx, key, lease, failure)
	s.dropIfWithdrawn(key, err)
	return domain.Answer{}, err
}

// acquire takes the lease of key, as ports.Locker has it.
func (s *Service) acquire(ctx context.Context, key domain.Key) (ports.Lease, error) {
	lease, err := s.locker.Acquire(ctx, key)
	s.dropIfWithdrawn(key, err)
	return lease, err
}

// dropIfWithdrawn drops the copy in L1 when the source withholds the value. The
// locker, which remembers that, has removed the one in L2.
func (s *Service) dropIfWithdrawn(key domain.Key, err error) {
	if errors.Is(err, domain.ErrWithdrawn) {
		s.l1.Delete(key)
	}
}

// release gives a lease back. That it was lost already is no news.
func (s *Service) release(ctx context.Context, key domain.Key, lease ports.Lease, failure error) {
	err := s.locker.Release(ctx, key, lease, failure)
	if err != nil && !errors.Is(err, domain.ErrLeaseLost) {
		s.l2Failed(context.WithoutCancel(ctx), "release", err)
	}
}

// renewing renews the lease until the function it returns is called, which
// also waits for the end of a renewal under way. A lease that is lost is not
// fought for: the fill will notice.
func (s *Service) renewing(ctx context.Context, key domain.Key, lease ports.Lease) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	s.running.Go(func() {
		defer close(ended)
		tick := time.NewTicker(s.opts.LockTTL / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			err := s.locker.Renew(ctx, key, lease)
			if errors.Is(err, domain.ErrLeaseLost) {
				return
			}
			if err != nil {
				s.l2Failed(ctx, "renew", err)
			}
		}
	})
	return func() {
		cancel()
		<-ended
	}
}

// awaited reports whether other instances wait for the lease of key. If that
// cannot be found out, they cannot be told of its end either.
func (s *Service) awaited(key domain.Key) bool {
	ctx := context.Background()
	waits, err := s.locker.Awaited(ctx, key)
	if err != nil {
		s.l2Failed(ctx, "awaited", err)
	}
	return waits
}
