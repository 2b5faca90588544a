package app

import (
	"context"
	"errors"
	"fmt"
)

// Drain waits until the loads that are under way now have ended, or for ctx,
// whose error it then returns. New requests are served meanwhile.
func (s *Service) Drain(ctx context.Context) error {
	return errors.Join(s.flights.drain(ctx), s.refreshes.drain(ctx))
}

// Close ends all flights, gives their leases back and waits until every
// goroutine of the service has ended, or for ctx, whose error it then returns.
// From then on, what L1 cannot answer gets domain.ErrClosed.
func (s *Service) Close(ctx context.Context) error {
	s.end()
	s.flights.shut()
	s.refreshes.shut()
	ended := make(chan struct{})
	go func() {
		s.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("source calls still under way: %w", context.Cause(ctx))
	}
}
