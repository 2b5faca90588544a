package mlcache_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/layers"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestOneLoadForThreeHundredGetsOnThreeInstances(t *testing.T) {
	server := redistest.Start(t)
	s := slowShop(200 * time.Millisecond)
	var instances [3]*mlcache.Cache[product]
	for i := range instances {
		c, err := mlcache.New("products", s.load, mlcache.Redis(server.URL()), patient, quietly)
		instances[i] = closed(t, c, err)
	}
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			p, err := instances[i%3].Get(context.Background(), "7")
			if err != nil || p != (product{"7.1"}) {
				t.Error(p, err)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, s.calls.Load())
	var loads uint64
	for _, c := range instances {
		loads += c.Stats().Loads
	}
	require.EqualValues(t, 1, loads)
}

func TestWritesReachOtherInstances(t *testing.T) {
	url := redistest.Start(t).URL()
	var told events
	s := new(shop)
	open := func(options ...mlcache.Option) *mlcache.Cache[product] {
		c, err := mlcache.New("products", s.load, append(options, mlcache.Redis(url), patient, quietly, mlcache.TTL(time.Hour))...)
		return closed(t, c, err)
	}
	a, b := open(), open(mlcache.OnInvalidate(told.add))
	eventually(t, func() bool { return counted(t, b.Metrics())["bus_up"] == 1.0 }, "b is subscribed")
	require.Equal(t, "7.1", name(t, a))
	require.Equal(t, "7.1", name(t, b))
	require.NoError(t, a.Put(t.Context(), "7", product{"put"}))
	eventually(t, func() bool { return name(t, b) == "put" }, "what a has put")
	require.NoError(t, a.Delete(t.Context(), "7"))
	eventually(t, func() bool { return name(t, b) == "7.2" }, "what was loaded after a's delete")
	ofWrites := func() []mlcache.Event { // besides, if b was there by then, of the subscription
		return slices.DeleteFunc(told.get(), func(e mlcache.Event) bool { return e == mlcache.Event{} })
	}
	eventually(t, func() bool { return len(ofWrites()) >= 2 }, "two writes")
	require.Equal(t, []mlcache.Event{{Key: "7"}, {Key: "7"}}, ofWrites())
	require.EqualValues(t, 2, s.calls.Load())
}

func TestTheServiceCanHaveTheValuesOfACache(t *testing.T) {
	url := redistest.Start(t).URL()
	c, err := mlcache.New("products", new(shop).load, mlcache.Redis(url), patient, quietly, mlcache.TTL(time.Hour))
	closed(t, c, err)
	eventually(t, func() bool { return counted(t, c.Metrics())["bus_up"] == 1.0 }, "the subscription stands")
	require.Equal(t, "7.1", name(t, c))
	service, err := layers.OpenRedis(redis.Options{URL: url, Prefix: "mlc:products:", Timeout: time.Second, Logger: slog.New(slog.DiscardHandler)}, time.Second)
	require.NoError(t, err)
	defer func() { require.NoError(t, service.Close()) }()
	l2, _, err := service.In("")
	require.NoError(t, err)
	key, err := domain.ParseKey("7")
	require.NoError(t, err)
	found, ok, err := l2.Store.Get(t.Context(), key)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, `{"name":"7.1"}`, found.Entry.Body())
	require.NoError(t, l2.Store.Invalidate(t.Context(), key, domain.Invalidation{}))
	eventually(t, func() bool { return name(t, c) == "7.2" }, "the invalidation arrives")
}

func TestARedisThatIsNotThereCostsNoAnswer(t *testing.T) {
	server := redistest.Start(t)
	server.Kill()
	c, err := mlcache.New("products", new(shop).load, mlcache.Redis(server.URL()), mlcache.RedisTimeout(30*time.Millisecond), quietly)
	closed(t, c, err)
	require.Equal(t, "7.1", name(t, c))
	require.Equal(t, "degraded", c.Stats().L2)
	require.ErrorIs(t, c.Put(t.Context(), "7", product{}), mlcache.ErrL2Unavailable)
	server.Restart()
	eventually(t, func() bool { return c.Stats().L2 == "ok" }, "it is used when it comes")
}

// A deployment in which the type of the values changes under the same name.
func TestAValueThatCannotBeDecodedIsLoadedAgain(t *testing.T) {
	url := redistest.Start(t).URL()
	before, err := mlcache.New("products", func(context.Context, string) (string, error) { return "text", nil },
		mlcache.Redis(url), patient, quietly, mlcache.TTL(time.Hour))
	old := closed(t, before, err)
	c, err := mlcache.New("products", new(shop).load, mlcache.Redis(url), patient, quietly, mlcache.TTL(time.Hour))
	changed := closed(t, c, err)
	_, err = old.Get(t.Context(), "7")
	require.NoError(t, err)
	_, err = old.Get(t.Context(), "8")
	require.NoError(t, err)
	_, err = changed.Get(t.Context(), "7", mlcache.OnlyCached())
	require.ErrorContains(t, err, "decode")
	eventually(t, func() bool { p, err := changed.Get(t.Context(), "7"); return err == nil && p == (product{"7.1"}) }, "it is loaded, a second after the old one")
	eventually(t, func() bool {
		got, err := changed.GetMany(t.Context(), []string{"7", "8"})
		return err == nil && len(got) == 2
	}, "and so is the other one, which is younger")
}

func TestAValueThatIsLoadedInVainIsNotLoadedAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(shop)
		broken := mlcache.JSON[product]()
		broken.Decode = func(string) (product, error) { return product{}, errors.New("broken") }
		c := mlcache.Fake(t, s.load, mlcache.Codec(broken))
		for range 10 {
			_, err := c.Get(t.Context(), "7")
			require.ErrorContains(t, err, "broken")
			_, err = c.GetMany(t.Context(), []string{"7"})
			require.ErrorContains(t, err, "broken")
		}
		require.EqualValues(t, 1, s.calls.Load())
	})
}
