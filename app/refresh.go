package app

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// minRest is how long, at least, a key is not refreshed after that failed, there
// was no place for it, or another instance did it: whoever reads the key would
// try again at once.
const minRest = 100 * time.Millisecond

var errElsewhere = errors.New("loaded by another instance")

// mayServeStale reports whether c answers at once while it is loaded anew.
func (s *Service) mayServeStale(c domain.Copy) bool {
	return c.UsableStale(s.opts.StaleWhile) && s.trusts(c)
}

// refreshAhead begins to load key anew if the copy that was just read has come
// near enough to the end of its life. That the key does not exist is not asked
// for ahead of time.
func (s *Service) refreshAhead(ctx context.Context, key domain.Key, c domain.Copy) {
	if s.opts.RefreshAhead == 0 || c.Entry.LoadTime() == 0 || c.Entry.Missing() {
		return
	}
	// One draw decides for the whole refresh: two in a row would both have to be
	// lucky.
	if draw := -math.Log1p(-s.opts.Random()); c.RefreshDue(s.opts.RefreshAhead, draw) {
		s.refresh(ctx, key, draw)
	}
}

// refreshStale begins to load key anew because what is served is stale.
func (s *Service) refreshStale(ctx context.Context, key domain.Key) { s.refresh(ctx, key, 0) }

// refresh begins a background load of key, unless one is under way or has just
// failed, or too many are. It is the service's own: the request goes on.
func (s *Service) refresh(ctx context.Context, key domain.Key, draw float64) {
	if s.resting.of(key) != nil || !s.bus.Available() {
		return
	}
	key = key.Clone()
	_, _, err := s.refreshes.board(ctx, place{key: key}, func(ctx context.Context, key domain.Key, f *flight) (domain.Answer, error) {
		answer, err := s.reload(ctx, key, f, draw)
		if err != nil {
			s.resting.note(key, err)
		}
		return answer, err
	})
	if errors.Is(err, domain.ErrOverloaded) {
		s.resting.note(key, err)
	}
}

// reload is a refresh: the instance that gets the lease loads, the others take
// over what it brings.
func (s *Service) reload(ctx context.Context, key domain.Key, f *flight, draw float64) (domain.Answer, error) {
	lease, err := s.acquire(ctx, key)
	if err != nil && !errors.Is(err, domain.ErrLeaseEnded) {
		return domain.Answer{}, err
	}
	if err == nil {
		s.rec.Event(ports.LeaseWon)
	}
	since := s.l1.Epoch(key)
	c, lost := s.lookInL2(ctx, key)
	switch {
	case err != nil: // what that instance brought, if anything, has been promoted
		return domain.Answer{}, errElsewhere
	case lost != nil || c.Fresh() && !c.RefreshDue(s.opts.RefreshAhead, draw):
		s.release(ctx, key, lease, nil)
		return domain.Answer{Copy: c, Outcome: domain.L2Hit}, lost
	}
	s.rec.Event(ports.RefreshBegan)
	return s.loadAndFill(ctx, key, f, lease, since, false)
}
