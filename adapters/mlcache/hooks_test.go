package mlcache_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
)

// events are what a hook was told.
type events struct {
	mu  sync.Mutex
	all []mlcache.Event
}

func (e *events) add(one mlcache.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, one)
}

func (e *events) get() []mlcache.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]mlcache.Event(nil), e.all...)
}

func TestAHookIsToldOfEachLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told events
		s := slowShop(time.Second)
		c := mlcache.Fake(t, s.load, mlcache.OnLoad(told.add))
		for range 2 {
			_, _ = c.Get(t.Context(), "7")
		}
		_, _ = c.Get(t.Context(), "none")
		down := errors.New("down")
		s.fail(down)
		_, _ = c.Get(t.Context(), "8")
		synctest.Wait()
		require.Equal(t, []mlcache.Event{
			{Key: "7", Took: time.Second}, {Key: "none", Took: time.Second, Err: mlcache.ErrNotFound}, {Key: "8", Took: time.Second, Err: down},
		}, told.get())
	})
}

func TestAHookIsToldOfEachKeyOfABatch(t *testing.T) {
	var told events
	c, err := mlcache.NewBatch("products", new(warehouse).load, mlcache.OnLoad(told.add))
	require.NoError(t, err)
	_, err = c.GetMany(t.Context(), []string{"7", "none"})
	require.NoError(t, err)
	require.NoError(t, c.Close(t.Context()), "which has the hook called for all that happened")
	got := map[string]error{}
	for _, e := range told.get() {
		got[e.Key] = e.Err
	}
	require.Equal(t, map[string]error{"7": nil, "none": mlcache.ErrNotFound}, got)
}

func TestAHookIsToldOfALoaderThatPanics(t *testing.T) {
	var told events
	one := mlcache.Fake(t, func(context.Context, string) (int, error) { panic("ouch") }, mlcache.OnLoad(told.add))
	_, _ = one.Get(t.Context(), "7")
	require.NoError(t, one.Close(t.Context()))
	many, err := mlcache.NewBatch("products", func(context.Context, []string) (map[string]int, error) { panic("ouch") },
		mlcache.OnLoad(told.add), mlcache.Logger(nil))
	require.NoError(t, err)
	_, _ = many.Get(t.Context(), "8")
	require.NoError(t, many.Close(t.Context()))
	require.Len(t, told.get(), 2)
	for _, e := range told.get() {
		require.ErrorContains(t, e.Err, "panicked")
	}
}

func TestAHookThatHangsHoldsUpNobodyAndDropsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := new(shop)
		c := mlcache.Fake(t, s.load, mlcache.OnLoad(func(mlcache.Event) { <-release }))
		for range 1030 {
			_, err := c.Get(t.Context(), "7", mlcache.Fresh())
			require.NoError(t, err)
		}
		synctest.Wait()
		require.EqualValues(t, 5, c.Stats().Dropped, "one is being told, 1024 wait")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, c.Close(ctx), context.DeadlineExceeded)
		close(release)
		require.NoError(t, c.Close(t.Context()))
	})
}

func TestClosingTellsWhatIsStillToBeTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told events
		release := make(chan struct{})
		c := mlcache.Fake(t, new(shop).load, mlcache.OnLoad(func(e mlcache.Event) {
			<-release
			told.add(e)
		}))
		for range 20 {
			_, err := c.Get(t.Context(), "7", mlcache.Fresh())
			require.NoError(t, err)
		}
		go func() {
			time.Sleep(time.Second)
			close(release)
		}()
		require.NoError(t, c.Close(t.Context()))
		require.Len(t, told.get(), 20)
	})
}

func TestAHookMayCallItsCache(t *testing.T) {
	var c *mlcache.Cache[product]
	got := make(chan product, 1)
	ready := make(chan struct{})
	c = mlcache.Fake(t, new(shop).load, mlcache.OnLoad(func(e mlcache.Event) {
		<-ready
		p, _ := c.Get(context.Background(), e.Key)
		got <- p
	}))
	close(ready)
	require.Equal(t, "7.1", name(t, c))
	require.Equal(t, product{"7.1"}, <-got)
}

func TestAPanicOfAHookIsLogged(t *testing.T) {
	var log bytes.Buffer
	c := mlcache.Fake(t, new(shop).load, mlcache.OnLoad(func(mlcache.Event) { panic("ouch") }), mlcache.Logger(slog.New(slog.NewTextHandler(&log, nil))))
	require.Equal(t, "7.1", name(t, c))
	require.NoError(t, c.Close(t.Context()))
	require.Contains(t, log.String(), "panic in a hook")
}

func TestAHookIsToldOfEachEviction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told events
		c := mlcache.Fake(t, new(shop).load, mlcache.Memory(1, 1<<20), mlcache.OnEvict(told.add))
		for _, key := range []string{"1", "2", "3"} {
			_, err := c.Get(t.Context(), key)
			require.NoError(t, err)
		}
		synctest.Wait()
		require.Equal(t, []mlcache.Event{{Key: "1"}, {Key: "2"}}, told.get())
	})
}
