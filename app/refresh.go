package app

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/app/flight"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// minRest is how long, at least, a key is not refreshed after that failed, there
// was no slot for it, or another instance did it: the next request would try again
// at once.
const minRest = 100 * time.Millisecond

var (
	errNotRefreshed = errors.New("not refreshed")
	errElsewhere    = errors.New("loaded by another instance")
)

// refreshAhead starts to reload key if the copy that was just read is fresh and near
// enough to its expiry. That a key does not exist is not asked for ahead of time. One
// draw, uniform in [0, 1), decides for the whole refresh: two in a row would both have
// to be lucky.
func (s *Service) refreshAhead(ctx context.Context, key domain.Key, c domain.Copy, uniform float64) {
	if s.opts.RefreshAhead == 0 || !c.Fresh() || c.Entry.LoadTime() == 0 || c.Entry.Missing() {
		return
	}
	if draw := -math.Log1p(-uniform); c.RefreshDue(s.opts.RefreshAhead, draw) {
		s.refresh(ctx, key, c.Entry, draw)
	}
}

// refreshStale starts to reload key because what is served is stale.
func (s *Service) refreshStale(ctx context.Context, key domain.Key, stale domain.Copy) {
	s.refresh(ctx, key, stale.Entry, 0)
}

// refresh starts a background load of key, unless one is in flight or has just
// failed, or too many are.
func (s *Service) refresh(ctx context.Context, key domain.Key, held *domain.Entry, draw float64) {
	if s.resting.has(key) || !s.bus.Available() {
		return
	}
	if _, inFlight := s.calls.State(callKey{key, newLoad}); inFlight {
		return
	}
	c := s.newRefresh(key, held, draw)
	if !s.startRefresh(ctx, c.key, c) {
		s.resting.note(c.key, nil, s.rest())
	}
}

// newRefresh returns a call that loads key for nobody.
func (s *Service) newRefresh(key domain.Key, held *domain.Entry, draw float64) *call {
	return &call{s: s, key: key.Clone(), want: newLoad, came: time.Now(), refresh: true, draw: draw, held: held, arrived: notExpected}
}

// startRefresh starts a refresh, unless there are too many, or the key is loaded already.
func (s *Service) startRefresh(ctx context.Context, key domain.Key, refresh flight.Work[result]) bool {
	if !s.refreshing.tryTake() {
		return false
	}
	started := s.calls.Start(ctx, callKey{key, newLoad}, refresh)
	if !started {
		s.refreshing.free()
	}
	return started
}

// endRefresh ends the work of a refresh. A request that has joined it starts a call of
// its own unless the load itself failed.
func (c *call) endRefresh(err error) error {
	c.s.refreshing.free()
	if err == nil {
		return nil
	}
	c.s.resting.note(c.key, err, c.s.rest())
	if domain.IsLoadFailure(err) {
		return err
	}
	return errors.Join(errNotRefreshed, err)
}

func (s *Service) rest() time.Duration { return max(s.opts.FailureCooldown, minRest) }
