package mlcache_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
)

// failing is a test that notes why it failed.
type failing struct {
	err  error
	ends []func()
}

func (f *failing) Fatalf(format string, args ...any) { f.err = fmt.Errorf(format, args...) }
func (f *failing) Cleanup(end func())                { f.ends = append(f.ends, end) }

func TestAFakeHasTheTimeOfItsBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slowShop(3 * time.Second)
		products := mlcache.Fake(t, s.load, mlcache.TTL(time.Hour))
		began := time.Now()
		p, err := products.Get(t.Context(), "7")
		require.NoError(t, err)
		require.Equal(t, product{"7.1"}, p)
		require.Equal(t, 3*time.Second, time.Since(began))
		time.Sleep(time.Hour - time.Millisecond)
		p, _ = products.Get(t.Context(), "7")
		require.Equal(t, product{"7.1"}, p, "its TTL is not over")
		time.Sleep(time.Millisecond)
		p, _ = products.Get(t.Context(), "7")
		require.Equal(t, product{"7.2"}, p)
	})
}

func TestAFakeReloadsNothingAtRandom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slowShop(4 * time.Second)
		products := mlcache.Fake(t, s.load, mlcache.TTL(time.Minute))
		for range 60 { // at the end a refresh would be due with a chance of nine tenths
			_, err := products.Get(t.Context(), "7")
			require.NoError(t, err)
			time.Sleep(time.Second - time.Nanosecond)
		}
		synctest.Wait()
		require.EqualValues(t, 1, s.calls.Load())
	})
}

func TestAFakeIsClosedAtTheEndOfItsTest(t *testing.T) {
	var said failing
	s := new(shop)
	products := mlcache.Fake(&said, s.load)
	_, err := products.Get(t.Context(), "7")
	require.NoError(t, err)
	require.Len(t, said.ends, 1)
	said.ends[0]()
	require.NoError(t, said.err)
	_, err = products.Get(t.Context(), "7")
	require.ErrorIs(t, err, mlcache.ErrClosed)
}

func TestAFakeFailsItsTestWhenALoadIgnoresItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said failing
		products := mlcache.Fake(&said, func(context.Context, string) (int, error) {
			time.Sleep(time.Minute)
			return 1, nil
		})
		_, err := products.Get(t.Context(), "7", mlcache.Wait(time.Second))
		require.ErrorIs(t, err, mlcache.ErrStillLoading)
		said.ends[0]()
		require.ErrorContains(t, said.err, "source calls still in flight")
		require.NoError(t, products.Close(t.Context()), "a later one finishes")
	})
}
