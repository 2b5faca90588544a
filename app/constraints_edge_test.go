package app_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
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

func TestARequestWithoutConstraintsIsAnsweredAsByGet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *app.Options) { o.StaleWhile = time.Minute })
		w.bus.reachable.Store(false) // so that nothing is refreshed
		w.l1.EXPECT().Get(w.key).Return(held("v", -time.Second), true).Once()
		got, err := w.svc.GetWith(w.ctx, w.key, domain.Constraints{}) // asking L2 would be an unexpected call
		require.NoError(t, err)
		require.Equal(t, domain.Stale, got.Outcome)
		require.Equal(t, 1, w.requests(domain.Stale))
	})
}

func TestAnUnverifiedCopyMeetsNoConstraintsUntilL2VerifiesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never), mustKey(t, "k")
		f.get(t, 0, key)
		f.bus(0).reconnect()
		got, err := f.with(0, key, domain.Constraints{MaxAge: time.Hour})
		require.NoError(t, err)
		require.Equal(t, domain.L2Hit, got.Outcome)
		require.NoError(t, f.l2.Invalidate(context.Background(), key, domain.Invalidation{})) // and no word of it
		f.bus(0).reconnect()
		_, err = f.with(0, key, domain.Constraints{OnlyIfCached: true})
		require.ErrorIs(t, err, domain.ErrNotCached)
		got, err = f.with(0, key, domain.Constraints{MaxAge: time.Hour})
		require.NoError(t, err)
		require.Equal(t, "value of call 2", got.Entry.Body())
	})
}

func TestAHitThatMeetsConstraintsIsRefreshedAheadButAStaleOneLoadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, eager), mustKey(t, "k")
		f.get(t, 0, key)
		got, err := f.with(0, key, domain.Constraints{MaxAge: time.Hour})
		require.NoError(t, err)
		require.Equal(t, domain.L1Hit, got.Outcome)
		f.settle(t)
		require.EqualValues(t, 2, f.source.calls.Load())

		time.Sleep(40 * time.Second)
		got, err = f.with(0, key, domain.Constraints{MaxStale: time.Hour})
		require.NoError(t, err)
		require.Equal(t, domain.Stale, got.Outcome)
		f.settle(t)
		require.EqualValues(t, 2, f.source.calls.Load(), "who takes it stale does not ask for more")
	})
}

func TestARequestWhoseClientHasLeftStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		gone, leave := context.WithCancel(w.ctx)
		leave()
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
		constraints := []domain.Constraints{{OnlyIfCached: true}, {MaxAge: time.Second}, {NoCache: true}, {NoStore: true, NoCache: true}}
		for _, d := range constraints {
			_, err := w.svc.GetWith(gone, w.key, d) // asking L2 or the locker would be an unexpected call
			require.ErrorIs(t, err, context.Canceled)
		}
		_, err := w.svc.Get(gone, w.key)
		require.ErrorIs(t, err, context.Canceled)
		synctest.Wait()
		require.Equal(t, len(constraints)+1, w.requests(domain.Abandoned))
	})
}

func TestALookIsNotHeldUpByALoadAndHoldsUpNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never), mustKey(t, "k")
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { f.get(t, 0, key) })
			synctest.Wait()
			before := time.Now()
			_, err := f.with(0, key, domain.Constraints{OnlyIfCached: true})
			require.ErrorIs(t, err, domain.ErrNotCached)
			require.Zero(t, time.Since(before))
		}
		all.Wait()
		require.EqualValues(t, 1, f.source.calls.Load())
	})
}

// What was read before a write may not answer who comes after it, whatever the
// constraints that it was read for.
func TestADeleteVoidsTheCallsOfAllConstraints(t *testing.T) {
	for name, d := range map[string]domain.Constraints{
		"ordinary": {Wait: time.Minute}, "reload": {NoCache: true}, "no-store": {NoStore: true}, "reload and no-store": {NoCache: true, NoStore: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, key := newFleet(t, 1, slow, never), mustKey(t, "k")
				var all sync.WaitGroup
				all.Go(func() {
					got, err := f.with(0, key, d)
					assert.NoError(t, err)
					assert.Equal(t, "value of call 1", got.Entry.Body())
				})
				time.Sleep(loadTime / 2)
				require.NoError(t, f.services[0].Delete(context.Background(), key))
				got, err := f.with(0, key, d)
				require.NoError(t, err)
				require.Equal(t, "value of call 2", got.Entry.Body())
				all.Wait()
			})
		})
	}
}

func TestADeleteVoidsALookInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never)
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
		w.l1.EXPECT().Delete(w.key).Return().Once()
		w.l1.EXPECT().Set(w.key, mock.Anything, epoch).Return(false).Once()
		w.l2.EXPECT().Invalidate(mock.Anything, w.key, mock.Anything).Return(nil).Once()
		w.l2.EXPECT().Get(mock.Anything, w.key).RunAndReturn(func(context.Context, domain.Key) (domain.Copy, bool, error) {
			time.Sleep(time.Second)
			return held("old", time.Second), true, nil
		}).Once()
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil).Once()
		var all sync.WaitGroup
		all.Go(func() {
			_, err := w.svc.GetWith(w.ctx, w.key, domain.Constraints{OnlyIfCached: true})
			assert.NoError(t, err, "it began before the delete")
		})
		synctest.Wait()
		require.NoError(t, w.svc.Delete(w.ctx, w.key))
		_, err := w.svc.GetWith(w.ctx, w.key, domain.Constraints{OnlyIfCached: true})
		require.ErrorIs(t, err, domain.ErrNotCached)
		all.Wait()
	})
}

func TestACopyInL1ThatDidNotDoIsSaidToBeRefusedThoughL2HasNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never), mustKey(t, "k")
		f.get(t, 0, key)
		time.Sleep(10 * time.Second)
		require.NoError(t, f.l2.Invalidate(context.Background(), key, domain.Invalidation{})) // evicted there, say
		got, err := f.with(0, key, domain.Constraints{MaxAge: time.Second})
		require.NoError(t, err)
		require.Equal(t, domain.Loaded, got.Outcome)
		require.True(t, got.Refused)
	})
}

func TestAClosedServiceSaysSoToOnlyIfCached(t *testing.T) {
	f, key := newFleet(t, 1, slow, never), mustKey(t, "k")
	require.NoError(t, f.services[0].Close(context.Background()))
	_, err := f.with(0, key, domain.Constraints{OnlyIfCached: true})
	require.ErrorIs(t, err, domain.ErrClosed)
	require.NotErrorIs(t, err, domain.ErrNotCached)
}

func TestWhatMayNotBeStoredIsLoadedWithoutALease(t *testing.T) {
	for name, d := range map[string]domain.Constraints{"no store": {NoStore: true}, "no cache": {NoCache: true, NoStore: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, never)
				w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
				if !d.NoCache {
					w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil).Once()
				}
				w.sourceAnswers(domain.Value{Body: "new"}, nil)
				got, err := w.svc.GetWith(w.ctx, w.key, d) // the locker would be an unexpected call
				require.NoError(t, err)
				require.False(t, got.Stored)
				require.Equal(t, "new", got.Entry.Body())
				require.Equal(t, got.Entry.TTL(), got.Remaining, "it is fresh, though no layer has it")
			})
		})
	}
}

func TestACopyThatIsThereWhenTheTurnComesIsNotLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never)
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
		w.l1.EXPECT().Epoch(w.key).Return(epoch).Maybe()
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil).Once()
		w.locker.EXPECT().Acquire(mock.Anything, w.key.Turn()).Return(lease, nil).Once()
		c := held("filled meanwhile", 7*time.Second)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(c, true, nil).Once()
		w.l1.EXPECT().Set(w.key, c, epoch).Return(true).Once()
		w.locker.EXPECT().Release(mock.Anything, w.key.Turn(), lease, ports.Ending{}).Return(nil).Once()
		got, err := w.svc.GetWith(w.ctx, w.key, domain.Constraints{NoStore: true, Within: interval})
		require.NoError(t, err)
		require.Equal(t, c, got.Copy)
		require.Equal(t, domain.L2Hit, got.Outcome)
	})
}

func TestARequestEndsInTimeAlthoughALayerDoesNot(t *testing.T) {
	for _, d := range []domain.Constraints{{}, {NoCache: true}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, never)
			w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
			w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil).Maybe()
			w.locker.EXPECT().Acquire(mock.Anything, w.key).RunAndReturn(func(ctx context.Context, _ domain.Key) (ports.Lease, error) {
				time.Sleep(time.Minute)
				return ports.Lease{}, ctx.Err()
			}).Once()
			began := time.Now()
			_, err := w.svc.GetWith(w.ctx, w.key, d)
			require.ErrorIs(t, err, domain.ErrTimeout)
			require.Equal(t, app.DefaultOptions().RequestTimeout, time.Since(began))
		})
	}
}

func TestAReloadLoadsWhenTheLoadThatItWaitedForStoredNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 2, slow, never), mustKey(t, "k")
		f.get(t, 0, key)
		var all sync.WaitGroup
		all.Go(func() {
			got, err := f.with(1, key, domain.Constraints{NoCache: true, NoStore: true})
			assert.NoError(t, err)
			assert.Equal(t, "value of call 2", got.Entry.Body())
		})
		time.Sleep(loadTime / 2)
		got, err := f.with(0, key, domain.Constraints{NoCache: true})
		require.NoError(t, err)
		require.Equal(t, "value of call 3", got.Entry.Body(), "not the one that was there before")
		all.Wait()
	})
}

func TestWithoutL2WhatIsLoadedIsKeptInMemoryUnlessThatIsForbidden(t *testing.T) {
	for _, d := range []domain.Constraints{{}, {NoStore: true}, {NoStore: true, NoCache: true}} {
		synctest.Test(t, func(t *testing.T) {
			w, down := newWorld(t, never), errors.New("refused")
			w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
			w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, down).Maybe()
			w.sourceAnswers(domain.Value{Body: "v"}, nil)
			if !d.NoStore { // else it would be an unexpected call
				w.locker.EXPECT().Acquire(mock.Anything, w.key).Return(ports.Lease{}, down).Once()
				w.l1.EXPECT().Set(w.key, mock.Anything, epoch).Return(true).Once()
			}
			got, err := w.svc.GetWith(w.ctx, w.key, d)
			require.NoError(t, err)
			require.Equal(t, domain.Loaded, got.Outcome)
			require.Equal(t, !d.NoStore, got.Stored)
		})
	}
}

func TestWhatIsLoadedIsSaidToBeStoredIfALayerKeepsIt(t *testing.T) {
	for _, d := range []domain.Constraints{{}, {NoCache: true}} {
		synctest.Test(t, func(t *testing.T) {
			f, key := newFleet(t, 1, slow, never), mustKey(t, "k")
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() {
					got, err := f.with(0, key, d)
					assert.NoError(t, err)
					assert.True(t, got.Stored)
				})
			}
			all.Wait()
			require.False(t, f.get(t, 0, key).Stored, "nothing was loaded for this one")
		})
	}
}

func TestOnlyIfCachedGetsAnUnverifiedCopyThatNobodyCanVerify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never)
		c := held("v", time.Second)
		c.Unverified = true
		w.l1.EXPECT().Get(w.key).Return(c, true)
		w.l2.EXPECT().Get(mock.Anything, w.key).RunAndReturn(func(context.Context, domain.Key) (domain.Copy, bool, error) {
			w.bus.reachable.Store(false)
			return domain.Copy{}, false, errors.New("refused")
		})
		got, err := w.svc.GetWith(w.ctx, w.key, domain.Constraints{OnlyIfCached: true})
		require.NoError(t, err)
		require.Equal(t, domain.L1Hit, got.Outcome)
	})
}

func TestAnUnverifiedCopyWasNotRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never), mustKey(t, "k")
		f.get(t, 0, key)
		require.NoError(t, f.l2.Invalidate(context.Background(), key, domain.Invalidation{}))
		f.bus(0).reconnect()
		got, err := f.with(0, key, domain.Constraints{MaxStale: time.Second})
		require.NoError(t, err)
		require.Equal(t, domain.Loaded, got.Outcome)
		require.False(t, got.Refused)
	})
}

func TestABatchThatReadBeforeADeleteBringsNothingOldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never, func(o *app.Options) { o.L2Stale = time.Hour })
		var deleted atomic.Bool
		w.l1.EXPECT().Epoch(w.key).Unset()
		w.l1.EXPECT().Epoch(w.key).RunAndReturn(func(domain.Key) ports.Epoch {
			if deleted.Load() {
				return epoch.Next()
			}
			return epoch
		})
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
		w.l1.EXPECT().Delete(w.key).Run(func(domain.Key) { deleted.Store(true) }).Return()
		w.l2.EXPECT().Invalidate(mock.Anything, w.key, mock.Anything).Return(nil)
		w.l2.EXPECT().GetMany(mock.Anything, []domain.Key{w.key}).RunAndReturn(func(context.Context, []domain.Key) []ports.Found {
			time.Sleep(10 * time.Millisecond)
			return []ports.Found{{Copy: held("old", -time.Second), OK: true}}
		})
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil)
		w.leaseIsFree()
		w.leaseIsRenewed()
		w.sourceAnswers(domain.Value{}, errors.New("ORA"))
		w.leaseEndsWith(domain.ErrSourceFailed)
		var all sync.WaitGroup
		all.Go(func() { w.svc.GetMany(w.ctx, []domain.Key{w.key}, nil) })
		time.Sleep(5 * time.Millisecond)
		require.NoError(t, w.svc.Delete(w.ctx, w.key))
		time.Sleep(10 * time.Millisecond)
		_, err := w.get()
		require.ErrorIs(t, err, domain.ErrSourceFailed)
		all.Wait()
	})
}

func TestOnlyIfCachedIsVerifiedByASecondReadWhenTheFirstFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never)
		c, replaced := held("old", time.Minute), held("new", time.Minute)
		c.Unverified = true
		w.l1.EXPECT().Get(w.key).Return(c, true)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, errors.New("no reply in time")).Once()
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(replaced, true, nil).Once()
		w.l1.EXPECT().Set(w.key, replaced, epoch).Return(true).Once()
		got, err := w.svc.GetWith(w.ctx, w.key, domain.Constraints{OnlyIfCached: true})
		require.NoError(t, err)
		require.Equal(t, "new", got.Entry.Body())
	})
}
