package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// MaxTTL is the longest TTL that a value is written with.
const MaxTTL = 365 * 24 * time.Hour

// Writes go from far to near: L2 first, which voids what is being loaded on any
// instance and tells the others, then L1, then the calls. So once a write has
// returned, a request finds nothing older than it in any layer here, and no load that
// began before can bring the old value back.

// Put makes v the value of key, in every layer, with the TTL given, or with that
// of all values if it is negative; with a TTL of 0 no layer keeps it. The write is
// done although ctx ends. The error wraps domain.ErrTooLarge, or
// domain.ErrL2Unavailable when L2 did not answer: the value may then be there or
// not, and this instance has dropped its own copy. It wraps domain.ErrOutdated, and nothing
// has changed, when a higher version than v has is known of the key.
func (s *Service) Put(ctx context.Context, key domain.Key, v domain.Value, ttl time.Duration) error {
	if len(v.Body) > s.opts.MaxValueBytes {
		return fmt.Errorf("%w: %d bytes, %d allowed", domain.ErrTooLarge, len(v.Body), s.opts.MaxValueBytes)
	}
	if err := s.purges.current(ctx); err != nil { // else the value could seem purged
		s.l2Failed(ctx, "put", err)
		return fmt.Errorf("%w: %w", domain.ErrL2Unavailable, err)
	}
	key = key.Clone()
	if ttl < 0 {
		ttl = s.ttl()
	}
	e := s.purges.marked(domain.NewEntry(v, min(ttl, MaxTTL), 0).Kept(s.opts.L2Stale), s.purges.mark())
	since := s.l1.Epoch(key)
	if err := s.write(ctx, "put", key, func(ctx context.Context) error { return s.l2.Put(ctx, key, e) }); err != nil {
		return err
	}
	// Only if that was the one change of key meanwhile: of two writes at the same
	// time, L2 alone knows which came last.
	s.promote(key, domain.Copy{Entry: e, Remaining: e.TTL()}, since.Next())
	return nil
}

// Delete removes key from every layer. The errors are those of Put.
func (s *Service) Delete(ctx context.Context, key domain.Key) error {
	return s.invalidate(ctx, key, domain.Invalidation{})
}

// invalidate removes key from every layer, or leaves a stale copy in L2 if i is Soft.
func (s *Service) invalidate(ctx context.Context, key domain.Key, i domain.Invalidation) error {
	key = key.Clone()
	i.Remembered = s.opts.remembered()
	return s.write(ctx, "invalidate", key, func(ctx context.Context) error { return s.l2.Invalidate(ctx, key, i) })
}

func (s *Service) write(ctx context.Context, op string, key domain.Key, inL2 func(context.Context) error) error {
	ctx = context.WithoutCancel(ctx)
	err := inL2(ctx)
	s.changed(key)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, domain.ErrTooLarge) || errors.Is(err, domain.ErrClosed) || errors.Is(err, domain.ErrOutdated):
		return err
	}
	s.l2Failed(ctx, op, err)
	return fmt.Errorf("%w: %w", domain.ErrL2Unavailable, err)
}

// changed drops everything that this instance knows of key.
func (s *Service) changed(key domain.Key) {
	s.l1.Delete(key)
	s.calls.Void(callKey{key, anyCopy}, callKey{key, newLoad}, callKey{key, unstored})
	s.failed.forget(key)
}

// entry makes an entry of a value that was loaded.
func (s *Service) entry(v domain.Value, took time.Duration) *domain.Entry {
	v.NoStore = s.mayNotStore(v)
	return domain.NewEntry(v, s.freshFor(v), took).Kept(s.opts.L2Stale)
}

// renewed makes an entry of one that the source has confirmed.
func (s *Service) renewed(held *domain.Entry, v domain.Value, took time.Duration) *domain.Entry {
	v.NoStore = s.mayNotStore(v)
	return held.Renewed(v, s.freshFor(v), took).Kept(s.opts.L2Stale)
}

func (s *Service) mayNotStore(v domain.Value) bool { return v.TagsUnknown || s.obeys(v.NoStore) }

// freshFor returns the TTL of a value that was loaded, as Options.Freshness has it.
func (s *Service) freshFor(v domain.Value) time.Duration {
	switch configured := s.ttl(); {
	case s.mayNotStore(v), s.obeys(v.TTL < 0):
		return 0
	case v.TTL == 0 || s.opts.Freshness == IgnoreSource:
		return configured
	case s.opts.Freshness == FollowSource:
		return min(v.TTL, MaxTTL)
	default:
		return min(v.TTL, configured)
	}
}

// obeys reports whether what the source says counts.
func (s *Service) obeys(said bool) bool { return said && s.opts.Freshness != IgnoreSource }

// ttl returns that of a value for which nothing else was said.
func (s *Service) ttl() time.Duration {
	return domain.Jittered(s.opts.TTL, s.opts.TTLJitter, s.opts.Random())
}

// listener is the Service as the bus knows it.
type listener struct{ s *Service }

// Invalidate drops what another instance replaced or deleted.
func (l listener) Invalidate(key domain.Key) {
	l.s.changed(key)
	l.s.rec.Event(ports.InvalidationReceived)
}

// Purged takes note of a purge.
func (l listener) Purged(p domain.Purges) {
	if !l.s.purges.receive(p) {
		l.Gap()
	}
}

// Gap makes all that was read before unverified.
func (l listener) Gap() {
	l.s.purges.gap()
	l.s.l1.Unverify()
	l.s.calls.Reset()
	l.s.rec.Event(ports.GapFound)
}
