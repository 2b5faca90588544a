package app

import (
	"context"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// GetMany is Get for many keys at once: it asks L2 for all of them together, and
// shares the loads of other callers as Get does. Results are in the order of the
// keys, each is counted as a request of its own, and a key that fails does not
// fail the others.
func (s *Service) GetMany(ctx context.Context, keys []domain.Key) []domain.Result {
	results := make([]domain.Result, len(keys))
	var rest []int // places in keys and results
	for i, key := range keys {
		held, _ := s.l1.Get(key)
		if held.Fresh() && s.trusts(held) {
			s.refreshAhead(ctx, key, held)
			results[i].Answer = hit(held, domain.L1Hit)
		} else {
			results[i].Copy = held
			rest = append(rest, i)
		}
	}
	s.getTogether(ctx, keys, results, rest)
	for _, r := range results {
		s.rec.Request(r.Outcome)
	}
	return results
}

// getTogether completes the results at the given places, which have what L1
// holds, if anything.
func (s *Service) getTogether(ctx context.Context, keys []domain.Key, results []domain.Result, places []int) {
	if len(places) == 0 {
		return
	}
	if ctx.Err() != nil {
		for _, i := range places {
			results[i] = domain.Result{Answer: domain.Answer{Outcome: domain.Abandoned}, Err: context.Cause(ctx)}
		}
		return
	}
	asked := make([]domain.Key, len(places))
	since := make([]ports.Epoch, len(places))
	for n, i := range places {
		asked[n], since[n] = keys[i], s.l1.Epoch(keys[i])
	}
	var waits sync.WaitGroup
	for n, found := range s.l2.GetMany(ctx, asked) {
		key, r := asked[n], &results[places[n]]
		c, err := s.saw(ctx, key, found.Copy, found.Err, since[n])
		if c.Fresh() {
			s.refreshAhead(ctx, key, c)
			r.Answer = hit(c, domain.L2Hit)
			continue
		}
		waits.Go(func() {
			r.Answer, r.Err = s.getShared(ctx, key, r.Copy, domain.Demand{}, func(ctx context.Context, key domain.Key, _ time.Duration) (domain.Answer, error) {
				return s.flights.join(ctx, place{key, ordinary}, s.fetch(c, err, since[n]), 0)
			})
		})
	}
	waits.Wait()
}
