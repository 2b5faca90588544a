package mlcache_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
)

func TestKeysAreWarmedOnceEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(shop)
		products := mlcache.Fake(t, s.load)
		_, err := products.Get(t.Context(), "7")
		require.NoError(t, err)
		warmed, err := products.Warm(t.Context(), []string{"7", "8", "8", ""})
		require.ErrorIs(t, err, mlcache.ErrInvalidKey)
		require.Equal(t, mlcache.Warmed{Held: 1, Loaded: 1}, warmed)
		_, err = products.Get(t.Context(), "8", mlcache.OnlyCached())
		require.NoError(t, err)
		require.EqualValues(t, 2, s.calls.Load())
		require.NoError(t, products.Close(context.Background()))
		_, err = products.Warm(t.Context(), []string{"9"})
		require.ErrorIs(t, err, mlcache.ErrClosed)
	})
}
