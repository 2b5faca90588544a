package embedded

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func value(body string) *domain.Entry {
	return domain.NewEntry(domain.Value{Body: body}, time.Hour, time.Second)
}

// fillUnderWay returns a layer with a fill that has begun, and what ends it.
func fillUnderWay(t *testing.T) (l *Layer, k domain.Key, end func(done bool)) {
	l, err := Open(Options{LockTTL: 5 * time.Second, MaxBytes: 1 << 20, MaxValueBytes: 1 << 10})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	k, err = domain.ParseKey("k")
	require.NoError(t, err)
	lease, err := l.Acquire(t.Context(), k)
	require.NoError(t, err)
	held, err := l.leases.beginFill(k, lease.Token, true)
	require.NoError(t, err)
	return l, k, func(done bool) {
		if done {
			assert.NoError(t, l.write(t.Context(), k, value("filled")))
		}
		l.leases.endWrite(k, held, done, ports.Ending{})
	}
}

func TestAPutThatMeetsAFillInProgressWaitsAndStays(t *testing.T) {
	for says, done := range map[string]bool{"the fill is done": true, "the fill fails": false} {
		t.Run(says, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, k, end := fillUnderWay(t)
				put := make(chan error, 1)
				waiter := awaitEnding(t, l, k)
				synctest.Wait()
				go func() { put <- l.Put(t.Context(), k, value("put")) }()
				time.Sleep(time.Minute)
				synctest.Wait()
				require.Empty(t, put, "it must wait")
				end(done)
				require.NoError(t, <-put)
				require.Zero(t, <-waiter)
				c, _, err := l.Get(t.Context(), k)
				require.NoError(t, err)
				require.Equal(t, value("put"), c.Entry)
			})
		})
	}
}

func TestWritesThatMeetAFillInProgressAllComeAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, k, end := fillUnderWay(t)
		deleted := make(chan error, 10)
		for range cap(deleted) {
			go func() { deleted <- l.Invalidate(t.Context(), k, domain.Invalidation{}) }()
		}
		synctest.Wait()
		end(true)
		for range cap(deleted) {
			require.NoError(t, <-deleted)
		}
		_, ok, err := l.Get(t.Context(), k)
		require.NoError(t, err)
		require.False(t, ok)
		held, failed := Remembered(l)
		require.Zero(t, held+failed)
	})
}

func TestTheWaitForAFillEndsWithTheContextAndChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, k, end := fillUnderWay(t)
		ctx, cancel := context.WithCancel(t.Context())
		put := make(chan error, 1)
		go func() { put <- l.Put(ctx, k, value("put")) }()
		synctest.Wait()
		require.Empty(t, put)
		cancel()
		require.ErrorIs(t, <-put, context.Canceled)
		require.ErrorIs(t, l.Invalidate(ctx, k, domain.Invalidation{}), context.Canceled)
		end(true)
		c, _, err := l.Get(t.Context(), k)
		require.NoError(t, err)
		require.Equal(t, value("filled"), c.Entry)
	})
}

func TestASeizedLeaseIsNobodyElsesUntilItsWriteEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Layer{leases: newLeases(time.Second)}
		k, err := domain.ParseKey("k")
		require.NoError(t, err)
		lease, err := l.Acquire(t.Context(), k)
		require.NoError(t, err)
		first := awaitEnding(t, l, k)
		synctest.Wait()
		seized, err := l.leases.seize(t.Context(), k)
		require.NoError(t, err)
		second := awaitEnding(t, l, k)
		time.Sleep(time.Minute)
		synctest.Wait()

		require.Empty(t, first, "who is woken must find what is written")
		require.Empty(t, second, "who is woken must find what is written")
		for _, token := range []string{lease.Token, seized.token} {
			_, err = l.leases.beginFill(k, token, true)
			require.ErrorIs(t, err, domain.ErrLeaseLost)
			failed := ports.Ending{Failure: domain.ErrSourceFailed}
			require.ErrorIs(t, l.Release(t.Context(), k, ports.Lease{Token: token}, failed), domain.ErrLeaseLost)
		}
		require.ErrorIs(t, l.Renew(t.Context(), k, lease), domain.ErrLeaseLost)
		l.leases.endWrite(k, seized, true, ports.Ending{})
		require.Zero(t, <-first)
		require.Zero(t, <-second)
		_, err = l.Acquire(t.Context(), k)
		require.NoError(t, err)
	})
}

func TestAKeyThatNobodyLoadsHasOneWriteAtATimeToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ls := newLeases(time.Second)
		k, err := domain.ParseKey("k")
		require.NoError(t, err)
		first, err := ls.seize(t.Context(), k)
		require.NoError(t, err)
		_, err = ls.take(k)
		require.ErrorIs(t, err, domain.ErrLeaseHeld)
		second := make(chan *lease, 1)
		go func() {
			l, err := ls.seize(t.Context(), k)
			assert.NoError(t, err)
			second <- l
		}()
		synctest.Wait()
		require.Empty(t, second)
		ls.endWrite(k, first, true, ports.Ending{})
		ls.endWrite(k, <-second, true, ports.Ending{})
		require.Empty(t, ls.held)
	})
}

func TestALeaseThatRanOutCanBeSeized(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ls := newLeases(time.Second)
		k, err := domain.ParseKey("k")
		require.NoError(t, err)
		lease, err := ls.take(k)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		seized, err := ls.seize(t.Context(), k)
		require.NoError(t, err)
		ls.endWrite(k, seized, true, ports.Ending{})
		require.ErrorIs(t, ls.renew(k, lease.Token), domain.ErrLeaseLost)
		require.Empty(t, ls.held)
	})
}
