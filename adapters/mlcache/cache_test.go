package mlcache_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
)

func TestAbsenceAndFailureAreDifferentErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(shop)
		products := mlcache.Fake(t, s.load)
		for range 3 {
			_, err := products.Get(t.Context(), "none")
			require.ErrorIs(t, err, mlcache.ErrNotFound)
			require.EqualError(t, err, `fake "none": no such key`)
		}
		require.EqualValues(t, 1, s.calls.Load(), "absence is remembered")
		down := errors.New("the database is down")
		s.fail(down)
		for range 3 {
			_, err := products.Get(t.Context(), "7")
			require.ErrorIs(t, err, mlcache.ErrSourceFailed)
			require.NotErrorIs(t, err, mlcache.ErrNotFound)
		}
		require.EqualValues(t, 2, s.calls.Load(), "a failure is, too, for the cool-down")
		_, err := products.Get(t.Context(), "8")
		require.ErrorIs(t, err, down, "the caller of the load gets the loader's error")
	})
}

func TestErrorsOfGetAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slowShop(time.Minute)
		products := mlcache.Fake(t, s.load, mlcache.LoadTimeout(2*time.Second), mlcache.LoadConcurrency(1), mlcache.MaxValueBytes(20))
		_, err := products.Get(t.Context(), "")
		require.ErrorIs(t, err, mlcache.ErrInvalidKey)
		_, err = products.Get(t.Context(), "7", mlcache.OnlyCached())
		require.ErrorIs(t, err, mlcache.ErrNotCached)
		began := time.Now()
		_, err = products.Get(t.Context(), "7", mlcache.Wait(time.Second))
		require.ErrorIs(t, err, mlcache.ErrStillLoading)
		require.Equal(t, time.Second, time.Since(began))
		_, err = products.Get(t.Context(), "7")
		require.ErrorIs(t, err, mlcache.ErrTimeout)
		require.Equal(t, 2*time.Second, time.Since(began))
		s.slow(0)
		_, err = products.Get(t.Context(), strings.Repeat("long", 10))
		require.ErrorIs(t, err, mlcache.ErrTooLarge)
		require.ErrorIs(t, err, mlcache.ErrSourceFailed)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = products.Get(ctx, "8")
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestMoreLoadsThanAllowedAreOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slowShop(8 * time.Second)
		products := mlcache.Fake(t, s.load, mlcache.LoadConcurrency(1), mlcache.LoadTimeout(9*time.Second))
		served := make(chan error, 2)
		for _, key := range []string{"1", "2"} {
			go func() {
				_, err := products.Get(t.Context(), key)
				served <- err
			}()
		}
		synctest.Wait()
		_, err := products.Get(t.Context(), "3")
		require.ErrorIs(t, err, mlcache.ErrOverloaded)
		require.NoError(t, <-served)
		require.NoError(t, <-served, "a Get waits longer than a load may take")
	})
}

func TestEachGetOptionAsksForWhatItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(shop)
		products := mlcache.Fake(t, s.load, mlcache.TTL(time.Minute), mlcache.StaleIfError(time.Hour))
		get := func(options ...mlcache.GetOption) string {
			p, err := products.Get(t.Context(), "7", options...)
			require.NoError(t, err)
			return p.Name
		}
		require.Equal(t, "7.1", get())
		time.Sleep(10 * time.Second)
		require.Equal(t, "7.1", get(mlcache.MaxAge(10*time.Second)))
		require.Equal(t, "7.1", get(mlcache.MinFresh(50*time.Second)))
		require.Equal(t, "7.2", get(mlcache.MaxAge(10*time.Second-1)))
		time.Sleep(10 * time.Second)
		require.Equal(t, "7.3", get(mlcache.MinFresh(51*time.Second)))
		require.Equal(t, "7.4", get(mlcache.Fresh()))
		require.Equal(t, "7.5", get(mlcache.MaxAge(0)))
		require.Equal(t, "7.5", get(mlcache.MinFresh(-1), mlcache.MaxStale(-1), mlcache.Wait(0)))
		time.Sleep(time.Minute + time.Second)
		require.Equal(t, "7.5", get(mlcache.MaxStale(2*time.Second)))
		_, err := products.Get(t.Context(), "7", mlcache.OnlyCached(), mlcache.MaxStale(time.Second))
		require.ErrorIs(t, err, mlcache.ErrNotCached)
		s.slow(time.Second)
		_, err = products.Get(t.Context(), "8", mlcache.Wait(0))
		require.ErrorIs(t, err, mlcache.ErrStillLoading)
		require.Equal(t, "7.7", get(mlcache.MaxStale(time.Second)), "8.6 came between")
	})
}

func TestGetManyReturnsWhatThereIsAndTheErrorsOfTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrong := errors.New("a row is wrong")
		products := mlcache.Fake(t, func(_ context.Context, key string) (product, error) {
			switch key {
			case "none":
				return product{}, mlcache.ErrNotFound
			case "bad":
				return product{}, wrong
			}
			return product{key}, nil
		})
		got, err := products.GetMany(t.Context(), []string{"7", "none", "bad", "8", "", "7"})
		require.Equal(t, map[string]product{"7": {"7"}, "8": {"8"}}, got)
		require.ErrorIs(t, err, wrong)
		require.ErrorIs(t, err, mlcache.ErrInvalidKey)
		require.NotErrorIs(t, err, mlcache.ErrNotFound)
		require.ErrorContains(t, err, `fake "bad": source failed`)
		got, err = products.GetMany(t.Context(), []string{"none"})
		require.NoError(t, err)
		require.NotNil(t, got)
		require.Empty(t, got)
		got, err = products.GetMany(t.Context(), nil)
		require.NoError(t, err)
		require.Empty(t, got)
	})
}

func TestWhatIsPutIsWhatEverybodyGets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(shop)
		products := mlcache.Fake(t, s.load, mlcache.TTL(time.Minute))
		get := func() string {
			p, err := products.Get(t.Context(), "7")
			require.NoError(t, err)
			return p.Name
		}
		require.Equal(t, "7.1", get())
		require.NoError(t, products.Put(t.Context(), "7", product{"put"}, mlcache.For(2*time.Minute), mlcache.Tags("brand:9", "red"), mlcache.Version(4)))
		require.Equal(t, "put", get())
		x, err := products.Explain(t.Context(), "7")
		require.NoError(t, err)
		require.InDelta(t, 0, x.L1.Age, float64(2*time.Millisecond))
		x.L1.TTL += x.L1.Age
		x.L1.Age = 0
		require.Equal(t, mlcache.Held{State: "fresh", TTL: 2 * time.Minute, Bytes: 14, Tags: []string{"brand:9", "red"}, Version: 4}, x.L1)
		time.Sleep(2*time.Minute - 1)
		require.Equal(t, "put", get())
		time.Sleep(time.Nanosecond)
		require.Equal(t, "7.2", get())
		require.NoError(t, products.Put(t.Context(), "7", product{"again"}))
		time.Sleep(time.Minute - 1)
		require.Equal(t, "again", get(), "without For it has the TTL of the others")
		require.NoError(t, products.Delete(t.Context(), "7"))
		require.Equal(t, "7.3", get())
		require.NoError(t, products.Put(t.Context(), "7", product{"over"}, mlcache.For(-time.Second)))
		require.Equal(t, "7.4", get(), "no layer kept it")
	})
}

func TestErrorsOfWritesAreTold(t *testing.T) {
	products := mlcache.Fake(t, new(shop).load, mlcache.MaxValueBytes(20))
	require.ErrorIs(t, products.Put(t.Context(), "", product{}), mlcache.ErrInvalidKey)
	require.ErrorIs(t, products.Delete(t.Context(), ""), mlcache.ErrInvalidKey)
	require.ErrorIs(t, products.Put(t.Context(), "7", product{strings.Repeat("n", 20)}), mlcache.ErrTooLarge)
	require.ErrorIs(t, products.Put(t.Context(), "7", product{}, mlcache.Tags("a b")), mlcache.ErrInvalidTag)
	require.ErrorContains(t, products.Put(t.Context(), "7", product{}, mlcache.NoStore()), "NoStore is for loaders")
	functions := mlcache.Fake(t, func(context.Context, string) (func(), error) { return func() {}, nil })
	require.ErrorContains(t, functions.Put(t.Context(), "7", nil), "encode")
	_, err := functions.Get(t.Context(), "7")
	require.ErrorIs(t, err, mlcache.ErrSourceFailed)
	require.ErrorContains(t, err, "encode")
}

func TestCallersOwnWhatTheyGet(t *testing.T) {
	lists := mlcache.Fake(t, func(context.Context, string) ([]string, error) { return []string{"a", "b"}, nil })
	for range 2 {
		got, err := lists.Get(t.Context(), "7")
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b"}, got)
		got[0] = "changed"
	}
}

func TestACodecTakesThePlaceOfJSON(t *testing.T) {
	texts := mlcache.Fake(t, func(context.Context, string) (string, error) { return "as it is", nil }, mlcache.Codec(mlcache.Raw[string]()))
	got, err := texts.Get(t.Context(), "7")
	require.NoError(t, err)
	require.Equal(t, "as it is", got)
	x, err := texts.Explain(t.Context(), "7")
	require.NoError(t, err)
	require.Equal(t, len("as it is"), x.L1.Bytes)

	bytes := mlcache.Fake(t, func(context.Context, string) (json.RawMessage, error) { return json.RawMessage("{}"), nil },
		mlcache.Codec(mlcache.Raw[json.RawMessage]()))
	raw, err := bytes.Get(t.Context(), "7")
	require.NoError(t, err)
	require.Equal(t, json.RawMessage("{}"), raw)
}

func TestAPanicOfALoaderIsAFailedLoad(t *testing.T) {
	products := mlcache.Fake(t, func(context.Context, string) (product, error) { panic("ouch") })
	_, err := products.Get(t.Context(), "7")
	require.ErrorIs(t, err, mlcache.ErrSourceFailed)
	require.ErrorContains(t, err, "ouch")
}

func TestAValueThatIsWithdrawnIsServedNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(shop)
		products := mlcache.Fake(t, s.load, mlcache.TTL(time.Minute), mlcache.StaleIfError(time.Hour))
		_, err := products.Get(t.Context(), "7")
		require.NoError(t, err)
		time.Sleep(time.Minute)
		s.fail(mlcache.ErrWithdrawn)
		_, err = products.Get(t.Context(), "7")
		require.ErrorIs(t, err, mlcache.ErrWithdrawn)
	})
}
