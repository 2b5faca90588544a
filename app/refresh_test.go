package app_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// eager refreshes at each read: a TTL is short beside beta times the load.
func eager(o *app.Options) { o.RefreshAhead = 1e9 }

func (f *fleet) get(t *testing.T, instance int, key domain.Key) domain.Answer {
	t.Helper()
	got, err := f.services[instance].Get(context.Background(), key)
	require.NoError(t, err)
	return got
}

// XFetch refreshes by chance, so the claim is about the share of TTLs at whose end
// a reader waits: it is read ten times a second and takes two seconds to load, so
// that no refresh begins in time in about 5 of 10,000.
func TestAValueThatIsReadIsRefreshedBeforeItExpiresAndHardlyAnyoneWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttls = 1000
		f, key := newFleet(t, 1, slow), mustKey(t, "k")
		f.get(t, 0, key)
		waits := 0
		for began := time.Now(); time.Since(began) < ttls*30*time.Second; time.Sleep(100 * time.Millisecond) {
			before := time.Now()
			f.get(t, 0, key)
			if time.Since(before) > 0 {
				waits++
			}
		}
		require.LessOrEqual(t, waits, ttls/100)
		refreshes := int(f.count(ports.RefreshBegan))
		require.Greater(t, refreshes, ttls*99/100)
		require.Less(t, refreshes, ttls*3/2, "not much more often than values expire")
		synctest.Wait()
	})
}

func TestAKeyThatNobodyReadsIsNotRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, eager), mustKey(t, "k")
		f.get(t, 0, key)
		time.Sleep(time.Hour)
		require.EqualValues(t, 1, f.source.calls.Load())
	})
}

func TestARefreshIsOnePerClusterAndOutlivesItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 3, slow, eager), mustKey(t, "k")
		f.get(t, 0, key)
		f.get(t, 1, key)
		f.get(t, 2, key)
		synctest.Wait() // those reads began a refresh
		var all sync.WaitGroup
		for i := range 300 {
			all.Go(func() {
				ctx, leave := context.WithCancel(context.Background())
				defer leave()
				got, err := f.services[i%3].Get(ctx, key)
				assert.NoError(t, err)
				assert.Equal(t, "value of call 1", got.Entry.Body())
			})
		}
		all.Wait()
		time.Sleep(loadTime + time.Second/2)
		require.EqualValues(t, 2, f.source.calls.Load())
		require.EqualValues(t, 1, f.count(ports.RefreshBegan))
		for i := range 3 {
			require.Equal(t, "value of call 2", f.get(t, i, key).Entry.Body(), "all instances took it over")
		}
		f.settle(t)
	})
}

func TestARefreshThatFailsChangesNothingAndRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, func(ctx context.Context, call int64) (domain.Value, error) {
			if call > 1 {
				return domain.Value{}, errors.New("down")
			}
			return slow(ctx, call)
		}, eager), mustKey(t, "k")
		f.get(t, 0, key)
		for range 1000 {
			require.Equal(t, domain.L1Hit, f.get(t, 0, key).Outcome)
			time.Sleep(time.Millisecond)
		}
		require.LessOrEqual(t, f.source.calls.Load(), int64(3), "one a second")
		f.settle(t)
	})
}

// nearEnd returns a copy that will be refreshed when it is read, by a service
// with the default options: a load takes two seconds and a microsecond is left.
func nearEnd(body string) domain.Copy {
	return domain.Copy{Entry: domain.NewEntry(domain.Value{Body: body}, 30*time.Second, loadTime), Remaining: time.Microsecond}
}

func TestARefreshThatAnotherInstanceMadeIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := nearEnd("old")
		renewed := c.After(-time.Hour)
		w.l1.EXPECT().Get(w.key).Return(c, true)
		w.leaseIsFree()
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(renewed, true, nil).Once()
		w.l1.EXPECT().Set(w.key, renewed, epoch).Return(true).Once()
		w.locker.EXPECT().Release(mock.Anything, w.key, lease, ports.Ending{}).Return(nil).Once()
		_, err := w.get() // a call of the source would be unexpected
		require.NoError(t, err)
		synctest.Wait()
	})
}

func TestARefreshThatCannotBeMadeIsNotTriedAtEachRead(t *testing.T) {
	for _, refusal := range []error{domain.ErrSourceFailed, domain.ErrLeaseHeld, errors.New("connection refused")} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			c := nearEnd("old")
			w.l1.EXPECT().Get(w.key).Return(c, true)
			w.l2.EXPECT().Get(mock.Anything, w.key).Return(c, true, nil).Maybe()
			w.l1.EXPECT().Set(w.key, c, epoch).Return(true).Maybe()
			w.locker.EXPECT().Acquire(mock.Anything, w.key).Return(ports.Lease{}, refusal).Twice()
			w.locker.EXPECT().Await(mock.Anything, w.key).Return(ports.Ending{}, nil).Maybe()
			for range 2 {
				for range 10 {
					_, err := w.get()
					require.NoError(t, err)
					synctest.Wait()
				}
				time.Sleep(time.Second)
			}
		})
	}
}

func TestARefreshDoesNotWaitForASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, slow, eager, func(o *app.Options) { o.SourceConcurrency = 1 })
		f.get(t, 0, mustKey(t, "warm"))
		var all sync.WaitGroup
		all.Go(func() { f.get(t, 0, mustKey(t, "cold")) })
		synctest.Wait()
		f.get(t, 0, mustKey(t, "warm")) // wants a refresh
		f.settle(t)
		all.Wait()
		require.EqualValues(t, 2, f.source.calls.Load())
	})
}

func TestAValueIsNotRefreshedTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, func(o *app.Options) { o.TTL = time.Hour }), mustKey(t, "k")
		f.get(t, 0, key)
		for range 10_000 {
			f.get(t, 0, key)
		}
		require.EqualValues(t, 1, f.source.calls.Load())
	})
}

func TestWhatIsStaleIsServedAtOnceWhileOneLoadGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 2, slow, func(o *app.Options) { o.StaleWhile = 10 * time.Second; o.RefreshAhead = 0 }), mustKey(t, "k")
		f.get(t, 0, key)
		f.get(t, 1, key)
		time.Sleep(31 * time.Second)
		began := time.Now()
		for i := range 100 {
			got := f.get(t, i%2, key)
			require.Equal(t, domain.Stale, got.Outcome)
			require.Equal(t, "value of call 1", got.Entry.Body())
		}
		require.Zero(t, time.Since(began))
		time.Sleep(loadTime + time.Millisecond)
		require.EqualValues(t, 2, f.source.calls.Load())
		for i := range 2 {
			got := f.get(t, i, key)
			require.Equal(t, "value of call 2", got.Entry.Body())
			require.Equal(t, domain.L1Hit, got.Outcome)
		}
		time.Sleep(41 * time.Second)
		require.Equal(t, domain.Loaded, f.get(t, 0, key).Outcome, "past the window somebody has to wait")
	})
}

func TestWhatOnlyL2HasAsStaleIsServedAtOnceToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 2, slow, func(o *app.Options) { o.L2Stale, o.StaleWhile = time.Minute, time.Minute }), mustKey(t, "k")
		f.get(t, 0, key)
		time.Sleep(45 * time.Second)
		began := time.Now()
		require.Equal(t, domain.Stale, f.get(t, 1, key).Outcome)
		require.Zero(t, time.Since(began))
		f.settle(t)
		require.Equal(t, "value of call 2", f.get(t, 1, key).Entry.Body())
	})
}

func TestL2KeepsStaleValuesForInstancesThatHaveNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 2, func(ctx context.Context, call int64) (domain.Value, error) {
			if call > 1 {
				return domain.Value{}, errors.New("down")
			}
			return slow(ctx, call)
		}, func(o *app.Options) { o.L2Stale = time.Minute }), mustKey(t, "k")
		f.get(t, 0, key)
		time.Sleep(45 * time.Second)
		got := f.get(t, 1, key)
		require.Equal(t, domain.Stale, got.Outcome)
		require.InDelta(t, -15*time.Second, got.Remaining, float64(10*time.Millisecond))
		time.Sleep(50 * time.Second)
		_, err := f.services[1].Get(context.Background(), key)
		require.ErrorIs(t, err, domain.ErrSourceFailed, "it is gone from L2")
	})
}

func TestUsersComeBeforeRefreshes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, slow, eager, func(o *app.Options) { o.SourceConcurrency = 4 })
		for i := range 4 {
			f.get(t, 0, mustKey(t, fmt.Sprint("warm", i)))
		}
		for i := range 4 {
			f.get(t, 0, mustKey(t, fmt.Sprint("warm", i))) // each wants a refresh
		}
		synctest.Wait()
		require.EqualValues(t, 2, f.count(ports.RefreshBegan), "half of the slots at the most")
		began := time.Now()
		var all sync.WaitGroup
		for i := range 2 {
			all.Go(func() { f.get(t, 0, mustKey(t, fmt.Sprint("cold", i))) })
		}
		all.Wait()
		require.Equal(t, loadTime, time.Since(began), "there was room for users")
		f.settle(t)
	})
}
