package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// callSource asks the source within SourceTimeout, with the access that the call has.
// The error is a load failure (domain.IsLoadFailure), wraps domain.ErrOverloaded or
// ErrInvalidKey, or is the cause of ctx's end.
func (c *call) callSource(ctx context.Context) (domain.Answer, error) {
	s := c.s
	ctx, cancel := context.WithTimeoutCause(ctx, s.opts.SourceTimeout, domain.ErrTimeout)
	defer cancel()
	c.begins(time.Now())
	_ = s.purges.current(ctx) // else a value with tags seems purged
	mark := s.purges.mark()
	held := c.validated()
	probes, ok := s.breaker.admit()
	if !ok {
		c.access.free()
		return domain.Answer{}, errOpen
	}
	var r response
	select {
	case r = <-c.access.load(ctx, c.key, held.Validator()):
	case <-ctx.Done():
		r.err = context.Cause(ctx)
	}
	answer, err := s.judge(ctx, r, held)
	switch was, is := s.breaker.ended(err, probes); {
	case is && !was:
		s.log.WarnContext(ctx, "the source is left alone, since it has failed for long", "err", err)
	case was && !is:
		s.log.InfoContext(ctx, "the source answers again")
	}
	if err == nil {
		s.failed.forget(c.leaseKey())
		answer.Entry = s.purges.marked(answer.Entry, mark)
	}
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
