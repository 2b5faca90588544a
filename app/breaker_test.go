package app_test

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func TestAKeyThatFailsAgainAndAgainIsAskedForLessAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		began := time.Now()
		var calls []time.Duration
		f := newFleet(t, 1, func(context.Context, int64) (domain.Value, error) {
			calls = append(calls, time.Since(began))
			if down {
				return domain.Value{}, errors.New("down")
			}
			return domain.Value{Body: "up"}, nil
		}, func(o *app.Options) { o.NegativeTTL, o.TTL = 0, time.Millisecond })
		key := mustKey(t, "k")
		askFor := func(d time.Duration) {
			calls, began = nil, time.Now()
			for time.Since(began) < d {
				_, _ = f.services[0].Get(t.Context(), key)
				time.Sleep(100 * time.Millisecond)
			}
		}
		askFor(70 * time.Second)
		const s = time.Second
		require.Equal(t, []time.Duration{0, s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 48 * s, 64 * s}, calls)
		down = false
		time.Sleep(16 * time.Second)
		require.Equal(t, "up", f.get(t, 0, key).Entry.Body())
		down = true
		askFor(2500 * time.Millisecond)
		require.Equal(t, []time.Duration{100 * time.Millisecond, 1100 * time.Millisecond, 2100 * time.Millisecond}, calls[len(calls)-3:], "a success ends the row")
	})
}

// opened is a service whose breaker has just opened, and its source.
func opened(t *testing.T) (f *fleet, source *atomic.Value, ask func() error) {
	t.Helper()
	source = new(atomic.Value)
	source.Store(errors.New("down"))
	f = newFleet(t, 1, func(context.Context, int64) (domain.Value, error) {
		if err := source.Load().(error); err.Error() != "up" {
			return domain.Value{}, err
		}
		return domain.Value{Body: "v"}, nil
	}, func(o *app.Options) { o.SourceConcurrency = 20 })
	n := 0
	ask = func() error {
		n++
		_, err := f.services[0].Get(context.Background(), mustKey(t, "k"+strconv.Itoa(n)))
		return err
	}
	for range 19 {
		require.Error(t, ask())
	}
	time.Sleep(time.Second)
	require.Error(t, ask())
	require.EqualValues(t, 20, f.source.calls.Load())
	return f, source, ask
}

func TestASourceThatFailsForAllIsLeftAloneAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, source, ask := opened(t)
		for range 100 {
			require.ErrorIs(t, ask(), domain.ErrSourceFailed)
		}
		require.EqualValues(t, 20, f.source.calls.Load(), "it is open")
		require.True(t, f.services[0].Activity().Failing)
		time.Sleep(time.Second)
		require.Error(t, ask())
		require.Error(t, ask())
		require.EqualValues(t, 21, f.source.calls.Load(), "one tries")
		time.Sleep(1999 * time.Millisecond)
		require.Error(t, ask())
		require.EqualValues(t, 21, f.source.calls.Load(), "the waits double")
		source.Store(errors.New("up"))
		time.Sleep(time.Millisecond)
		require.NoError(t, ask())
		require.NoError(t, ask(), "it is closed")
		require.False(t, f.services[0].Activity().Failing)
		require.EqualValues(t, 23, f.count(ports.SourceCalled))
		require.EqualValues(t, 21, f.count(ports.SourceFailed), "what is not called does not fail")
	})
}

func TestWhatSaysNothingOfTheSourceKeepsTheBreakerAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, source, ask := opened(t)
		time.Sleep(time.Second)
		source.Store(domain.ErrOverloaded)
		require.ErrorIs(t, ask(), domain.ErrOverloaded)
		require.ErrorIs(t, ask(), domain.ErrOverloaded, "the next one tries")
		require.EqualValues(t, 22, f.source.calls.Load())
		source.Store(domain.ErrNotFound)
		require.NoError(t, ask())
		require.False(t, f.services[0].Activity().Failing, "no such key is an answer")
	})
}

func TestAFewFailuresOrManyAtOnceDoNotOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, func(context.Context, int64) (domain.Value, error) { return domain.Value{}, errors.New("down") })
		for i := range 1000 {
			_, err := f.services[0].Get(context.Background(), mustKey(t, "k"+strconv.Itoa(i)))
			require.Error(t, err)
		}
		require.EqualValues(t, 1000, f.source.calls.Load(), "at one moment: it may be a moment")
	})
}
