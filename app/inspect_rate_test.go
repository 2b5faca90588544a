//go:build !race

package app_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// rewritten is a source whose keys are written at random, past the cache.
type rewritten struct {
	mu     sync.Mutex
	writes map[domain.Key]int
}

func (r *rewritten) Load(_ context.Context, key domain.Key, _ domain.Validator) (domain.Value, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return domain.Value{Body: fmt.Sprint(r.writes[key])}, nil
}

// differing returns which part of hits is of a copy that differs, and does so for at
// least d, when each key is written so often a second and each copy lives for ttl: the
// mean over all ages up to ttl-d of the chance that a write has come since the load.
func differing(rate float64, ttl, d time.Duration) float64 {
	of, until := ttl.Seconds(), (ttl - d).Seconds()
	return (until - (1-math.Exp(-rate*until))/rate) / of
}

// The inspector finds as many differences as the TTL and the rate of writes come to, in
// twenty minutes of hits. One that counted differences which an invalidation is about to
// end, or missed those of some age, would be outside of the bounds.
func TestTheInspectorFindsAsManyDifferencesAsWritesPastTheCacheMake(t *testing.T) {
	const keys, ttl, lasts = 50, 4 * time.Second, 20 * time.Minute
	for _, rate := range []float64{0.02, 0.2, 2} {
		t.Run(fmt.Sprint(rate, " writes a second"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source, random := &rewritten{writes: make(map[domain.Key]int)}, rand.New(rand.NewPCG(1, 2))
				f := newFleetOn(t, 1, source, never, func(o *app.Options) { o.TTL, o.TTLJitter, o.InspectPerSecond = ttl, 0, 10 })
				key := func(r *rand.Rand) domain.Key { return mustKey(t, fmt.Sprint(r.IntN(keys))) }
				over := make(chan struct{})
				var writing sync.WaitGroup
				writing.Go(func() {
					random := rand.New(rand.NewPCG(3, 4))
					for {
						select {
						case <-over:
							return
						case <-time.After(time.Duration(random.ExpFloat64() / (rate * keys) * float64(time.Second))):
						}
						source.mu.Lock()
						source.writes[key(random)]++
						source.mu.Unlock()
					}
				})
				for began := time.Now(); time.Since(began) < lasts; time.Sleep(time.Duration(random.ExpFloat64() * float64(10*time.Millisecond))) {
					f.get(t, 0, key(random))
				}
				close(over)
				writing.Wait()
				total, volatile, differ := f.inspected()
				looked := float64(total - differ[0]) // a copy that is counted was looked at twice
				part := float64(differ[0]) / looked
				// A copy is looked at again one second later, or up to three tenths more.
				most, least := differing(rate, ttl, time.Second), differing(rate, ttl, 1300*time.Millisecond)
				deviation := 6 * math.Sqrt(most*(1-most)/looked)
				t.Logf("%.0f looked at, %.4f differ, of %.4f to %.4f", looked, part, least, most)
				require.Greater(t, looked, 5_000.0)
				require.InDelta(t, (most+least)/2, part, (most-least)/2+deviation)
				require.Zero(t, volatile)
				require.Zero(t, differ[1], "no copy lives for so long")
			})
		})
	}
}
