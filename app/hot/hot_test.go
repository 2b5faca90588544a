package hot_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/app/hot"
)

func TestFewKeysAreCountedExactly(t *testing.T) {
	s := hot.NewSketch(3, strings.Clone)
	for key, times := range map[string]int{"a": 5, "b": 1, "c": 9} {
		for range times {
			s.Add(key, 2)
		}
	}
	require.Equal(t, []hot.Count[string]{{Key: "c", Count: 18}, {Key: "a", Count: 10}, {Key: "b", Count: 2}}, s.Top(10))
	require.Equal(t, []hot.Count[string]{{Key: "c", Count: 18}}, s.Top(1))
	s.Scale(0.5)
	require.Equal(t, []hot.Count[string]{{Key: "c", Count: 9}}, s.Top(1))
}

// The guarantees of Space-Saving.
func TestNoCountIsTooLowNorHigherThanItSays(t *testing.T) {
	const capacity, n = 50, 100_000
	random := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(random, 1.1, 1, 10_000)
	s, exact := hot.NewSketch(capacity, func(k uint64) uint64 { return k }), map[uint64]float64{}
	for range n {
		key := zipf.Uint64()
		s.Add(key, 1)
		exact[key]++
	}
	found := map[uint64]bool{}
	for _, c := range s.Top(capacity) {
		require.GreaterOrEqual(t, c.Count, exact[c.Key])
		require.LessOrEqual(t, c.Count-c.Over, exact[c.Key])
		require.LessOrEqual(t, c.Over, float64(n/capacity))
		found[c.Key] = true
	}
	require.Len(t, found, capacity)
	for key, times := range exact {
		require.True(t, times <= n/capacity || found[key], "key %d occurs %v times", key, times)
	}
}

func TestAKeyIsKeptAsItsClone(t *testing.T) {
	request := strings.Repeat("k", 1<<10)
	s := hot.NewSketch(1, strings.ToUpper)
	s.Add(request[:1], 1)
	require.Equal(t, "K", s.Top(1)[0].Key)
}

// ask has the tracker see requests of keys for some seconds, evenly.
func ask(tracker *hot.Tracker[string], random *rand.Rand, seconds int, perSecond map[string]int) {
	for range seconds {
		for _, key := range slices.Sorted(maps.Keys(perSecond)) { // so that the draws are the same each time
			for range perSecond[key] {
				tracker.Saw(key, random.Uint64())
			}
		}
		time.Sleep(time.Second)
	}
}

func TestRatesOfFewRequestsAreExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracker := hot.NewTracker(10, strings.Clone)
		ask(tracker, rand.New(rand.NewPCG(1, 2)), 300, map[string]int{"a": 40, "b": 2})
		top := tracker.Top(10)
		require.Equal(t, []string{"a", "b"}, []string{top[0].Key, top[1].Key})
		require.InEpsilon(t, 40, top[0].PerSecond, 0.02)
		require.InEpsilon(t, 2, top[1].PerSecond, 0.02)
		require.Zero(t, top[0].Error)
	})
}

func TestOfManyRequestsASampleIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracker := hot.NewTracker(100, strings.Clone)
		random := rand.New(rand.NewPCG(3, 4))
		rates := map[string]int{"hot": 30_000, "warm": 10_000}
		for i := range 200 {
			rates[fmt.Sprint("cold-", i)] = 50
		}
		ask(tracker, random, 20, rates)
		top := tracker.Top(2)
		for i, want := range []float64{30_000, 10_000} {
			require.InDelta(t, want, top[i].PerSecond, top[i].Error, top[i].Key)
			require.Positive(t, top[i].Error)
			require.Less(t, top[i].Error, want/5)
		}
	})
}

func TestAKeyThatIsNotRequestedAnyMoreIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracker, random := hot.NewTracker(10, strings.Clone), rand.New(rand.NewPCG(5, 6))
		ask(tracker, random, 60, map[string]int{"before": 100})
		before := tracker.Top(1)[0].PerSecond
		time.Sleep(3 * time.Minute)
		require.Less(t, tracker.Top(1)[0].PerSecond, before/8)
		ask(tracker, random, 60, map[string]int{"now": 100})
		require.Equal(t, "now", tracker.Top(1)[0].Key)
	})
}

func TestNothingWasRequestedYet(t *testing.T) {
	require.Empty(t, hot.NewTracker(10, strings.Clone).Top(10))
}

func TestOneRequestIsNoHighRate(t *testing.T) {
	tracker := hot.NewTracker(10, strings.Clone)
	tracker.Saw("a", math.MaxUint64)
	require.LessOrEqual(t, tracker.Top(1)[0].PerSecond, 1.0)
}

func TestATrackerIsSafeForConcurrentUse(t *testing.T) {
	tracker := hot.NewTracker(10, strings.Clone)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 0))
			for n := range 10_000 {
				tracker.Saw(fmt.Sprint(n%20), random.Uint64())
				if n%1000 == 0 {
					tracker.Top(5)
				}
			}
		})
	}
	all.Wait()
	require.Len(t, tracker.Top(100), 10)
}
