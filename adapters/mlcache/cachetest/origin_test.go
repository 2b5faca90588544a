package cachetest_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOneLoadHoweverManyAskOfTheGoPackage(t *testing.T) {
	origin := cachetest.StartOrigin(t)
	cache, err := mlcache.New("things", origin.Load)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cache.Close(context.Background())) })
	release := origin.Hold("a/b", cachetest.Plan{})
	got := make(chan string)
	for range 10 {
		go func() {
			value, err := cache.Get(t.Context(), "a/b")
			if err != nil {
				value = err.Error()
			}
			got <- value
		}()
	}
	origin.AwaitCall(t, "a/b", 1)
	release()
	for range 10 {
		require.Equal(t, cachetest.ValueOf("a/b", 0), <-got)
	}
	require.Equal(t, 1, origin.Called("a/b"))
}

func TestAnOriginAnswersAsItIsPlanned(t *testing.T) {
	origin := cachetest.StartOrigin(t)
	require.Equal(t, 1, origin.Advance("k"))
	value, err := origin.Load(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, 1, cachetest.VersionOf(value))
	require.Equal(t, -1, cachetest.VersionOf("no value of an origin"))

	origin.Answer("", cachetest.Plan{How: cachetest.NotFound})
	_, err = origin.Load(t.Context(), "k")
	require.ErrorIs(t, err, mlcache.ErrNotFound)
	origin.Answer("k", cachetest.Plan{How: cachetest.Fail, Delay: time.Millisecond})
	_, err = origin.Load(t.Context(), "k")
	require.ErrorContains(t, err, "500")
	require.Equal(t, 3, origin.Called("k"))
	require.Equal(t, 2, origin.CalledAfterwards("k"))
	origin.CloseIdleConnections()
}
