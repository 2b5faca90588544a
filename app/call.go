package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// callSource asks the source for key on behalf of f, within SourceTimeout and
// within the bulkhead, for a place in which it waits only if it may. A call that
// ignores the end of its context is abandoned: callSource returns, and the call
// keeps its place in the bulkhead until it really ends. The error is a load failure
// (domain.IsLoadFailure), wraps domain.ErrOverloaded or ErrInvalidKey, or is the
// cause of ctx's end.
func (s *Service) callSource(ctx context.Context, key domain.Key, f *flight, mayWait bool) (domain.Answer, error) {
	if err := s.takePlace(ctx, mayWait); err != nil {
		return domain.Answer{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.opts.SourceTimeout, domain.ErrTimeout)
	defer cancel()
	results := make(chan result, 1)
	f.loadBegins(time.Now())
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
	answer, err := s.judge(ctx, r)
	if domain.IsLoadFailure(err) {
		s.rec.Event(ports.SourceFailed)
		s.log.WarnContext(ctx, "load failed", "key", key, "err", err)
	}
	return answer, err
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

// judge turns a result into an answer or into an error of the domain. Whatever a
// source says went wrong after ctx ended, the end of ctx is the reason, unless the
// source has answered that the value must not be served any more.
func (s *Service) judge(ctx context.Context, r result) (domain.Answer, error) {
	switch {
	case errors.Is(r.err, domain.ErrNotFound):
		answer := loaded(domain.NewMissing(s.opts.NegativeTTL, r.took).Kept(s.opts.L2Stale))
		answer.SourceStatus = cmp.Or(domain.SourceStatus(r.err), http.StatusNotFound)
		return answer, nil
	case errors.Is(r.err, domain.ErrOverloaded):
		return domain.Answer{}, domain.ErrOverloaded
	case errors.Is(r.err, domain.ErrWithdrawn):
		return domain.Answer{}, r.err
	case r.err != nil && ctx.Err() != nil:
		return domain.Answer{}, fmt.Errorf("source call: %w", context.Cause(ctx))
	case domain.IsLoadFailure(r.err) || errors.Is(r.err, domain.ErrInvalidKey):
		return domain.Answer{}, r.err
	case r.err != nil:
		return domain.Answer{}, fmt.Errorf("%w: %w", domain.ErrSourceFailed, r.err)
	case len(r.value.Body) > s.opts.MaxValueBytes:
		return domain.Answer{}, fmt.Errorf("%w: %d bytes", domain.ErrSourceTooLarge, len(r.value.Body))
	}
	answer := loaded(s.entry(r.value, r.took))
	answer.SourceStatus = http.StatusOK
	return answer, nil
}
