package counters_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/counters"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func TestEverythingIsCountedExactlyUnderConcurrency(t *testing.T) {
	r := counters.New()
	const workers, each = 8, 1000
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range each {
				for o := range domain.Outcome(domain.Outcomes) {
					r.Request(o)
				}
				for e := range ports.Event(ports.Events) {
					r.Event(e)
				}
				r.SourceTook(2 * time.Millisecond)
			}
		})
	}
	all.Wait()
	const n = workers * each
	got := r.Snapshot()
	for o, count := range got.Requests {
		require.EqualValues(t, n, count, "outcome %d", o)
	}
	for e, count := range got.Events {
		require.EqualValues(t, n, count, "event %d", e)
	}
	require.EqualValues(t, n, got.SourceTook.Total())
	require.Equal(t, n*2*time.Millisecond, got.SourceTook.Sum)
}

func TestADurationIsCountedBelowTheFirstBoundThatItDoesNotExceed(t *testing.T) {
	r := counters.New()
	var want ports.Durations
	for i, bound := range ports.Bounds {
		r.SourceTook(bound)
		r.SourceTook(bound - 1)
		want.Counts[i] = 2
		want.Sum += 2*bound - 1
	}
	r.SourceTook(time.Minute)
	want.Counts[len(ports.Bounds)] = 1
	want.Sum += time.Minute
	require.Equal(t, want, r.Snapshot().SourceTook)
	require.IsIncreasing(t, ports.Bounds[:])
}

func TestTheFirstAnswersOfARouteAreAllCountedAlthoughTheyComeAtOnce(t *testing.T) {
	for range 1000 {
		a := counters.NewAnswers()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { a.Took("/a", 200, time.Second) })
		}
		all.Wait()
		got := a.Durations()
		require.Len(t, got, 1)
		require.EqualValues(t, 8, got[0].Total())
		require.Equal(t, 8*time.Second, got[0].Sum)
	}
}

func TestAnswersAreCountedByRouteAndStatus(t *testing.T) {
	a := counters.NewAnswers()
	require.Empty(t, a.Durations())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				a.Took("/b", 200, time.Millisecond)
				a.Took("/a", 404, time.Second)
				a.Took("/a", 200, time.Second)
			}
		})
	}
	all.Wait()
	got := a.Durations()
	require.Len(t, got, 3)
	for i, want := range []ports.RouteDurations{{Route: "/a", Status: 200}, {Route: "/a", Status: 404}, {Route: "/b", Status: 200}} {
		require.Equal(t, want.Route, got[i].Route)
		require.Equal(t, want.Status, got[i].Status)
		require.EqualValues(t, 400, got[i].Total())
	}
}

func TestWhatARouteCountsIsPartOfTheWhole(t *testing.T) {
	r := counters.New()
	a, b := r.Route("a"), r.Route("b")
	r.Event(ports.GapFound)
	a.Request(domain.L1Hit)
	a.Request(domain.L1Hit)
	b.Request(domain.L1Hit)
	b.SourceTook(time.Second)
	got := r.Snapshot()
	require.EqualValues(t, 3, got.Requests[domain.L1Hit])
	require.EqualValues(t, 1, got.Events[ports.GapFound])
	require.Equal(t, time.Second, got.SourceTook.Sum)
	require.EqualValues(t, 1, got.SourceTook.Total())
	require.Equal(t, "a", got.Routes[0].Name)
	require.EqualValues(t, 2, got.Routes[0].Requests[domain.L1Hit])
	require.EqualValues(t, 1, got.Routes[1].SourceTook.Total())
}
