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
	l, err := Open(Options{LockTTL: 5 * time.Second, Cooldown: time.Second, MaxBytes: 1 << 20, MaxValueBytes: 1 << 10})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	k, err = domain.ParseKey("k")
	require.NoError(t, err)
	token, err := l.Acquire(t.Context(), k)
	require.NoError(t, err)
	held, err := l.leases.beginFill(k, token)
	require.NoError(t, err)
	return l, k, func(done bool) {
		if done {
			assert.NoError(t, l.write(t.Context(), k, value("filled")))
		}
		l.leases.endWrite(k, held, done)
	}
}

func TestAPutThatMeetsAFillUnderWayWaitsAndStays(t *testing.T) {
	for says, done := range map[string]bool{"the fill is done": true, "the fill fails": false} {
		t.Run(says, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, k, end := fillUnderWay(t)
				waiter, put := make(chan error, 1), make(chan error, 1)
				go func() {
					_, err := l.Acquire(t.Context(), k)
					waiter <- err
				}()
				synctest.Wait()
				go func() { put <- l.Put(t.Context(), k, value("put")) }()
				time.Sleep(time.Minute)
				synctest.Wait()
				require.Empty(t, put, "it must wait")
				end(done)
				require.NoError(t, <-put)
				require.ErrorIs(t, <-waiter, domain.ErrLeaseEnded)
				c, _, err := l.Get(t.Context(), k)
				require.NoError(t, err)
				require.Equal(t, value("put"), c.Entry)
			})
		})
	}
}

func TestWritesThatMeetAFillUnderWayAllComeAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, k, end := fillUnderWay(t)
		deleted := make(chan error, 10)
		for range cap(deleted) {
			go func() { deleted <- l.Delete(t.Context(), k) }()
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
		require.ErrorIs(t, l.Delete(ctx, k), context.Canceled)
		end(true)
		c, _, err := l.Get(t.Context(), k)
		require.NoError(t, err)
		require.Equal(t, value("filled"), c.Entry)
	})
}

func TestASeizedLeaseIsNobodyElsesUntilItsWriteEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Layer{leases: newLeases(time.Second, time.Second)}
		k, err := domain.ParseKey("k")
		require.NoError(t, err)
		token, err := l.Acquire(t.Context(), k)
		require.NoError(t, err)
		waited := make(chan error, 2)
		wait := func() {
			_, err := l.Acquire(t.Context(), k)
			waited <- err
		}
		go wait()
		synctest.Wait()
		seized, err := l.leases.seize(t.Context(), k)
		require.NoError(t, err)
		go wait()
		time.Sleep(time.Minute)
		synctest.Wait()

		require.Empty(t, waited, "who is woken must find what is written")
		for _, lease := range []ports.Lease{token, seized.token} {
			_, err = l.leases.beginFill(k, lease)
			require.ErrorIs(t, err, domain.ErrLeaseLost)
			require.ErrorIs(t, l.Release(t.Context(), k, lease, domain.ErrSourceFailed), domain.ErrLeaseLost)
		}
		require.ErrorIs(t, l.Renew(t.Context(), k, token), domain.ErrLeaseLost)
		l.leases.endWrite(k, seized, true)
		require.ErrorIs(t, <-waited, domain.ErrLeaseEnded)
		require.ErrorIs(t, <-waited, domain.ErrLeaseEnded)
		_, err = l.Acquire(t.Context(), k)
		require.NoError(t, err)
	})
}

func TestAKeyThatNobodyLoadsHasOneWriteAtATimeToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ls := newLeases(time.Second, time.Second)
		k, err := domain.ParseKey("k")
		require.NoError(t, err)
		first, err := ls.seize(t.Context(), k)
		require.NoError(t, err)
		_, holder, _, err := ls.take(k, nil)
		require.NoError(t, err)
		require.Same(t, first, holder)
		second := make(chan *lease, 1)
		go func() {
			l, err := ls.seize(t.Context(), k)
			assert.NoError(t, err)
			second <- l
		}()
		synctest.Wait()
		require.Empty(t, second)
		ls.endWrite(k, first, true)
		ls.endWrite(k, <-second, true)
		require.Empty(t, ls.held)
	})
}

func TestALeaseThatRanOutCanBeSeized(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ls := newLeases(time.Second, time.Second)
		k, err := domain.ParseKey("k")
		require.NoError(t, err)
		token, _, _, err := ls.take(k, nil)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		seized, err := ls.seize(t.Context(), k)
		require.NoError(t, err)
		ls.endWrite(k, seized, true)
		require.ErrorIs(t, ls.renew(k, token), domain.ErrLeaseLost)
		require.Empty(t, ls.held)
	})
}
