package app_test

import (
	"context"
	"errors"
	"fmt"
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

func keysFrom(t *testing.T, first, n int) (keys []domain.Key) {
	t.Helper()
	for i := range n {
		keys = append(keys, mustKey(t, fmt.Sprint("key ", first+i)))
	}
	return keys
}

func TestManyKeysAreAnsweredFromWhereEachIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, keys := newFleet(t, 2, slow, never), keysFrom(t, 0, 3)
		f.get(t, 0, keys[0]) // to L1 of instance 0
		f.get(t, 1, keys[1]) // to L2
		began := time.Now()
		got := f.services[0].GetMany(context.Background(), append(keys, keys[0], keys[2]), nil)
		require.Equal(t, loadTime, time.Since(began))
		require.Len(t, got, 5)
		var outcomes []domain.Outcome
		for _, r := range got {
			require.NoError(t, r.Err)
			outcomes = append(outcomes, r.Outcome)
		}
		require.Equal(t, domain.L1Hit, outcomes[0])
		require.Equal(t, domain.L2Hit, outcomes[1])
		require.Equal(t, domain.L1Hit, outcomes[3])
		require.ElementsMatch(t, []domain.Outcome{domain.Loaded, domain.Coalesced}, []domain.Outcome{outcomes[2], outcomes[4]}, "one key, one load")
		n := f.counts[0].Snapshot().Requests
		require.Equal(t, [domain.Outcomes]uint64{domain.L1Hit: 2, domain.L2Hit: 1, domain.Loaded: 2, domain.Coalesced: 1}, n, "each is counted, the one get before included")
		require.Equal(t, domain.L1Hit, f.get(t, 0, keys[1]).Outcome, "what L2 had was promoted")
	})
}

func TestL2IsAskedForAllKeysAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, keys := newWorld(t), keysFrom(t, 0, 3)
		for _, key := range keys {
			w.l1.EXPECT().Get(key).Return(domain.Copy{}, false)
			w.l1.EXPECT().Epoch(key).Return(epoch)
		}
		c := held("v", 7*time.Second)
		found := []ports.Found{{Copy: c, OK: true}, {Copy: c, OK: true}, {Copy: c, OK: true}}
		w.l2.EXPECT().GetMany(mock.Anything, keys).Return(found).Once() // a Get would be an unexpected call
		for _, key := range keys {
			w.l1.EXPECT().Set(key, c, epoch).Return(true).Once()
		}
		for _, r := range w.svc.GetMany(w.ctx, keys, nil) {
			require.Equal(t, domain.Result{Answer: domain.Answer{Copy: c, Outcome: domain.L2Hit}}, r)
		}
		require.Equal(t, 3, w.requests(domain.L2Hit))
	})
}

func TestOverlappingBatchesAndSinglesShareTheirLoads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, slow, never)
		var all sync.WaitGroup
		for batch := range 20 {
			all.Go(func() {
				for _, r := range f.services[batch%2].GetMany(context.Background(), keysFrom(t, 5*batch, 50), nil) {
					assert.NoError(t, r.Err)
				}
			})
		}
		for single := range 145 {
			all.Go(func() {
				_, err := f.services[single%2].Get(context.Background(), mustKey(t, fmt.Sprint("key ", single)))
				assert.NoError(t, err)
			})
		}
		all.Wait()
		require.EqualValues(t, 145, f.source.calls.Load())
	})
}

func TestAKeyThatFailsDoesNotFailTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failed atomic.Int64
		f := newFleet(t, 1, func(ctx context.Context, call int64) (domain.Value, error) {
			v, err := slow(ctx, call)
			if call%2 == 0 {
				failed.Add(1)
				return domain.Value{}, errors.New("boom")
			}
			return v, err
		}, never)
		failures := 0
		for _, r := range f.services[0].GetMany(context.Background(), keysFrom(t, 0, 20), nil) {
			if r.Err != nil {
				require.ErrorIs(t, r.Err, domain.ErrSourceFailed)
				failures++
			}
		}
		require.Equal(t, 10, failures)
	})
}

func TestABatchWhoseCallerLeavesEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, slow, never)
		ctx, leave := context.WithTimeout(context.Background(), time.Second)
		defer leave()
		for _, r := range f.services[0].GetMany(ctx, keysFrom(t, 0, 5), nil) {
			require.ErrorIs(t, r.Err, context.DeadlineExceeded)
			require.Equal(t, domain.Abandoned, r.Outcome)
		}
		synctest.Wait()
		require.Zero(t, f.services[0].Activity().Calls, "nobody else waited for them")
	})
}

func TestABatchGoesOnWithoutL2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never)
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
		w.l2.EXPECT().GetMany(mock.Anything, []domain.Key{w.key}).Return([]ports.Found{{Err: errors.New("refused")}}).Once()
		w.locker.EXPECT().Acquire(mock.Anything, w.key).Return(ports.Lease{}, errors.New("refused")).Once()
		w.sourceAnswers(domain.Value{Body: "v"}, nil)
		w.l1.EXPECT().Set(w.key, mock.Anything, epoch).Return(true).Once()
		got := w.svc.GetMany(w.ctx, []domain.Key{w.key}, nil)
		require.NoError(t, got[0].Err)
		require.Equal(t, "v", got[0].Entry.Body())
	})
}

func TestWhatAnExplanationSaysIsWhatTheNextGetDoes(t *testing.T) {
	asks := func(t *testing.T, f *fleet, key domain.Key, want domain.Step) domain.Explanation {
		t.Helper()
		before := f.counts[0].Snapshot()
		x := f.services[0].Explain(context.Background(), key)
		require.Equal(t, want, x.Next)
		require.Equal(t, before, f.counts[0].Snapshot(), "it is no request")
		return x
	}
	t.Run("nothing, a load, its value and its end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, key := newFleet(t, 2, slow, never), mustKey(t, "k")
			x := asks(t, f, key, domain.StepLoad)
			require.Nil(t, x.L1.Entry)
			require.False(t, x.Lease.Held)
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() { f.get(t, 0, key) })
			}
			time.Sleep(loadTime / 2)
			x = asks(t, f, key, domain.StepJoin)
			require.Equal(t, domain.CallState{Under: true, Waiters: 3, Since: loadTime / 2}, x.Call)
			require.True(t, x.Lease.Held)
			require.Equal(t, domain.StepWait, f.services[1].Explain(context.Background(), key).Next)
			all.Wait()
			x = asks(t, f, key, domain.StepL1Hit)
			require.Equal(t, x.L1.Entry, x.L2.Entry)
			require.Equal(t, domain.StepL2Hit, f.services[1].Explain(context.Background(), key).Next)
			require.Equal(t, domain.StepL2Hit, f.services[1].Explain(context.Background(), key).Next, "the first look promoted nothing")
			require.Equal(t, domain.L2Hit, f.get(t, 1, key).Outcome)
			time.Sleep(time.Minute)
			x = asks(t, f, key, domain.StepLoad)
			require.Equal(t, -30*time.Second, x.L1.Remaining.Round(time.Second), "kept as stale")
			require.EqualValues(t, 1, f.source.calls.Load(), "nothing was loaded for explanations")
		})
	})
	t.Run("a failure", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, key := newFleet(t, 1, failsFrom(1), never), mustKey(t, "k")
			_, err := f.services[0].Get(context.Background(), key)
			require.Error(t, err)
			x := asks(t, f, key, domain.StepFail)
			require.ErrorIs(t, x.Failure, domain.ErrSourceFailed)
			require.Equal(t, time.Second, x.FailureRemaining)
			time.Sleep(time.Second)
			require.NoError(t, asks(t, f, key, domain.StepLoad).Failure)
		})
	})
	t.Run("a failure with a stale value", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, key := newFleet(t, 1, failsFrom(2), never), mustKey(t, "k")
			f.get(t, 0, key)
			time.Sleep(time.Minute)
			require.Equal(t, domain.Stale, f.get(t, 0, key).Outcome)
			asks(t, f, key, domain.StepStale)
		})
	})
	t.Run("stale while revalidated", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, key := newFleet(t, 1, slow, never, func(o *app.Options) { o.StaleWhile = time.Hour }), mustKey(t, "k")
			f.get(t, 0, key)
			time.Sleep(time.Minute)
			asks(t, f, key, domain.StepStale)
			require.Equal(t, domain.Stale, f.get(t, 0, key).Outcome)
			synctest.Wait()
			time.Sleep(loadTime)
		})
	})
	t.Run("the chance of a refresh", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, key := newFleet(t, 1, slow), mustKey(t, "k")
			f.get(t, 0, key)
			require.Less(t, asks(t, f, key, domain.StepL1Hit).RefreshChance, 1e-6)
			time.Sleep(29 * time.Second)
			require.InDelta(t, 0.6, asks(t, f, key, domain.StepL1Hit).RefreshChance, 0.02) // e to the -1/2
		})
	})
}

func TestNextIsWhatHappensWithoutL2(t *testing.T) {
	w := newWorld(t)
	unverified := held("v", time.Second)
	unverified.Unverified = true
	w.l1.EXPECT().Peek(w.key).Return(unverified, true)
	w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, errors.New("refused"))
	w.locker.EXPECT().State(mock.Anything, w.key).Return(domain.LeaseState{Err: errors.New("refused")})
	x := w.svc.Explain(w.ctx, w.key)
	require.Equal(t, domain.StepL1Hit, x.Next, "nobody can verify it")
	require.Error(t, x.L2.Err)
	require.Error(t, x.Lease.Err)
}

func TestABatchTrustsL1AsAGetDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never), mustKey(t, "k")
		f.get(t, 0, key)
		require.NoError(t, f.l2.Invalidate(context.Background(), key, domain.Invalidation{})) // and no word of it
		f.bus(0).reconnect()
		got := f.services[0].GetMany(context.Background(), []domain.Key{key}, nil)
		require.NoError(t, got[0].Err)
		require.Equal(t, "value of call 2", got[0].Entry.Body())
	})
}

func TestABatchRefreshesAheadWhatEitherLayerHas(t *testing.T) {
	for reader := range 2 { // from L1, and from L2
		synctest.Test(t, func(t *testing.T) {
			f, key := newFleet(t, 2, slow, eager), mustKey(t, "k")
			f.get(t, 0, key)
			got := f.services[reader].GetMany(context.Background(), []domain.Key{key}, nil)
			require.Equal(t, "value of call 1", got[0].Entry.Body())
			f.settle(t)
			require.EqualValues(t, 2, f.source.calls.Load())
		})
	}
}

func TestABatchAnswersWithTheStaleValueOfEitherLayerWhenTheLoadFails(t *testing.T) {
	for reader := range 2 { // from L1, and from L2
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, 2, failsFrom(2), never, func(o *app.Options) {
				if reader == 1 {
					o.L2Stale = time.Hour
				}
			})
			key := mustKey(t, "k")
			f.get(t, 0, key)
			time.Sleep(40 * time.Second)
			got := f.services[reader].GetMany(context.Background(), []domain.Key{key}, nil)
			require.NoError(t, got[0].Err)
			require.Equal(t, domain.Stale, got[0].Outcome)
			require.ErrorIs(t, got[0].Failure, domain.ErrSourceFailed)
			require.InDelta(t, -12*time.Second, got[0].Remaining, float64(time.Second), "it has aged while the load failed")
			require.EqualValues(t, 1, f.counts[reader].Snapshot().Requests[domain.Stale])
		})
	}
}

func TestInABatchL2IsAskedOnceForEachKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never)
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
		w.l2.EXPECT().GetMany(mock.Anything, []domain.Key{w.key}).Return(make([]ports.Found, 1)).Once()
		w.leaseIsFree()
		w.leaseIsRenewed()
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil).Once() // under the lease
		w.sourceAnswers(domain.Value{Body: "v"}, nil)
		w.l2.EXPECT().Fill(mock.Anything, w.key, mock.Anything, lease).Return(nil).Once()
		w.l1.EXPECT().Set(w.key, mock.Anything, epoch).Return(true).Once()
		got := w.svc.GetMany(w.ctx, []domain.Key{w.key}, nil)
		require.NoError(t, got[0].Err)
		require.Equal(t, domain.Loaded, got[0].Outcome)
	})
}

func TestWhatL1HasOfABatchIsNotAskedForElsewhere(t *testing.T) {
	w := newWorld(t, never)
	c := held("v", time.Second)
	w.l1.EXPECT().Get(w.key).Return(c, true)
	require.Equal(t, []domain.Result{{Answer: domain.Answer{Copy: c, Outcome: domain.L1Hit}}}, w.svc.GetMany(w.ctx, []domain.Key{w.key}, nil))
	require.Empty(t, w.svc.GetMany(w.ctx, nil, nil))
}

func TestInABatchAnUnverifiedCopyIsUsedWhenL2BecomesUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never)
		unverified := held("v", time.Second)
		unverified.Unverified = true
		w.l1.EXPECT().Get(w.key).Return(unverified, true)
		w.l2.EXPECT().GetMany(mock.Anything, []domain.Key{w.key}).RunAndReturn(func(context.Context, []domain.Key) []ports.Found {
			w.bus.reachable.Store(false)
			return []ports.Found{{Err: errors.New("refused")}}
		}).Once()
		got := w.svc.GetMany(w.ctx, []domain.Key{w.key}, nil) // loading would be an unexpected call
		require.NoError(t, got[0].Err)
		require.Equal(t, domain.L1Hit, got[0].Outcome)
		require.Equal(t, 1, w.events(ports.L2Failed))
	})
}

func TestWhatABatchReadsIsPutInL1WithTheEpochFromBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, key := newWorld(t, never), mustKey(t, "other")
		now := epoch
		w.l1.EXPECT().Get(key).Return(domain.Copy{}, false)
		w.l1.EXPECT().Epoch(key).RunAndReturn(func(domain.Key) ports.Epoch { return now })
		c := held("old", time.Second)
		w.l2.EXPECT().GetMany(mock.Anything, []domain.Key{key}).RunAndReturn(func(context.Context, []domain.Key) []ports.Found {
			now = now.Next() // the key is deleted meanwhile
			return []ports.Found{{Copy: c, OK: true}}
		}).Once()
		w.l1.EXPECT().Set(key, c, epoch).Return(false).Once()
		require.NoError(t, w.svc.GetMany(w.ctx, []domain.Key{key}, nil)[0].Err)
	})
}

func TestOneReadOfManyThatFailsIsOneFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never)
		down, keys := errors.New("refused"), keysFrom(t, 0, 50)
		found := make([]ports.Found, len(keys))
		for i, key := range keys {
			found[i].Err = fmt.Errorf("get: %w", down)
			w.l1.EXPECT().Get(key).Return(domain.Copy{}, false)
			w.l1.EXPECT().Epoch(key).Return(epoch)
			w.l1.EXPECT().Set(key, mock.Anything, epoch).Return(true)
			w.locker.EXPECT().Acquire(mock.Anything, key).Return(lease, nil)
			w.l2.EXPECT().Get(mock.Anything, key).Return(domain.Copy{}, false, nil)
			w.l2.EXPECT().Fill(mock.Anything, key, mock.Anything, lease).Return(nil)
			w.source.EXPECT().Load(mock.Anything, key, mock.Anything).Return(domain.Value{Body: "v"}, nil)
		}
		w.l2.EXPECT().GetMany(mock.Anything, keys).Return(found).Once()
		for _, r := range w.svc.GetMany(w.ctx, keys, nil) {
			require.NoError(t, r.Err)
		}
		require.Equal(t, 1, w.events(ports.L2Failed))
	})
}
