package app

import (
	"context"
	"errors"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// dropIfWithdrawn drops the copy in L1 when the source withholds the value. The
// locker, which remembers that, has removed the one in L2.
func (s *Service) dropIfWithdrawn(key domain.Key, err error) {
	if errors.Is(err, domain.ErrWithdrawn) {
		s.l1.Delete(key)
	}
}

// release ends a lease. It may have been lost.
func (s *Service) release(ctx context.Context, key domain.Key, lease ports.Lease, e ports.Ending) {
	err := s.locker.Release(ctx, key, lease, e)
	if err != nil && !errors.Is(err, domain.ErrLeaseLost) {
		s.l2Failed(context.WithoutCancel(ctx), "release", err)
	}
}

// ending notes that a load of key failed with err, and returns what the end of its
// lease says of that. Only a failure of the source makes others wait for the
// cool-down.
func (c *cooldown) ending(key domain.Key, err error, usual time.Duration) ports.Ending {
	if !domain.IsLoadFailure(err) {
		return ports.Ending{}
	}
	return ports.Ending{Failure: err, Cooldown: c.fails(key, err, usual)}
}

// renewing renews the lease until the function it returns is called, which also waits
// for the end of a renewal in progress. A lease that is lost is not fought for: the
// fill finds out.
func (s *Service) renewing(ctx context.Context, key domain.Key, lease ports.Lease) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(max(lease.TTL/3, time.Millisecond))
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
	}()
	return func() {
		cancel()
		<-ended
	}
}
