package app

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

const (
	// hotKeys is how many keys a Service counts the requests for, at a time.
	hotKeys = 1000
	// hotPublished is how many keys an instance puts on the list of all, at most, and
	// publishEvery how often it does.
	hotPublished = 500
	publishEvery = 10 * time.Second
)

// request takes note of a request for key, and returns a number that decides whether it
// starts a refresh. One draw is for both, since its lower bits do not matter to the
// refresh.
func (s *Service) request(key domain.Key) (uniform float64) {
	uniform = s.opts.Random()
	s.hot.Saw(key, bitsOf(uniform))
	return uniform
}

// bitsOf returns the 53 random bits of a number that is uniform in [0, 1).
func bitsOf(uniform float64) uint64 { return uint64(int64(uniform * (1 << 53))) }

// Hot returns up to n keys, those that are requested most often now.
func (s *Service) Hot(n int) (keys []domain.HotKey) {
	for _, rate := range s.hot.Top(n) {
		keys = append(keys, domain.HotKey{Key: rate.Key, Rate: rate.PerSecond, Error: rate.Error})
	}
	return keys
}

// publisher puts the hot keys of this instance on the list of all instances, from time
// to time.
type publisher struct {
	stop    context.CancelFunc
	running sync.WaitGroup
}

// publish begins to publish what hottest returns.
func publish(list ports.HotList, bus ports.Bus, hottest func() []domain.HotKey, failed func(error)) *publisher {
	ctx, stop := context.WithCancel(context.Background())
	p := &publisher{stop: stop}
	p.running.Go(func() {
		for pause(ctx, publishEvery) {
			if !bus.Available() {
				continue
			}
			if err := list.Publish(ctx, hottest()); err != nil {
				failed(err)
			}
		}
	})
	return p
}

func (p *publisher) end() {
	if p != nil {
		p.stop()
		p.running.Wait()
	}
}

// worthPublishing returns the hottest of keys whose rate is known well enough, in the
// place of all of them.
func worthPublishing(keys []domain.HotKey) []domain.HotKey {
	keys = slices.DeleteFunc(keys, func(hot domain.HotKey) bool { return hot.Error > hot.Rate/2 })
	slices.SortFunc(keys, func(a, b domain.HotKey) int { return cmp.Compare(b.Rate, a.Rate) })
	return keys[:min(hotPublished, len(keys))]
}
