package app

import (
	"context"
	"errors"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// trusts reports whether a copy in L1 may be used without asking L2: when no
// invalidation of it can have been missed, or when L2 cannot be asked.
func (s *Service) trusts(held domain.Copy) bool {
	return !held.Unverified && s.bus.Subscribed() || !s.bus.Available()
}

// needsVerifying reports whether only L2 can tell that the copy in L1 may be used. A
// read for that is repeated once: one lost reply leaves nothing unverified.
func (s *Service) needsVerifying(held domain.Copy, d domain.Constraints) bool {
	return d.Meets(held) && !s.trusts(held)
}

// look returns the copy that L2 has, which may be stale, and promotes it if it is
// fresh. A failing layer is a counted miss; the error is for callers to whom it makes
// a difference that L2 did not say so about what L1 held: see leavesToL1.
func (s *Service) look(ctx context.Context, key domain.Key, held *domain.Entry) (domain.Copy, error) {
	since := s.l1.Epoch(key)
	found, _, err := s.l2.Get(ctx, key)
	if err != nil {
		if err = s.unread(ctx, key, err); !leavesToL1(held, found.Entry, err) {
			err = nil
		}
		return domain.Copy{}, err
	}
	s.promote(key, found, since)
	return found, nil
}

// foundAt is what L2 has of one key, and the key's epoch before it was read.
type foundAt struct {
	ports.Found
	since ports.Epoch
}

// lookMany is look for many keys, which it keeps. Values that are large are left out.
func (s *Service) lookMany(ctx context.Context, keys []domain.Key) []foundAt {
	all := make([]foundAt, len(keys))
	for n, key := range keys {
		all[n].since = s.l1.Epoch(key)
	}
	failed := false // one call that fails is one failure
	for n, found := range s.l2.GetMany(ctx, keys) {
		if found.Err != nil && (!failed || errors.Is(found.Err, domain.ErrUndecodable)) {
			found.Err = s.unread(ctx, keys[n], found.Err)
			failed = failed || found.Err != nil
		}
		all[n].Found = found
		s.promote(keys[n], found.Copy, all[n].since)
	}
	return all
}

// leavesToL1 reports whether err says that L2 cannot tell what it has, so that what L1
// held answers unverified. When only the record of purges cannot be read, L2 does tell
// whether that is the last value.
func leavesToL1(held, found *domain.Entry, err error) bool {
	switch {
	case err == nil || errors.Is(err, domain.ErrUndecodable):
		return false
	case errors.Is(err, errPurgesUnknown):
		return held.SameValue(found)
	}
	return true
}

// unread counts that L2 did not return what it has. What cannot be decoded is a miss.
func (s *Service) unread(ctx context.Context, key domain.Key, err error) error {
	if errors.Is(err, domain.ErrUndecodable) {
		s.rec.Event(ports.L2Undecodable)
		s.log.DebugContext(ctx, "l2 entry undecodable", "key", key, "err", err)
		return nil
	}
	s.l2Failed(ctx, "get", err)
	return err
}

// promote puts a copy into L1, unless it has expired, L1 has a later version, or what it
// was read from may have changed since, and reports whether it is there.
func (s *Service) promote(key domain.Key, c domain.Copy, since ports.Epoch) bool {
	return c.Fresh() && !hasNewer(s.l1, key, c.Entry) && s.l1.Set(key, c, since)
}

// l2Failed counts an error of the second layer, unless it is ctx that ended. The
// adapter logs when the layer's state changes; a line for each failing call would
// bury that.
func (s *Service) l2Failed(ctx context.Context, op string, err error) {
	if ctx.Err() != nil {
		return
	}
	s.rec.Event(ports.L2Failed)
	s.log.DebugContext(ctx, "l2 failed", "op", op, "err", err)
}
