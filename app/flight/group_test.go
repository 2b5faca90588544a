package flight_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/app/flight"
)

const loadTime = 2 * time.Second

// work is a call that the tests direct.
type work struct {
	tries func() (string, bool, error)
	runs  func(ctx context.Context) (string, error)
	keeps func() time.Duration

	tried, ran, asked atomic.Int32
	spare, voided     atomic.Bool
}

func (w *work) Try(context.Context) (string, bool, error) {
	w.tried.Add(1)
	if w.tries == nil {
		return "", false, nil
	}
	return w.tries()
}

func (w *work) Run(ctx context.Context) (string, error) {
	w.ran.Add(1)
	return w.runs(ctx)
}

func (w *work) Keep() time.Duration {
	w.asked.Add(1)
	if w.keeps == nil {
		return 0
	}
	return w.keeps()
}

func (w *work) Spare() { w.spare.Store(true) }

func (w *work) Void() { w.voided.Store(true) }

// slow returns work that takes loadTime, unless its context ends.
func slow(v string) *work {
	return &work{runs: func(ctx context.Context) (string, error) {
		select {
		case <-time.After(loadTime):
			return v, nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}}
}

type group = flight.Group[string, string]

// inBubble runs f with a group, which has to be empty at the end.
func inBubble(t *testing.T, f func(t *testing.T, g *group)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := flight.NewGroup[string, string](10, 10*time.Second)
		f(t, g)
		require.NoError(t, g.Close(context.Background()))
		require.Zero(t, g.Len())
	})
}

func TestCallersAtTheSameTimeShareOneCall(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		w := slow("v")
		var starters atomic.Int32
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				v, started, err := g.Do(t.Context(), "k", 0, w)
				if started {
					starters.Add(1)
				}
				require.NoError(t, err)
				require.Equal(t, "v", v)
			})
		}
		synctest.Wait()
		state, ok := g.State("k")
		require.True(t, ok)
		require.Equal(t, 100, state.Waiters)
		all.Wait()
		require.EqualValues(t, 1, starters.Load())
		require.EqualValues(t, 1, w.ran.Load())
		_, ok = g.State("k")
		require.False(t, ok)
	})
}

func TestWorkThatIsSpareIsTold(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		first, second := slow("v"), slow("w")
		var all sync.WaitGroup
		all.Go(func() { _, _, _ = g.Do(t.Context(), "k", 0, first) })
		synctest.Wait()
		all.Go(func() { _, _, _ = g.Do(t.Context(), "k", 0, second) })
		synctest.Wait()
		require.False(t, first.spare.Load())
		require.True(t, second.spare.Load(), "while the call is in flight")
		all.Wait()
		require.Zero(t, second.ran.Load())
	})
}

func TestKeysHaveCallsOfTheirOwn(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		var all sync.WaitGroup
		for _, key := range []string{"a", "b"} {
			all.Go(func() {
				v, started, err := g.Do(t.Context(), key, 0, slow(key))
				require.NoError(t, err)
				require.True(t, started)
				require.Equal(t, key, v)
			})
		}
		all.Wait()
	})
}

func TestATryThatIsDoneNeedsNoRunAndAnswersThoseThatJoinedIt(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		w := &work{tries: func() (string, bool, error) {
			time.Sleep(time.Millisecond)
			return "v", true, nil
		}}
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				v, _, err := g.Do(t.Context(), "k", 0, w)
				require.NoError(t, err)
				require.Equal(t, "v", v)
			})
		}
		all.Wait()
		require.EqualValues(t, 1, w.tried.Load())
		require.Zero(t, w.ran.Load())
	})
}

func TestAnErrorIsShared(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		boom := errors.New("boom")
		w := slow("")
		w.runs = func(context.Context) (string, error) {
			time.Sleep(loadTime)
			return "", boom
		}
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				_, _, err := g.Do(t.Context(), "k", 0, w)
				require.ErrorIs(t, err, boom)
			})
		}
		all.Wait()
		require.EqualValues(t, 1, w.ran.Load())
	})
}

func TestWorkThatEndsItsGoroutineLeavesNobodyWaiting(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		w := &work{runs: func(context.Context) (string, error) {
			runtime.Goexit()
			return "", nil
		}}
		_, _, err := g.Do(t.Context(), "k", 0, w)
		require.ErrorIs(t, err, flight.ErrNoResult)

		w = &work{tries: func() (string, bool, error) {
			time.Sleep(time.Second)
			runtime.Goexit()
			return "", false, nil
		}}
		go func() { _, _, _ = g.Do(t.Context(), "k", 0, w) }()
		synctest.Wait()
		_, started, err := g.Do(t.Context(), "k", 0, w)
		require.False(t, started)
		require.ErrorIs(t, err, flight.ErrNoResult)
	})
}

func TestACallHasTheValuesOfTheContextThatStartedItAndNotItsEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		type key struct{}
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "trace"), time.Second)
		defer cancel()
		w := slow("")
		var ended error
		w.runs = func(ctx context.Context) (string, error) {
			time.Sleep(loadTime)
			ended = ctx.Err()
			v, _ := ctx.Value(key{}).(string)
			return v, nil
		}
		go func() { _, _, _ = g.Do(ctx, "k", 0, w) }()
		synctest.Wait()
		v, started, err := g.Do(t.Context(), "k", 0, slow("other"))
		require.NoError(t, err)
		require.False(t, started)
		require.Equal(t, "trace", v)
		require.NoError(t, ended)
	})
}

func TestEachCallerWaitsWithinItsOwnContext(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		w := slow("v")
		began := time.Now()
		late := errors.New("late")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, late)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			_, _, err := g.Do(ctx, "k", 0, w)
			require.ErrorIs(t, err, late)
			require.Equal(t, time.Second, time.Since(began))
		})
		synctest.Wait()
		v, _, err := g.Do(t.Context(), "k", 0, w)
		require.NoError(t, err)
		require.Equal(t, "v", v)
		all.Wait()
	})
}

func TestNoMoreCallsThanTheLimitAreInFlight(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				_, _, err := g.Do(t.Context(), string(rune('a'+i)), 0, slow("v"))
				require.NoError(t, err)
			})
		}
		synctest.Wait()
		require.Equal(t, 10, g.Len())
		_, _, err := g.Do(t.Context(), "another", 0, slow("v"))
		require.ErrorIs(t, err, flight.ErrLimit)
		require.False(t, g.Start(t.Context(), "another", slow("v")))
		_, started, err := g.Do(t.Context(), "a", 0, slow("v"))
		require.NoError(t, err, "joining is free")
		require.False(t, started)
		all.Wait()
	})
}
