package otel

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// L2Store puts spans around the calls of s.
func (t *Tracing) L2Store(s ports.L2Store) ports.L2Store {
	if t == nil {
		return s
	}
	return l2Store{s, t}
}

type l2Store struct {
	next ports.L2Store
	t    *Tracing
}

func (s l2Store) Get(ctx context.Context, key domain.Key) (c domain.Copy, ok bool, err error) {
	s.t.during(ctx, "l2 get", func(ctx context.Context, span trace.Span) error {
		c, ok, err = s.next.Get(ctx, key)
		span.SetAttributes(attribute.Bool("mlcache.hit", ok))
		return err
	})
	return c, ok, err
}

func (s l2Store) GetMany(ctx context.Context, keys []domain.Key) (found []ports.Found) {
	s.t.during(ctx, "l2 get many", func(ctx context.Context, span trace.Span) error {
		noteCall(ctx, span)
		span.SetAttributes(attribute.Int("mlcache.keys", len(keys)))
		found = s.next.GetMany(ctx, keys)
		return nil
	})
	return found
}

func (s l2Store) Fill(ctx context.Context, key domain.Key, e *domain.Entry, lease ports.Lease) (err error) {
	s.t.during(ctx, "l2 fill", func(ctx context.Context, span trace.Span) error {
		span.SetAttributes(attribute.Int("mlcache.bytes", len(e.Body())))
		err = s.next.Fill(ctx, key, e, lease)
		return err
	}, domain.ErrLeaseLost)
	return err
}

func (s l2Store) Put(ctx context.Context, key domain.Key, e *domain.Entry) (err error) {
	s.t.during(ctx, "l2 put", func(ctx context.Context, _ trace.Span) error {
		err = s.next.Put(ctx, key, e)
		return err
	})
	return err
}

func (s l2Store) Invalidate(ctx context.Context, key domain.Key, i domain.Invalidation) (err error) {
	s.t.during(ctx, "l2 invalidate", func(ctx context.Context, _ trace.Span) error {
		err = s.next.Invalidate(ctx, key, i)
		return err
	})
	return err
}

// Locker puts spans around asking for leases, the wait for them and their end.
func (t *Tracing) Locker(l ports.Locker) ports.Locker {
	if t == nil {
		return l
	}
	return locker{l, t}
}

type locker struct {
	ports.Locker
	t *Tracing
}

func (l locker) Acquire(ctx context.Context, key domain.Key) (lease ports.Lease, err error) {
	l.t.during(ctx, "lease acquire", func(ctx context.Context, span trace.Span) error {
		lease, err = l.Locker.Acquire(ctx, key)
		if domain.IsLoadFailure(err) { // an answer, not a failure of the locker
			describe(span, ports.Ending{Failure: err})
			return nil
		}
		return err
	}, domain.ErrLeaseHeld)
	return lease, err
}

func (l locker) Await(ctx context.Context, key domain.Key) (e ports.Ending, err error) {
	l.t.during(ctx, "lease wait", func(ctx context.Context, span trace.Span) error {
		e, err = l.Locker.Await(ctx, key)
		describe(span, e)
		return err
	})
	return e, err
}

func (l locker) Release(ctx context.Context, key domain.Key, lease ports.Lease, e ports.Ending) (err error) {
	l.t.during(ctx, "lease release", func(ctx context.Context, span trace.Span) error {
		describe(span, e)
		err = l.Locker.Release(ctx, key, lease, e)
		return err
	}, domain.ErrLeaseLost)
	return err
}

// describe says in span how a lease ended.
func describe(span trace.Span, e ports.Ending) {
	switch {
	case e.Failure != nil:
		span.SetAttributes(attribute.String("mlcache.ending", domain.FailureKind(e.Failure)))
	case e.Entry != nil:
		span.SetAttributes(attribute.String("mlcache.ending", "entry"))
	case e.Unshared:
		span.SetAttributes(attribute.String("mlcache.ending", "unshared"))
	}
}

// Source puts a span around each call of s.
func (t *Tracing) Source(s ports.Source) ports.Source {
	if t == nil {
		return s
	}
	if many, ok := s.(ports.BatchSource); ok {
		return batchSource{source{s, t}, many}
	}
	return source{s, t}
}

// batchSource is a source that loads many keys in a call, which is one span.
type batchSource struct {
	source
	many ports.BatchSource
}

func (s batchSource) Batch() (keys int, wait time.Duration) { return s.many.Batch() }

func (s batchSource) LoadMany(ctx context.Context, keys []domain.Key) (loaded []ports.Loaded) {
	s.t.during(ctx, "source call", func(ctx context.Context, span trace.Span) error {
		span.SetAttributes(attribute.Int("mlcache.keys", len(keys)))
		loaded = s.many.LoadMany(ctx, keys)
		return nil
	})
	return loaded
}

type source struct {
	next ports.Source
	t    *Tracing
}

func (s source) Load(ctx context.Context, key domain.Key, held domain.Validator) (v domain.Value, err error) {
	s.t.during(ctx, "source call", func(ctx context.Context, span trace.Span) error {
		noteCall(ctx, span)
		v, err = s.next.Load(ctx, key, held)
		span.SetAttributes(attribute.Int("mlcache.bytes", len(v.Body)))
		return err
	}, domain.ErrNotFound, domain.ErrNotModified)
	return v, err
}

// load stands in the context of a request, for the span of the call of the source
// that it began.
type load struct {
	span atomic.Pointer[trace.SpanContext]
}

type loadKey struct{}

// noteCall leaves the span of a call of the source with the request that began it.
func noteCall(ctx context.Context, span trace.Span) {
	if l, _ := ctx.Value(loadKey{}).(*load); l != nil {
		at := span.SpanContext()
		l.span.Store(&at)
	}
}

// Cache is the use case, as far as it is traced.
type Cache interface {
	GetWith(ctx context.Context, key domain.Key, d domain.Constraints) (domain.Answer, error)
	GetMany(ctx context.Context, keys []domain.Key, admit func(*domain.Entry) error) []domain.Result
	Put(ctx context.Context, key domain.Key, v domain.Value, life time.Duration) error
	Delete(ctx context.Context, key domain.Key) error
	Purge(ctx context.Context, p domain.PurgeRequest) error
	Explain(ctx context.Context, key domain.Key) domain.Explanation
	Activity() ports.Activity
	Hot(n int) []domain.HotRoute
	Warm(ctx context.Context, keys []domain.Key) domain.Warmed
}

// Cache says in a request's span how it was answered, and links it to the load
// that it shared with others.
func (t *Tracing) Cache(c Cache) Cache {
	if t == nil {
		return c
	}
	return cache{c}
}

type cache struct{ Cache }

func (c cache) GetWith(ctx context.Context, key domain.Key, d domain.Constraints) (domain.Answer, error) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return c.Cache.GetWith(ctx, key, d)
	}
	answer, err := c.Cache.GetWith(context.WithValue(ctx, loadKey{}, new(load)), key, d)
	span.SetAttributes(attribute.String("mlcache.key", key.String()), attribute.String("mlcache.outcome", answer.Outcome.String()))
	link(span, answer)
	return answer, err
}

func (c cache) GetMany(ctx context.Context, keys []domain.Key, admit func(*domain.Entry) error) []domain.Result {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return c.Cache.GetMany(ctx, keys, admit)
	}
	span.SetAttributes(attribute.Int("mlcache.keys", len(keys)))
	results := c.Cache.GetMany(context.WithValue(ctx, loadKey{}, new(load)), keys, admit)
	for _, r := range results {
		link(span, r.Answer)
	}
	return results
}

// link points from who waited for a load to the call of the source, or else to
// the request that began it.
func link(span trace.Span, a domain.Answer) {
	if a.Outcome != domain.Coalesced || a.Load == nil {
		return
	}
	to := trace.SpanContextFromContext(a.Load)
	if l, _ := a.Load.Value(loadKey{}).(*load); l != nil {
		if at := l.span.Load(); at != nil {
			to = *at
		}
	}
	if to.IsValid() && to.TraceID() != span.SpanContext().TraceID() {
		span.AddLink(trace.Link{SpanContext: to, Attributes: []attribute.KeyValue{attribute.String("mlcache.link", "load")}})
	}
}
