package embedded

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// filling returns a layer with a fill that began and has outlasted its lease.
func filling(t *testing.T) (*Layer, domain.Key, *lease) {
	l := &Layer{leases: newLeases(time.Second, time.Second)}
	k, err := domain.ParseKey("k")
	require.NoError(t, err)
	token, err := l.Acquire(t.Context(), k)
	require.NoError(t, err)
	held, err := l.leases.beginFill(k, token)
	require.NoError(t, err)
	time.Sleep(10 * time.Second)
	return l, k, held
}

func TestALeaseCannotEndDuringItsFill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, k, held := filling(t)
		_, err := l.leases.beginFill(k, held.token)
		require.ErrorIs(t, err, domain.ErrLeaseLost)
		require.ErrorIs(t, l.Release(t.Context(), k, held.token, nil), domain.ErrLeaseLost)

		waited := make(chan error)
		go func() {
			_, err := l.Acquire(t.Context(), k)
			waited <- err
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		l.leases.endWrite(k, held, true)
		assert.ErrorIs(t, <-waited, domain.ErrLeaseEnded)
	})
}

func TestALeaseWhoseFillFailedTooLateIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, k, held := filling(t)
		waited := make(chan error)
		go func() {
			_, err := l.Acquire(t.Context(), k)
			waited <- err
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		l.leases.endWrite(k, held, false)
		assert.NoError(t, <-waited)
	})
}

func TestWaitersHearOfAFailureEvenWithoutCooldown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Layer{leases: newLeases(time.Minute, 0)}
		k, err := domain.ParseKey("k")
		require.NoError(t, err)
		token, err := l.Acquire(t.Context(), k)
		require.NoError(t, err)
		waited := make(chan error)
		go func() {
			_, err := l.Acquire(t.Context(), k)
			waited <- err
		}()
		synctest.Wait()
		require.NoError(t, l.Release(t.Context(), k, token, domain.ErrTimeout))
		assert.ErrorIs(t, <-waited, domain.ErrTimeout)
		_, err = l.Acquire(t.Context(), k)
		require.NoError(t, err)
	})
}

func TestAnEndIsNotMissedByWhoAsksAgainAtThatMoment(t *testing.T) {
	ls := newLeases(time.Minute, 0)
	k, err := domain.ParseKey("k")
	require.NoError(t, err)
	token, _, _, err := ls.take(k, nil)
	require.NoError(t, err)
	_, holder, _, err := ls.take(k, nil)
	require.NoError(t, err)
	require.NoError(t, ls.release(k, token, nil))
	_, _, _, err = ls.take(k, holder)
	require.ErrorIs(t, err, domain.ErrLeaseEnded)
	_, _, _, err = ls.take(k, nil)
	require.NoError(t, err)
}
