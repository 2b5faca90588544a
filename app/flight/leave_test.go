package flight_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/app/flight"
)

// ending returns work that tells why its context ended.
func ending(cause *error) *work {
	return &work{runs: func(ctx context.Context) (string, error) {
		<-ctx.Done()
		*cause = context.Cause(ctx)
		return "", *cause
	}}
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestACallThatNobodyWaitsForIsCancelledAndJoinedByNobody(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		var cause error
		w := ending(&cause)
		began := time.Now()
		var all sync.WaitGroup
		for _, d := range []time.Duration{time.Second, 3 * time.Second} {
			all.Go(func() {
				_, _, err := g.Do(within(t, d), "k", 0, w)
				require.ErrorIs(t, err, context.DeadlineExceeded)
			})
		}
		all.Wait()
		require.Equal(t, 3*time.Second, time.Since(began))
		synctest.Wait()
		require.ErrorIs(t, cause, flight.ErrAbandoned)
		require.Zero(t, g.Len())
		_, started, err := g.Do(t.Context(), "k", 0, slow("v"))
		require.NoError(t, err)
		require.True(t, started)
	})
}

func TestACallIsKeptForAsLongAsItSays(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		var cause error
		w := ending(&cause)
		left := []time.Duration{2 * time.Second, 3 * time.Second, 0}
		w.keeps = func() time.Duration {
			next := left[0]
			left = left[1:]
			return next
		}
		began := time.Now()
		_, _, err := g.Do(within(t, time.Second), "k", 0, w)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		require.NoError(t, cause)
		require.NoError(t, g.Drain(t.Context()))
		require.Equal(t, 6*time.Second, time.Since(began))
		require.ErrorIs(t, cause, flight.ErrAbandoned)
	})
}

func TestACallThatIsJoinedWhileItIsKeptGoesOnUntilThatCallerLeaves(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		var cause error
		w := ending(&cause)
		kept := time.Now().Add(3 * time.Second)
		w.keeps = func() time.Duration { return time.Until(kept) }
		_, _, err := g.Do(within(t, time.Second), "k", 0, w)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, started, err := g.Do(within(t, 9*time.Second), "k", 0, w)
		require.False(t, started)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		require.ErrorIs(t, cause, flight.ErrAbandoned)
	})
}

func TestACallThatEndsWhileItIsKeptIsNotWaitedForAnyLonger(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		w := slow("v")
		w.keeps = func() time.Duration { return time.Hour }
		began := time.Now()
		_, _, err := g.Do(within(t, time.Second), "k", 0, w)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, g.Drain(t.Context()))
		require.Equal(t, loadTime, time.Since(began))
	})
}

func TestACallerWhosePatienceEndsLeavesACallThatGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		var cause error
		w := ending(&cause)
		began := time.Now()
		_, _, err := g.Do(t.Context(), "k", time.Second, w)
		require.ErrorIs(t, err, flight.ErrDetached)
		require.Equal(t, time.Second, time.Since(began))
		require.NoError(t, g.Drain(t.Context()))
		require.Equal(t, 11*time.Second, time.Since(began), "but not for ever")
		require.ErrorIs(t, cause, flight.ErrAbandoned)
	})
}

func TestPatienceIsNoBoundForACallThatIsQuicker(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		v, _, err := g.Do(t.Context(), "k", 2*loadTime, slow("v"))
		require.NoError(t, err)
		require.Equal(t, "v", v)
	})
}

func TestAStartedCallNeedsNobodyWhoWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		w := slow("v")
		require.True(t, g.Start(t.Context(), "k", w))
		require.False(t, g.Start(t.Context(), "k", w), "one is in flight")
		_, _, err := g.Do(within(t, time.Second), "k", 0, w)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		v, started, err := g.Do(t.Context(), "k", 0, w)
		require.NoError(t, err)
		require.False(t, started)
		require.Equal(t, "v", v)
		require.EqualValues(t, 1, w.ran.Load())
		require.Zero(t, w.tried.Load())
	})
}

func TestAVoidedCallAnswersThoseThatHadJoinedItAndNobodyElse(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		old, other := slow("old"), slow("other")
		var all sync.WaitGroup
		all.Go(func() {
			v, _, err := g.Do(t.Context(), "k", 0, old)
			require.NoError(t, err)
			require.Equal(t, "old", v)
		})
		all.Go(func() { _, _, _ = g.Do(t.Context(), "k2", 0, other) })
		synctest.Wait()
		g.Void("k", "unknown")
		require.True(t, old.voided.Load())
		require.False(t, other.voided.Load())
		v, started, err := g.Do(t.Context(), "k", 0, slow("new"))
		require.NoError(t, err)
		require.True(t, started)
		require.Equal(t, "new", v)
		all.Wait()
	})
}

func TestAfterAResetAllCallsAreNew(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		old := slow("old")
		require.True(t, g.Start(t.Context(), "k", old))
		synctest.Wait()
		g.Reset()
		require.False(t, old.voided.Load())
		v, started, err := g.Do(t.Context(), "k", 0, slow("new"))
		require.NoError(t, err)
		require.True(t, started)
		require.Equal(t, "new", v)
		require.NoError(t, g.Drain(t.Context()))
	})
}

func TestAnOutdatedCallThatEndsLeavesItsSuccessorInPlace(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		require.True(t, g.Start(t.Context(), "k", slow("old")))
		time.Sleep(loadTime / 2)
		g.Void("k")
		require.True(t, g.Start(t.Context(), "k", slow("new")))
		time.Sleep(loadTime * 3 / 4)
		v, started, err := g.Do(t.Context(), "k", 0, slow("newest"))
		require.NoError(t, err)
		require.False(t, started)
		require.Equal(t, "new", v)
	})
}

func TestClosingCancelsAllCallsAndWaitsForThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := flight.NewGroup[string, string](10, time.Second)
		w := &work{runs: func(ctx context.Context) (string, error) {
			<-ctx.Done()
			time.Sleep(time.Second) // it takes its time
			return "", context.Cause(ctx)
		}}
		var all sync.WaitGroup
		all.Go(func() {
			_, _, err := g.Do(t.Context(), "k", 0, w)
			require.ErrorIs(t, err, flight.ErrClosed)
		})
		synctest.Wait()
		hurry := errors.New("hurry")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, hurry)
		defer cancel()
		require.ErrorIs(t, g.Close(ctx), hurry)
		began := time.Now()
		require.NoError(t, g.Close(t.Context()))
		require.Equal(t, time.Second-time.Millisecond, time.Since(began))
		_, _, err := g.Do(t.Context(), "k", 0, w)
		require.ErrorIs(t, err, flight.ErrClosed)
		require.False(t, g.Start(t.Context(), "k", w))
		all.Wait()
	})
}

func TestNothingIsCalledWithTheGroupLocked(t *testing.T) {
	inBubble(t, func(t *testing.T, g *group) {
		look := func() { g.State("k") } // would wait for the lock for ever
		w := slow("v")
		w.tries = func() (string, bool, error) { look(); return "", false, nil }
		w.keeps = func() time.Duration { look(); return 0 }
		_, _, err := g.Do(within(t, time.Second), "k", 0, w)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		v := &voidable{work: slow("v"), look: look}
		go func() { _, _, _ = g.Do(t.Context(), "k", 0, v) }()
		synctest.Wait()
		g.Void("k")
		require.NoError(t, g.Drain(t.Context()))
		require.True(t, v.looked)
	})
}

type voidable struct {
	*work
	look   func()
	looked bool
}

func (v *voidable) Void() {
	v.look()
	v.looked = true
}
