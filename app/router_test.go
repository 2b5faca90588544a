package app_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/counters"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru"
	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// echo is a source that answers with the key that it was asked for.
type echo struct {
	name  string
	takes time.Duration
	fails error
}

func (s echo) Load(ctx context.Context, key domain.Key, _ domain.Validator) (domain.Value, error) {
	select {
	case <-time.After(s.takes):
		return domain.Value{Body: s.name + " " + key.String()}, s.fails
	case <-ctx.Done():
		return domain.Value{}, ctx.Err()
	}
}

// crossing is a Router over real layers.
type crossing struct {
	*app.Router
	bus   *bus
	count *counters.Recorder
}

func newCrossing(t *testing.T, routes ...app.Route) crossing {
	t.Helper()
	l1, err := lru.New(lru.Options{MaxEntries: 100, MaxBytes: 1 << 20, KeepStale: time.Hour})
	require.NoError(t, err)
	t.Cleanup(l1.Close)
	l2, err := embedded.Open(embedded.Options{LockTTL: lockTTL, MaxBytes: 1 << 20, MaxValueBytes: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l2.Close()) })
	c := crossing{bus: newBus(), count: counters.New()}
	for i := range routes {
		if routes[i].Options.TTL == 0 {
			routes[i].Options = app.DefaultOptions()
		}
		routes[i].Options.Random = seeded(1)
		routes[i].Recorder = c.count.Route(routes[i].Name)
	}
	c.Router, err = app.NewRouter(app.Ports{
		L1: l1, L2: l2, Locker: l2, Bus: c.bus, Purger: l2, Recorder: c.count, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}, routes)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	return c
}

func (c crossing) get(t *testing.T, key string) (domain.Answer, error) {
	t.Helper()
	return c.GetWith(t.Context(), mustKey(t, key), domain.Constraints{})
}

func TestTheLongestPrefixOfAKeyDecidesWhichSourceIsAskedForTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrossing(t,
			app.Route{Name: "a", Prefix: "a:", Source: echo{name: "a"}},
			app.Route{Name: "ab", Prefix: "a:b:", Source: echo{name: "ab"}},
			app.Route{Name: "table", Prefix: "t:", Source: &table{}})
		for key, want := range map[string]string{
			"a:1": "a 1", "a:b:1": "ab 1", "a:b": "a b", "a:b:": "a b:", "t:9": "row of 9",
		} {
			got, err := c.get(t, key)
			require.NoError(t, err)
			require.Equal(t, want, got.Entry.Body(), key)
		}
		for _, key := range []string{"b:1", "a", "a:"} {
			_, err := c.get(t, key)
			require.ErrorIs(t, err, domain.ErrNoRoute, key)
			require.ErrorIs(t, c.Check(mustKey(t, key)), domain.ErrNoRoute)
			require.ErrorIs(t, c.Put(t.Context(), mustKey(t, key), domain.Value{}, 0), domain.ErrNoRoute)
			require.ErrorIs(t, c.Delete(t.Context(), mustKey(t, key)), domain.ErrNoRoute)
			require.Equal(t, domain.StepNone, c.Explain(t.Context(), mustKey(t, key)).Next)
		}
		require.Equal(t, "ab", c.Explain(t.Context(), mustKey(t, "a:b:1")).Route)

		keys := []domain.Key{mustKey(t, "t:1"), mustKey(t, "a:2"), mustKey(t, "b:1"), mustKey(t, "t:2"), mustKey(t, "a:1")}
		results := c.GetMany(t.Context(), keys, nil)
		var shown []string
		for _, r := range results {
			if r.Err != nil {
				shown = append(shown, r.Err.Error())
				continue
			}
			shown = append(shown, r.Entry.Body())
		}
		require.Equal(t, []string{"row of 1", "a 2", "no route for the key", "row of 2", "a 1"}, shown)

		n := c.count.Snapshot()
		require.Len(t, n.Routes, 3)
		var sum uint64
		for _, route := range n.Routes {
			for _, count := range route.Requests {
				sum += count
			}
		}
		require.EqualValues(t, 9, sum, "each request of a route is counted once, there and nowhere else")
		require.EqualValues(t, 7, n.Events[ports.SourceCalled])
	})
}

func TestAHungSourceSlowsNoOtherRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		few := app.DefaultOptions()
		few.SourceConcurrency = 2
		c := newCrossing(t,
			app.Route{Name: "hung", Prefix: "hung:", Source: echo{takes: time.Hour}, Options: few},
			app.Route{Name: "fine", Prefix: "fine:", Source: echo{name: "fine", takes: time.Millisecond}, Options: few})
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() { _, _ = c.get(t, "hung:"+strings.Repeat("x", i+1)) })
		}
		synctest.Wait()
		busy := c.Activity()
		require.Equal(t, []int{2, 4}, []int{busy.SourceCalls, busy.SourceSlots})
		require.Equal(t, "fine", busy.Routes[0].Name)
		require.Zero(t, busy.Routes[0].SourceCalls)
		require.Equal(t, 2, busy.Routes[1].SourceCalls)
		for i := range 100 {
			began := time.Now()
			_, err := c.get(t, "fine:"+strings.Repeat("y", i+1))
			require.NoError(t, err)
			require.Equal(t, time.Millisecond, time.Since(began))
		}
		all.Wait()
		require.True(t, c.Activity().Routes[1].Failing)
		require.False(t, c.Activity().Routes[0].Failing)
	})
}

func TestEachRouteHasItsOwnPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short, long := app.DefaultOptions(), app.DefaultOptions()
		short.TTL, long.TTL = time.Second, time.Hour
		c := newCrossing(t,
			app.Route{Name: "short", Prefix: "s", Source: echo{}, Options: short},
			app.Route{Name: "long", Prefix: "l", Source: echo{}, Options: long})
		for key, ttl := range map[string]time.Duration{"s1": time.Second, "l1": time.Hour} {
			got, err := c.get(t, key)
			require.NoError(t, err)
			require.Equal(t, ttl, got.Remaining)
		}
	})
}

func TestInvalidationsAndGapsReachTheRouteOfTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrossing(t, app.Route{Name: "a", Prefix: "a", Source: echo{}}, app.Route{Name: "b", Prefix: "b", Source: echo{}})
		for _, key := range []string{"a1", "b1"} {
			_, err := c.get(t, key)
			require.NoError(t, err)
		}
		c.bus.Invalidate(mustKey(t, "a1"))
		c.bus.Invalidate(mustKey(t, "z1"))
		outcomes := func() (all []domain.Outcome) {
			for _, key := range []string{"a1", "b1"} {
				got, err := c.get(t, key)
				require.NoError(t, err)
				all = append(all, got.Outcome)
			}
			return all
		}
		require.Equal(t, []domain.Outcome{domain.L2Hit, domain.L1Hit}, outcomes())
		c.bus.Gap()
		require.Equal(t, []domain.Outcome{domain.L2Hit, domain.L2Hit}, outcomes(), "unverified on every route")
		n := c.count.Snapshot()
		require.EqualValues(t, 2, n.Events[ports.InvalidationReceived])
		require.EqualValues(t, 1, n.Events[ports.GapFound])
	})
}

func TestRoutesThatDoNotFitAreRefused(t *testing.T) {
	o := app.DefaultOptions()
	p := app.Ports{Bus: newBus(), Logger: slog.New(slog.DiscardHandler)}
	_, err := app.NewRouter(p, nil)
	require.ErrorContains(t, err, "no routes")
	for _, second := range []app.Route{{Prefix: "a", Name: "y", Options: o}, {Prefix: "b", Name: "x", Options: o}} {
		_, err = app.NewRouter(p, []app.Route{{Prefix: "a", Name: "x", Options: o}, second})
		require.ErrorContains(t, err, "two routes have the prefix")
	}
	o.TTL = 0
	_, err = app.NewRouter(p, []app.Route{{Prefix: "a", Options: o}})
	require.ErrorContains(t, err, `route "a": app: TTL`)
}

func TestTheSourceOfARouteChecksTheKeyWithoutThePrefix(t *testing.T) {
	refusal := errors.New("refused")
	c := newCrossing(t, app.Route{Name: "a", Prefix: "a/", Source: echo{}, Check: func(key domain.Key) error {
		if key.String() == ".." {
			return refusal
		}
		return nil
	}})
	require.NoError(t, c.Check(mustKey(t, "a/1")))
	require.ErrorIs(t, c.Check(mustKey(t, "a/..")), refusal)
}
