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

// callSource asks the source within SourceTimeout, with the slot that the call has. A
// source that ignores the end of its context is abandoned: callSource returns, and the
// slot is not free until the source does. The error is a load failure
// (domain.IsLoadFailure), wraps domain.ErrOverloaded or ErrInvalidKey, or is the cause
// of ctx's end.
func (c *call) callSource(ctx context.Context) (domain.Answer, error) {
	s := c.s
	ctx, cancel := context.WithTimeoutCause(ctx, s.opts.SourceTimeout, domain.ErrTimeout)
	defer cancel()
	responses := make(chan response, 1)
	c.begins(time.Now())
	s.rec.Event(ports.SourceCalled)
	held := c.validated()
	go func() {
		defer s.slots.free()
		s.askSource(ctx, c.key, held.Validator(), responses)
	}()
	var r response
	select {
	case r = <-responses:
	case <-ctx.Done():
		r.err = context.Cause(ctx)
	}
	answer, err := s.judge(ctx, r, held)
	if domain.IsLoadFailure(err) {
		s.rec.Event(ports.SourceFailed)
		s.log.WarnContext(ctx, "load failed", "key", c.key, "err", err)
	}
	return answer, err
}

// validated returns the entry of a copy that the source can confirm, or an empty one.
func (c *call) validated() *domain.Entry {
	for _, e := range [...]*domain.Entry{c.found.Entry, c.held} {
		if e != nil && e.Validator() != (domain.Validator{}) {
			return e
		}
	}
	return &domain.Entry{}
}

// takeSlot waits for a slot of the source. It gives up while there is still time to
// answer: when a whole source call would no longer fit into the request's time, or
// after half of that time. A refresh does not wait.
func (c *call) takeSlot(ctx context.Context) error {
	s := c.s
	if s.slots.tryTake() {
		return nil
	}
	if c.refresh {
		return domain.ErrOverloaded
	}
	patience := max(s.opts.RequestTimeout-s.opts.SourceTimeout, s.opts.RequestTimeout/2)
	wait, cancel := context.WithTimeoutCause(ctx, patience, domain.ErrOverloaded)
	defer cancel()
	if !s.slots.take(wait) {
		return context.Cause(wait)
	}
	return nil
}

// response is what the source returned.
type response struct {
	value domain.Value
	err   error
	took  time.Duration
}

// askSource calls the source and always sends one response: a panic, or an end of the
// goroutine, is an error of this load and nothing more.
func (s *Service) askSource(ctx context.Context, key domain.Key, held domain.Validator, responses chan<- response) {
	began := time.Now()
	r := response{err: errors.New("the call ended its goroutine")}
	defer func() {
		if p := recover(); p != nil {
			r.err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		r.took = time.Since(began)
		s.rec.SourceTook(r.took)
		responses <- r
	}()
	r.value, r.err = s.source.Load(ctx, key, held)
}

// judge turns a response into an answer or into an error of the domain. Whatever a
// source says went wrong after ctx ended, the end of ctx is the reason, unless the
// source has answered that the value must not be served any more. held is what the
// source may have confirmed.
func (s *Service) judge(ctx context.Context, r response, held *domain.Entry) (domain.Answer, error) {
	switch {
	case errors.Is(r.err, domain.ErrNotModified) && held.Validator() != (domain.Validator{}):
		answer := loaded(s.renewed(held, r.value, r.took))
		answer.SourceStatus = http.StatusNotModified
		return answer, nil
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

// loaded is the answer with an entry that no layer has.
func loaded(e *domain.Entry) domain.Answer {
	return domain.Answer{Copy: copyOf(e), Outcome: domain.Loaded}
}

// copyOf is the copy of an entry that was just loaded.
func copyOf(e *domain.Entry) domain.Copy { return domain.Copy{Entry: e, Remaining: e.TTL()} }
