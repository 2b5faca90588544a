package app

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// callSource asks the source for key, within SourceTimeout and within the
// bulkhead, for a place in which it waits only if it may. A call that ignores the end of its context is abandoned: callSource
// returns, and the call keeps its place in the bulkhead until it really ends.
// The error wraps domain.ErrSourceFailed, ErrTimeout or ErrOverloaded, or is
// the cause of ctx's end.
func (s *Service) callSource(ctx context.Context, key domain.Key, mayWait bool) (*domain.Entry, error) {
	if err := s.takePlace(ctx, mayWait); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.opts.SourceTimeout, domain.ErrTimeout)
	defer cancel()
	results := make(chan result, 1)
	s.rec.Event(ports.SourceCalled)
	s.running.Go(func() {
		defer func() { <-s.places }()
		s.load(ctx, key, results)
	})
	var r result
	select {
	case r = <-results:
	case <-ctx.Done():
		r.err = context.Cause(ctx)
	}
	e, err := s.judge(ctx, r)
	if err != nil && isLoadFailure(err) {
		s.rec.Event(ports.SourceFailed)
		s.log.WarnContext(ctx, "load failed", "key", key, "err", err)
	}
	return e, err
}

// takePlace waits for a place in the bulkhead. It gives up while there is
// still time to answer: when a whole source call would no longer fit into the
// request's time, or after half of that time.
func (s *Service) takePlace(ctx context.Context, mayWait bool) error {
	select {
	case s.places <- struct{}{}:
		return nil
	default:
	}
	if !mayWait {
		return domain.ErrOverloaded
	}
	giveUp := time.NewTimer(max(s.opts.RequestTimeout-s.opts.SourceTimeout, s.opts.RequestTimeout/2))
	defer giveUp.Stop()
	select {
	case s.places <- struct{}{}:
		return nil
	case <-giveUp.C:
		return domain.ErrOverloaded
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// result is what a call of the source came to.
type result struct {
	value domain.Value
	err   error
	took  time.Duration
}

// load calls the source and always sends one result: a panic, or an end of the
// goroutine, is an error of this load and nothing more.
func (s *Service) load(ctx context.Context, key domain.Key, results chan<- result) {
	began := time.Now()
	r := result{err: errors.New("the call ended its goroutine")}
	defer func() {
		if p := recover(); p != nil {
			r.err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		r.took = time.Since(began)
		s.rec.SourceTook(r.took)
		results <- r
	}()
	r.value, r.err = s.source.Load(ctx, key)
}

// judge turns a result into an entry or into an error of the domain. Whatever a
// source says went wrong after ctx ended, the end of ctx is the reason.
func (s *Service) judge(ctx context.Context, r result) (*domain.Entry, error) {
	switch {
	case errors.Is(r.err, domain.ErrNotFound):
		return domain.NewMissing(s.opts.NegativeTTL, r.took).Kept(s.opts.L2Stale), nil
	case errors.Is(r.err, domain.ErrOverloaded):
		return nil, domain.ErrOverloaded
	case r.err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("source call: %w", context.Cause(ctx))
	case errors.Is(r.err, domain.ErrTimeout) || errors.Is(r.err, domain.ErrSourceFailed):
		return nil, r.err
	case r.err != nil:
		return nil, fmt.Errorf("%w: %w", domain.ErrSourceFailed, r.err)
	case len(r.value.Body) > s.opts.MaxValueBytes:
		return nil, fmt.Errorf("%w: %w: %d bytes", domain.ErrSourceFailed, domain.ErrTooLarge, len(r.value.Body))
	}
	return s.entry(r.value, r.took), nil
}
