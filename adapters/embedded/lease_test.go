package embedded

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// filling returns a layer with a fill that began and has outlasted its lease.
func filling(t *testing.T) (*Layer, domain.Key, *lease) {
	l := &Layer{leases: newLeases(time.Second)}
	k, err := domain.ParseKey("k")
	require.NoError(t, err)
	token, err := l.Acquire(t.Context(), k)
	require.NoError(t, err)
	held, err := l.leases.beginFill(k, token.Token, true)
	require.NoError(t, err)
	time.Sleep(10 * time.Second)
	return l, k, held
}

// awaitEnding runs Await in the background.
func awaitEnding(t *testing.T, l *Layer, k domain.Key) <-chan ports.Ending {
	ended := make(chan ports.Ending, 1)
	go func() {
		ending, err := l.Await(t.Context(), k)
		assert.NoError(t, err)
		ended <- ending
	}()
	return ended
}

func TestALeaseCannotEndDuringItsFill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, k, held := filling(t)
		_, err := l.leases.beginFill(k, held.token, true)
		require.ErrorIs(t, err, domain.ErrLeaseLost)
		require.ErrorIs(t, l.Release(t.Context(), k, ports.Lease{Token: held.token}, ports.Ending{}), domain.ErrLeaseLost)

		waiting := awaitEnding(t, l, k)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Empty(t, waiting)
		_, err = l.Acquire(t.Context(), k)
		require.ErrorIs(t, err, domain.ErrLeaseHeld)
		l.leases.endWrite(k, held, true, ports.Ending{})
		require.Zero(t, <-waiting)
	})
}

func TestALeaseWhoseFillFailedTooLateIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, k, held := filling(t)
		waiting := awaitEnding(t, l, k)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Empty(t, waiting)
		l.leases.endWrite(k, held, false, ports.Ending{})
		require.Zero(t, <-waiting)
		_, err := l.Acquire(t.Context(), k)
		require.NoError(t, err)
	})
}

func TestAnEndIsNotMissedByAWaiterThatLooksAtThatMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ls := newLeases(time.Minute)
		k, err := domain.ParseKey("k")
		require.NoError(t, err)
		lease, err := ls.take(k)
		require.NoError(t, err)
		held := ls.join(k)
		require.NoError(t, ls.release(k, lease.Token, ports.Ending{Failure: domain.ErrTimeout}))
		time.Sleep(time.Minute)
		require.LessOrEqual(t, ls.left(held), time.Duration(0))
		require.Equal(t, ports.Ending{Failure: domain.ErrTimeout}, held.outcome())
	})
}
