//go:build !race

package app_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// BenchmarkAHit reports how much of the time of a hit it takes to find the hot keys.
func BenchmarkAHit(b *testing.B) {
	f, key := newFleet(b, 1, func(context.Context, int64) (domain.Value, error) { return domain.Value{Body: "v"}, nil }), mustKey(b, "k")
	hit := func(n int) {
		for range n {
			_, _ = f.services[0].Get(b.Context(), key)
		}
	}
	hit(1)
	count, draw := f.services[0].Counting(key)
	b.Run("sequential", func(b *testing.B) { compare(b, 1, hit, count, draw) })
	b.Run("parallel", func(b *testing.B) { compare(b, runtime.GOMAXPROCS(0), hit, count, draw) })
}

// compare reports what count takes beyond draw, in percent of the time of a hit. They
// are run in turn, so that what else the machine does is shared.
func compare(b *testing.B, goroutines int, hit, count, draw func(n int)) {
	const at = 10_000
	var took [3]time.Duration
	for b.Loop() {
		for i, run := range []func(int){hit, count, draw} {
			began := time.Now()
			var all sync.WaitGroup
			for range goroutines {
				all.Go(func() { run(at) })
			}
			all.Wait()
			took[i] += time.Since(began)
		}
	}
	b.ReportMetric(float64(took[0].Nanoseconds())/at/float64(b.N), "ns/hit")
	b.ReportMetric(100*float64(took[1]-took[2])/float64(took[0]), "%counting")
	b.ReportMetric(0, "ns/op")
}

func TestAnL1HitDoesNotAllocate(t *testing.T) {
	f, key := newFleet(t, 1, func(context.Context, int64) (domain.Value, error) { return domain.Value{Body: "v"}, nil }), mustKey(t, "k")
	f.get(t, 0, key)
	ctx := t.Context()
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if got, err := f.services[0].Get(ctx, key); err != nil || got.Outcome != domain.L1Hit {
			panic(got.Outcome)
		}
	}))
}

func TestKeysThatAreKeptKeepOnlyTheirOwnBytes(t *testing.T) {
	const n = 100
	load := func(_ context.Context, call int64) (domain.Value, error) {
		if call%2 == 0 {
			return domain.Value{}, errors.New("no") // and noted for the cool-down
		}
		return domain.Value{Body: "v"}, nil
	}
	for how, do := range map[string]func(*app.Service, domain.Key){
		"get": func(s *app.Service, k domain.Key) { _, _ = s.Get(t.Context(), k) },
		"no-cache": func(s *app.Service, k domain.Key) {
			_, _ = s.GetWith(t.Context(), k, domain.Constraints{NoCache: true})
		},
		"min-fresh": func(s *app.Service, k domain.Key) {
			_, _ = s.GetWith(t.Context(), k, domain.Constraints{MinFresh: time.Second})
		},
		"batch":  func(s *app.Service, k domain.Key) { s.GetMany(t.Context(), []domain.Key{k}, nil) },
		"put":    func(s *app.Service, k domain.Key) { _ = s.Put(t.Context(), k, domain.Value{Body: "v"}, -1) },
		"delete": func(s *app.Service, k domain.Key) { _ = s.Delete(t.Context(), k) },
	} {
		t.Run(how, func(t *testing.T) {
			f := newFleet(t, 1, load, func(o *app.Options) { o.FailureCooldown = time.Hour })
			before := heap()
			for i := range n {
				do(f.services[0], within(t, fmt.Sprint("key ", i)))
			}
			require.Less(t, heap()-before, n<<20/4)
			runtime.KeepAlive(f)
		})
	}
}
