package mlcache_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// warehouse is a source of many products at once that notes its calls.
type warehouse struct {
	mu    sync.Mutex
	calls [][]string
	err   error
	say   func(ctx context.Context, key string)
}

func (w *warehouse) load(ctx context.Context, keys []string) (map[string]product, error) {
	slices.Sort(keys)
	w.mu.Lock()
	w.calls = append(w.calls, slices.Clone(keys))
	w.mu.Unlock()
	all := map[string]product{"not asked for": {"x"}}
	for _, key := range keys {
		if key == "none" {
			continue
		}
		all[key] = product{key}
		if w.say != nil {
			w.say(ctx, key)
		}
	}
	return all, w.err
}

func TestMissesAtTheSameTimeAreOneCallOfABatchLoader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(warehouse)
		c, err := mlcache.NewBatch("products", w.load, mlcache.Batch(3, time.Second))
		products := closed(t, c, err)
		got, err := products.GetMany(t.Context(), []string{"4", "2", "none", "1", "3"})
		require.NoError(t, err)
		require.Equal(t, map[string]product{"1": {"1"}, "2": {"2"}, "3": {"3"}, "4": {"4"}}, got)
		require.Len(t, w.calls, 2, "three at a time")
		require.Len(t, w.calls[0], 3)
		require.Len(t, w.calls[1], 2)
		_, err = products.Get(t.Context(), "none")
		require.ErrorIs(t, err, mlcache.ErrNotFound)

		var all sync.WaitGroup
		began := time.Now()
		for _, key := range []string{"a", "b"} {
			all.Go(func() {
				_, err := products.Get(t.Context(), key)
				require.NoError(t, err)
			})
		}
		all.Wait()
		require.Equal(t, [][]string{{"a", "b"}}, w.calls[2:])
		require.Equal(t, time.Second, time.Since(began), "the first one waited for others")
	})
}

func TestOneKeyAtATimeNeedsNoBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(warehouse)
		c, err := mlcache.NewBatch("products", w.load, mlcache.Batch(1, time.Hour))
		p, err := closed(t, c, err).Get(t.Context(), "7")
		require.NoError(t, err)
		require.Equal(t, product{"7"}, p)
	})
}

func TestKeysThatABatchLoaderReturnsWithAnErrorCount(t *testing.T) {
	w := &warehouse{err: errors.New("one shard is down")}
	c, err := mlcache.NewBatch("products", w.load)
	got, err := closed(t, c, err).GetMany(t.Context(), []string{"7", "none"})
	require.Equal(t, map[string]product{"7": {"7"}}, got)
	require.ErrorIs(t, err, w.err)
	require.ErrorIs(t, err, mlcache.ErrSourceFailed)
	require.ErrorContains(t, err, `products "none"`)
	require.NotContains(t, err.Error(), `"7"`)
}

func TestLoadersSayWhatHoldsForAValue(t *testing.T) {
	say := func(ctx context.Context, key string) {
		switch key {
		case "short":
			mlcache.Describe(ctx, key, mlcache.For(time.Second))
		case "long":
			mlcache.Describe(ctx, key, mlcache.For(time.Hour))
			mlcache.Describe(ctx, "another", mlcache.For(time.Second))
		case "tagged":
			mlcache.Describe(ctx, key, mlcache.Tags("a"), mlcache.Version(1))
			mlcache.Describe(ctx, key, mlcache.Tags("b"), mlcache.Version(2))
		case "over":
			mlcache.Describe(ctx, key, mlcache.For(time.Until(time.Now().Add(-time.Minute))))
		case "unstored":
			mlcache.Describe(ctx, key, mlcache.NoStore())
		case "wrong":
			mlcache.Describe(ctx, key, mlcache.Tags("a b"))
		}
	}
	one := func(options ...mlcache.Option) (*mlcache.Cache[product], error) {
		return mlcache.New("products", func(ctx context.Context, key string) (product, error) {
			say(ctx, key)
			return product{key}, nil
		}, options...)
	}
	many := func(options ...mlcache.Option) (*mlcache.Cache[product], error) {
		return mlcache.NewBatch("products", (&warehouse{say: say}).load, options...)
	}
	for _, open := range []func(...mlcache.Option) (*mlcache.Cache[product], error){one, many} {
		synctest.Test(t, func(t *testing.T) {
			c, err := open(mlcache.TTL(time.Minute), mlcache.RefreshAhead(0), mlcache.Logger(nil))
			requireDescribed(t, closed(t, c, err))
		})
	}
}

func requireDescribed(t *testing.T, c *mlcache.Cache[product]) {
	for key, want := range map[string]mlcache.Held{
		"plain":    {State: "fresh", TTL: time.Minute},
		"short":    {State: "fresh", TTL: time.Second},
		"long":     {State: "fresh", TTL: time.Hour},
		"tagged":   {State: "fresh", TTL: time.Minute, Tags: []string{"a", "b"}, Version: 2},
		"over":     {State: "none"},
		"unstored": {State: "none"},
	} {
		p, err := c.Get(t.Context(), key)
		require.NoError(t, err, key)
		require.Equal(t, product{key}, p)
		x, err := c.Explain(t.Context(), key)
		require.NoError(t, err)
		for _, got := range []mlcache.Held{x.L1, x.L2} {
			require.InDelta(t, want.TTL, got.TTL, float64(10*time.Millisecond), key)
			got.TTL, got.Age, got.Bytes = want.TTL, 0, 0
			require.Equal(t, want, got, key)
		}
	}
	_, err := c.Get(t.Context(), "wrong")
	require.ErrorIs(t, err, mlcache.ErrInvalidTag)
	require.ErrorIs(t, err, mlcache.ErrSourceFailed)
}

func TestOutsideOfALoaderDescribeDoesNothing(t *testing.T) {
	mlcache.Describe(t.Context(), "7", mlcache.For(time.Second))
}

func TestGoroutinesOfALoaderDescribeSideBySide(t *testing.T) {
	c := mlcache.Fake(t, func(ctx context.Context, key string) (product, error) {
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() { mlcache.Describe(ctx, key, mlcache.Tags(fmt.Sprint("t", i))) })
		}
		all.Wait()
		return product{}, nil
	})
	_, err := c.Get(t.Context(), "7")
	require.NoError(t, err)
	x, err := c.Explain(t.Context(), "7")
	require.NoError(t, err)
	require.Len(t, x.L1.Tags, 20)
}

// rates is a source that says more of its value than a cache takes from a stranger.
type rates struct{ validated int }

func (r *rates) Load(_ context.Context, key domain.Key, held domain.Validator) (domain.Value, error) {
	if held.ETag != "" {
		r.validated++
		return domain.Value{}, domain.ErrNotModified
	}
	return domain.Value{Body: `{"name":"` + key.String() + `"}`, TTL: time.Hour, Validator: domain.Validator{ETag: `"1"`}}, nil
}

var _ ports.Source = (*rates)(nil)

func TestASourceServesATypedCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []mlcache.Event
		r := new(rates)
		c, err := mlcache.NewFrom[product]("rates", r, mlcache.TTL(time.Minute), mlcache.RefreshAhead(0),
			mlcache.OnLoad(func(e mlcache.Event) { told = append(told, e) }))
		require.NoError(t, err)
		for range 2 {
			p, err := c.Get(t.Context(), "eur")
			require.NoError(t, err)
			require.Equal(t, product{"eur"}, p)
			time.Sleep(time.Minute + 10*time.Millisecond)
		}
		require.Equal(t, 1, r.validated, "what it says counts up to TTL, and it confirms what the cache has")
		require.NoError(t, c.Close(t.Context()))
		require.Equal(t, []mlcache.Event{{Key: "eur"}, {Key: "eur"}}, told)
	})
}
