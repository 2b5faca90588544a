package app_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/counters"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru"
	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func quick(context.Context, int64) (domain.Value, error) { return domain.Value{Body: "v"}, nil }

func TestRequestsOfAllKindsMakeAKeyHot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, keys := newFleet(t, 1, quick), keysFrom(t, 0, 3)
		for range 10 {
			f.get(t, 0, keys[0])
			f.get(t, 0, keys[0])
			f.services[0].GetMany(context.Background(), keys[:2], nil)
			time.Sleep(time.Second)
		}
		hot := f.services[0].Hot(10)
		require.Len(t, hot, 2)
		for i, rate := range []float64{3, 1} {
			require.Equal(t, keys[i], hot[i].Key)
			require.InEpsilon(t, rate, hot[i].Rate, 0.1)
		}
		require.Len(t, f.services[0].Hot(1), 1)
	})
}

// hotRouter adds an instance with two routes to a fleet.
func hotRouter(t *testing.T, f *fleet, list ports.HotList, source ports.Source) *app.Router {
	t.Helper()
	l1, err := lru.New(lru.Options{MaxEntries: 1000, MaxBytes: 64 << 20})
	require.NoError(t, err)
	t.Cleanup(l1.Close)
	count, b := counters.New(), newBus()
	f.counts, f.buses = append(f.counts, count), append(f.buses, b)
	o := app.DefaultOptions()
	o.Random, o.RefreshAhead = seeded(1), 0
	r, err := app.NewRouter(app.Ports{
		L1: l1, L2: f.l2, Locker: f.l2, Bus: b, Purger: f.l2, Hot: list, Recorder: count, Logger: slog.New(slog.DiscardHandler),
	}, []app.Route{
		{Name: "a", Prefix: "a:", Source: source, Recorder: count.Route("a"), Options: o},
		{Name: "b", Prefix: "b:", Source: source, Recorder: count.Route("b"), Options: o},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close(context.Background())) })
	return r
}

func ask(t *testing.T, r *app.Router, keys ...domain.Key) {
	t.Helper()
	for _, key := range keys {
		_, err := r.GetWith(context.Background(), key, domain.Constraints{})
		require.NoError(t, err)
	}
}

func TestHotKeysArePublishedAndANewInstanceFillsItsMemoryWithThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 0, quick)
		r := hotRouter(t, f, f.l2, f.source)
		a, b, lost := mustKey(t, "a:1"), mustKey(t, "b:{2}"), mustKey(t, "b:3")
		for range 11 {
			ask(t, r, a, a, b, lost)
			time.Sleep(time.Second)
		}
		require.NoError(t, f.l2.Invalidate(context.Background(), lost, domain.Invalidation{}))
		require.Equal(t, "a", r.Hot(5)[0].Route)
		require.Equal(t, a, r.Hot(5)[0].Keys[0].Key)
		require.Len(t, r.Hot(5)[1].Keys, 2)

		loads := f.source.calls.Load()
		fresh := hotRouter(t, f, f.l2, f.source)
		done, err := fresh.WarmUp(t.Context(), 100, 1<<20)
		require.NoError(t, err)
		require.Equal(t, domain.WarmedUp{Listed: 3, Keys: 2, Bytes: 2}, done)
		require.Equal(t, loads, f.source.calls.Load(), "it never asks the source")
		for _, key := range []domain.Key{a, b} {
			got, err := fresh.GetWith(t.Context(), key, domain.Constraints{})
			require.NoError(t, err)
			require.Equal(t, domain.L1Hit, got.Outcome)
		}
		done, err = hotRouter(t, f, f.l2, f.source).WarmUp(t.Context(), 1, 1<<20)
		require.NoError(t, err)
		require.Equal(t, domain.WarmedUp{Listed: 1, Keys: 1, Bytes: 1}, done, "the hottest")
	})
}

func TestWarmUpIsBoundedInBytesAndReadsLargeValuesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		large := string(make([]byte, ports.LargeBytes+1))
		f := newFleet(t, 0, func(context.Context, int64) (domain.Value, error) { return domain.Value{Body: large}, nil })
		var hot []domain.HotKey
		r := hotRouter(t, f, nil, f.source)
		for i := range 110 {
			hot = append(hot, domain.HotKey{Key: mustKey(t, fmt.Sprint("a:", i)), Rate: float64(1000 - i)})
			if i < 10 || i >= 100 {
				ask(t, r, hot[i].Key)
			}
		}
		require.NoError(t, f.l2.Publish(t.Context(), hot))
		done, err := hotRouter(t, f, f.l2, f.source).WarmUp(t.Context(), 200, 10)
		require.NoError(t, err)
		require.Equal(t, domain.WarmedUp{Listed: 110, Keys: 10, Bytes: 10 * len(large)}, done, "the first hundred")
	})
}

// brokenList fails as long as told.
type brokenList struct {
	ports.HotList
	until time.Time
	tries atomic.Int64
}

var errAway = errors.New("away")

func (l *brokenList) Hottest(ctx context.Context, n int) ([]domain.HotKey, error) {
	l.tries.Add(1)
	if time.Now().Before(l.until) {
		return nil, errAway
	}
	return l.HotList.Hottest(ctx, n)
}

func (l *brokenList) Publish(context.Context, []domain.HotKey) error {
	l.tries.Add(1)
	return errAway
}

func TestWarmUpWaitsForL2UntilItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 0, quick)
		list := &brokenList{HotList: f.l2, until: time.Now().Add(time.Minute)}
		r := hotRouter(t, f, list, f.source)
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		done, err := r.WarmUp(ctx, 100, 1<<20)
		require.ErrorIs(t, err, errAway)
		require.Zero(t, done)
		require.Equal(t, 2*time.Second, time.Since(began))

		list.until = time.Now().Add(time.Second)
		_, err = r.WarmUp(t.Context(), 100, 1<<20)
		require.NoError(t, err)

		f.buses[0].connected.Store(false)
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = r.WarmUp(ctx, 100, 1<<20)
		require.ErrorIs(t, err, context.DeadlineExceeded, "what is read while invalidations are missed would have to be read again")
	})
}

func TestNothingIsPublishedWhileL2CannotBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 0, quick)
		list := &brokenList{}
		r := hotRouter(t, f, list, f.source)
		f.buses[0].reachable.Store(false)
		time.Sleep(55 * time.Second)
		require.Zero(t, list.tries.Load())
		f.buses[0].reachable.Store(true)
		time.Sleep(time.Minute)
		require.EqualValues(t, 6, list.tries.Load())
		require.NoError(t, r.Close(context.Background()))
		time.Sleep(time.Minute)
		require.EqualValues(t, 6, list.tries.Load())
		require.Zero(t, f.counts[0].Snapshot().Events[ports.L2Failed])
	})
}

// slots is a source that holds its calls until they are let go, and knows the most that
// there were at once.
type slots struct {
	now, most atomic.Int64
	calls     atomic.Int64
	hold      time.Duration
	fails     atomic.Bool
}

func (s *slots) Load(ctx context.Context, _ domain.Key, _ domain.Validator) (domain.Value, error) {
	s.calls.Add(1)
	n := s.now.Add(1)
	defer s.now.Add(-1)
	s.most.Store(max(s.most.Load(), n))
	select {
	case <-time.After(s.hold):
	case <-ctx.Done():
	}
	if s.fails.Load() {
		return domain.Value{}, errAway
	}
	return domain.Value{Body: "v"}, ctx.Err()
}

func TestWarmBringsKeysIntoMemoryWithFewSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &slots{hold: 10 * time.Millisecond}
		f, keys := newFleetOn(t, 2, source, never, func(o *app.Options) { o.SourceConcurrency = 16 }), keysFrom(t, 0, 40)
		f.get(t, 0, keys[0]) // in memory
		f.get(t, 1, keys[1]) // in L2
		f.settle(t)
		source.most.Store(0)
		require.Equal(t, domain.Warmed{Held: 2, Loaded: 38}, f.services[0].Warm(t.Context(), keys))
		require.EqualValues(t, 2, source.most.Load(), "an eighth of the slots")
		require.EqualValues(t, 40, source.calls.Load())
		for _, key := range keys {
			require.Equal(t, domain.L1Hit, f.get(t, 0, key).Outcome)
		}
		require.Equal(t, domain.Warmed{Held: 40}, f.services[1].Warm(t.Context(), keys), "from L2")
		require.EqualValues(t, 40, source.calls.Load())
	})
}

func TestWarmDoesNotTakeSlotsThatRequestsNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &slots{hold: 4 * time.Second}
		f := newFleetOn(t, 1, source, never, func(o *app.Options) { o.SourceConcurrency = 4 })
		requests, warmed := keysFrom(t, 0, 8), keysFrom(t, 100, 3)
		for _, key := range requests {
			go func() { _, _ = f.services[0].Get(context.Background(), key) }()
		}
		synctest.Wait()
		began := time.Now()
		require.Equal(t, domain.Warmed{Skipped: 3}, f.services[0].Warm(t.Context(), warmed))
		require.Equal(t, 10*time.Second, time.Since(began))
		require.EqualValues(t, 9, source.calls.Load(), "it has begun one load, when the requests had their values")
		f.settle(t)
		require.Equal(t, domain.L1Hit, f.get(t, 0, warmed[0]).Outcome, "which went on")
	})
}

func TestWarmSaysWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &slots{}
		source.fails.Store(true)
		f := newFleetOn(t, 1, source, never)
		require.Equal(t, domain.Warmed{Failed: 3}, f.services[0].Warm(t.Context(), keysFrom(t, 0, 3)))
		f.buses[0].reachable.Store(false)
		require.Equal(t, domain.Warmed{Skipped: 3}, f.services[0].Warm(t.Context(), keysFrom(t, 10, 3)), "without leases it could be one load per instance")
		require.EqualValues(t, 3, source.calls.Load())
	})
}
