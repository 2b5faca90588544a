package mlcache_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// patience bounds a hang.
const patience = time.Minute

// eventually waits until f holds.
func eventually(t *testing.T, f func() bool, what string) {
	t.Helper()
	require.Eventually(t, f, patience, 5*time.Millisecond, what)
}

// quietly has no logger.
var quietly = mlcache.Logger(nil)

// patient makes a busy machine no broken server.
var patient = mlcache.RedisTimeout(10 * time.Second)

// connect opens a second layer of each kind.
func connect(t *testing.T, f func(t *testing.T, options ...mlcache.Option)) {
	t.Run("embedded", func(t *testing.T) { f(t, quietly) })
	t.Run("directory", func(t *testing.T) { f(t, quietly, mlcache.Dir(t.TempDir())) })
	t.Run("Redis", func(t *testing.T) { f(t, quietly, mlcache.Redis(redistest.Start(t).URL()), patient) })
}

func TestCachesOnOneConnectionNeitherSeeNorInvalidateEachOther(t *testing.T) {
	connect(t, func(t *testing.T, options ...mlcache.Option) {
		shared, err := mlcache.Connect(options...)
		require.NoError(t, err)
		defer func() { require.NoError(t, shared.Close()) }()
		var shops [20]shop
		var caches [20]*mlcache.Cache[product]
		for i := range caches {
			c, err := mlcache.New(fmt.Sprint("c", i), shops[i].load, mlcache.On(shared), quietly, mlcache.Memory(0, 0))
			caches[i] = closed(t, c, err)
		}
		for i, c := range caches {
			require.NoError(t, c.Put(t.Context(), "7", product{fmt.Sprint("put ", i)}))
		}
		for i, c := range caches {
			require.Equal(t, fmt.Sprint("put ", i), name(t, c))
		}
		require.NoError(t, caches[3].Delete(t.Context(), "7"))
		for i, c := range caches {
			if i != 3 {
				require.Equal(t, fmt.Sprint("put ", i), name(t, c))
			}
			require.Equal(t, i == 3 && name(t, c) == "7.1", shops[i].calls.Load() == 1, "%d", i)
		}
	})
}

func TestACacheOnAConnectionIsAloneWithItsName(t *testing.T) {
	connect(t, func(t *testing.T, options ...mlcache.Option) {
		shared, err := mlcache.Connect(options...)
		require.NoError(t, err)
		first, err := mlcache.New("products", new(shop).load, mlcache.On(shared), quietly)
		require.NoError(t, err)
		_, err = mlcache.New("products", new(shop).load, mlcache.On(shared), quietly)
		require.ErrorContains(t, err, `"products"`)
		require.ErrorContains(t, err, "there is a cache")
		require.NoError(t, first.Close(t.Context()))
		again, err := mlcache.New("products", new(shop).load, mlcache.On(shared), quietly)
		require.NoError(t, err, "its name is free again")
		require.Equal(t, "7.1", name(t, again))
		require.NoError(t, shared.Close())
		require.NoError(t, again.Close(t.Context()))
		_, err = mlcache.New("products", new(shop).load, mlcache.On(shared), quietly)
		require.ErrorIs(t, err, mlcache.ErrClosed)
	})
}

func TestClosingInAnyOrderIsRight(t *testing.T) {
	connect(t, func(t *testing.T, options ...mlcache.Option) {
		before := runtime.NumGoroutine()
		shared, err := mlcache.Connect(options...)
		require.NoError(t, err)
		s := new(shop)
		c, err := mlcache.New("products", s.load, mlcache.On(shared), quietly, mlcache.TTL(time.Hour))
		require.NoError(t, err)
		eventually(t, func() bool { return counted(t, c.Metrics())["bus_up"] == 1.0 }, "the subscription stands")
		require.Equal(t, "7.1", name(t, c))
		require.NoError(t, shared.Close())
		require.NoError(t, shared.Close(), "closing again does nothing")

		require.Equal(t, "7.1", name(t, c), "memory answers")
		p, err := c.Get(t.Context(), "8")
		require.NoError(t, err, "the loader, too, as if the layer was gone")
		require.Equal(t, product{"8.2"}, p)
		require.Error(t, c.Put(t.Context(), "8", product{}))

		for range 2 {
			require.NoError(t, c.Close(t.Context()))
		}
		requireClosed(t, c)
		eventually(t, func() bool { return runtime.NumGoroutine() <= before+2 }, "goroutines end")
	})
}

func requireClosed(t *testing.T, c *mlcache.Cache[product]) {
	t.Helper()
	ctx := t.Context()
	_, err := c.Get(ctx, "7")
	require.ErrorIs(t, err, mlcache.ErrClosed, "also what was in memory: nothing invalidates it any more")
	_, err = c.Get(ctx, "9", mlcache.OnlyCached())
	require.ErrorIs(t, err, mlcache.ErrClosed)
	got, err := c.GetMany(ctx, []string{"7", "9"})
	require.ErrorIs(t, err, mlcache.ErrClosed)
	require.Empty(t, got)
	require.ErrorIs(t, c.Put(ctx, "7", product{}), mlcache.ErrClosed)
	require.ErrorIs(t, c.Delete(ctx, "7"), mlcache.ErrClosed)
	_, err = c.Explain(ctx, "7")
	require.ErrorIs(t, err, mlcache.ErrClosed)
	require.NotZero(t, c.Stats().Loads)
	require.NotEmpty(t, counted(t, c.Metrics()))
}

func TestACacheClosesTheConnectionThatItMade(t *testing.T) {
	server := redistest.Start(t)
	c, err := mlcache.New("products", new(shop).load, mlcache.Redis(server.URL()), patient, quietly)
	require.NoError(t, err)
	require.Equal(t, "7.1", name(t, c))
	clients := func() int { return strings.Count(server.Command("CLIENT", "LIST"), "id=") }
	require.Greater(t, clients(), 1)
	require.NoError(t, c.Close(t.Context()))
	eventually(t, func() bool { return clients() == 1 }, "the one that asks is left")
}

func TestACloseThatIsOutOfTimeIsFinishedByALaterOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c, err := mlcache.New("products", func(context.Context, string) (product, error) {
			<-release // whatever its context says
			return product{}, nil
		}, quietly)
		require.NoError(t, err)
		failed := make(chan error, 1)
		go func() {
			_, err := c.Get(context.Background(), "7")
			failed <- err
		}()
		synctest.Wait()
		gone := errors.New("gone")
		done, cancel := context.WithCancelCause(t.Context())
		cancel(gone)
		require.ErrorIs(t, c.Close(done), gone)
		require.ErrorIs(t, <-failed, mlcache.ErrClosed, "who waits is told at once")
		finished := make(chan error, 2)
		for range 2 {
			go func() { finished <- c.Close(context.Background()) }()
		}
		synctest.Wait()
		short, cancelShort := context.WithTimeout(t.Context(), time.Second)
		defer cancelShort()
		require.ErrorIs(t, c.Close(short), context.DeadlineExceeded, "another one is at it")
		close(release)
		require.NoError(t, <-finished)
		require.NoError(t, <-finished)
		require.NoError(t, c.Close(done), "nothing is left to wait for")
	})
}
