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

// never refreshes, so that loads are those that the test asks for.
func never(o *app.Options) { o.RefreshAhead = 0 }

func (f *fleet) with(instance int, key domain.Key, d domain.Constraints) (domain.Answer, error) {
	return f.services[instance].GetWith(context.Background(), key, d)
}

func TestAForcedLoadIsOneForAllRequestsThatComeMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 3, slow, never), mustKey(t, "k")
		f.get(t, 0, key)
		f.get(t, 1, key)
		var all sync.WaitGroup
		var loaded, coalesced atomic.Int64
		for i := range 300 {
			all.Go(func() {
				got, err := f.with(i%3, key, domain.Constraints{NoCache: true, Within: interval})
				assert.NoError(t, err)
				assert.Equal(t, "value of call 2", got.Entry.Body())
				assert.True(t, got.Refused)
				switch got.Outcome {
				case domain.Loaded:
					loaded.Add(1)
				case domain.Coalesced:
					coalesced.Add(1)
				}
			})
		}
		time.Sleep(loadTime / 2)
		require.Equal(t, "value of call 1", f.get(t, 0, key).Entry.Body(), "a request without constraints is answered at once")
		all.Wait()
		require.EqualValues(t, 2, f.source.calls.Load())
		require.EqualValues(t, 1, loaded.Load())
		require.EqualValues(t, 299, coalesced.Load())
		require.Equal(t, "value of call 2", f.get(t, 0, key).Entry.Body(), "and it is what everybody gets from then on")
	})
}

func TestALoadThatEndedBeforeIsNotTheForcedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 2, slow, never), mustKey(t, "k")
		for call := 1; call < 5; call++ {
			got, err := f.with(call%2, key, domain.Constraints{NoCache: true})
			require.NoError(t, err)
			require.Equal(t, domain.Loaded, got.Outcome)
			require.EqualValues(t, call, f.source.calls.Load())
		}
	})
}

func TestAgeAndTTLOfWhatIsServedAreAsConstrained(t *testing.T) {
	for name, c := range map[string]struct {
		d     domain.Constraints
		loads bool
	}{
		"young enough":      {domain.Constraints{MaxAge: 11 * time.Second}, false},
		"too old":           {domain.Constraints{MaxAge: 9 * time.Second}, true},
		"TTL long enough":   {domain.Constraints{MinFresh: 19 * time.Second}, false},
		"TTL too short":     {domain.Constraints{MinFresh: 21 * time.Second}, true},
		"more than the TTL": {domain.Constraints{MinFresh: time.Hour}, true},
		"only what is here": {domain.Constraints{OnlyIfCached: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, reader := range []int{0, 1} { // from L1, and from L2
				synctest.Test(t, func(t *testing.T) {
					f, key := newFleet(t, 2, slow, never), mustKey(t, "k")
					f.get(t, 0, key)
					time.Sleep(10 * time.Second)
					got, err := f.with(reader, key, c.d)
					require.NoError(t, err)
					want := domain.L1Hit
					if reader == 1 {
						want = domain.L2Hit
					}
					if c.loads {
						want = domain.Loaded
					}
					require.Equal(t, want, got.Outcome)
					require.Equal(t, c.loads, got.Refused)
				})
			}
		})
	}
}

func TestAStaleValueIsServedToRequestsThatTakeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never), mustKey(t, "k")
		f.get(t, 0, key)
		time.Sleep(40 * time.Second)
		got, err := f.with(0, key, domain.Constraints{MaxStale: 11 * time.Second})
		require.NoError(t, err)
		require.Equal(t, domain.Stale, got.Outcome)
		require.Equal(t, -10*time.Second, got.Remaining.Round(time.Second))
		got, err = f.with(0, key, domain.Constraints{MaxStale: 9 * time.Second})
		require.NoError(t, err)
		require.Equal(t, domain.Loaded, got.Outcome)
		require.False(t, got.Refused, "there was nothing fresh")
	})
}

func TestNothingIsLoadedForOnlyIfCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never), mustKey(t, "k")
		for _, d := range []domain.Constraints{{OnlyIfCached: true}, {OnlyIfCached: true, NoCache: true}, {OnlyIfCached: true, NoStore: true}} {
			_, err := f.with(0, key, d)
			require.ErrorIs(t, err, domain.ErrNotCached)
		}
		require.Zero(t, f.source.calls.Load())
		require.EqualValues(t, 3, f.counts[0].Snapshot().Requests[domain.Failed])
	})
}

func TestWhatIsLoadedForNoStoreIsStoredNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never), mustKey(t, "k")
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				got, err := f.with(0, key, domain.Constraints{NoStore: true})
				assert.NoError(t, err)
				assert.False(t, got.Stored)
			})
		}
		all.Wait()
		require.EqualValues(t, 1, f.source.calls.Load(), "but it is shared")
		_, err := f.with(0, key, domain.Constraints{OnlyIfCached: true})
		require.ErrorIs(t, err, domain.ErrNotCached)

		require.Equal(t, "value of call 2", f.get(t, 0, key).Entry.Body())
		got, err := f.with(0, key, domain.Constraints{NoStore: true})
		require.NoError(t, err)
		require.Equal(t, domain.L1Hit, got.Outcome, "what is stored anyway may be served")
		got, err = f.with(0, key, domain.Constraints{NoStore: true, NoCache: true})
		require.NoError(t, err)
		require.Equal(t, "value of call 3", got.Entry.Body())
		require.Equal(t, "value of call 2", f.get(t, 0, key).Entry.Body())
	})
}

// failsFrom answers like slow before call n, and fails from then on.
func failsFrom(n int64) func(context.Context, int64) (domain.Value, error) {
	return func(ctx context.Context, call int64) (domain.Value, error) {
		v, err := slow(ctx, call)
		if call >= n {
			return domain.Value{}, errors.New("boom")
		}
		return v, err
	}
}

func TestHowStaleAValueMayBeWhenTheLoadFailsIsAsConstrained(t *testing.T) {
	for name, c := range map[string]struct {
		d      domain.Constraints
		serves bool
	}{
		"nothing said":                    {domain.Constraints{MaxStale: time.Second}, true},
		"not at all":                      {domain.Constraints{StaleIfError: -1}, false},
		"too stale":                       {domain.Constraints{StaleIfError: 5 * time.Second}, false},
		"just so":                         {domain.Constraints{StaleIfError: time.Minute}, true},
		"who wants it fresh":              {domain.Constraints{NoCache: true}, false},
		"who wants it fresh or, at worst": {domain.Constraints{NoCache: true, StaleIfError: time.Minute}, true},
		"who wants it young":              {domain.Constraints{MaxAge: time.Second}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, keep := range []time.Duration{0, time.Hour} { // in L2, too
				synctest.Test(t, func(t *testing.T) {
					f, key := newFleet(t, 1, failsFrom(2), never, func(o *app.Options) { o.L2Stale = keep }), mustKey(t, "k")
					f.get(t, 0, key)
					time.Sleep(40 * time.Second)
					got, err := f.with(0, key, c.d)
					if !c.serves {
						require.ErrorIs(t, err, domain.ErrSourceFailed)
						return
					}
					require.NoError(t, err)
					require.Equal(t, domain.Stale, got.Outcome)
					require.ErrorIs(t, got.Failure, domain.ErrSourceFailed)
				})
			}
		})
	}
}

func TestARequestThatDoesNotWaitIsToldSoAndTheLoadGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never), mustKey(t, "k")
		for _, d := range []domain.Constraints{{Wait: time.Second}, {Wait: time.Nanosecond, NoCache: true, Within: 2 * interval}} {
			began := time.Now()
			_, err := f.with(0, key, d)
			require.ErrorIs(t, err, domain.ErrStillLoading)
			require.Equal(t, d.Wait, time.Since(began))
		}
		require.EqualValues(t, 2, f.counts[0].Snapshot().Requests[domain.Deferred])
		time.Sleep(loadTime)
		got := f.get(t, 0, key)
		require.Equal(t, domain.L1Hit, got.Outcome)
		require.EqualValues(t, 1, f.source.calls.Load())

		began := time.Now()
		got, err := f.with(0, mustKey(t, "other"), domain.Constraints{Wait: loadTime + time.Second})
		require.NoError(t, err)
		require.Equal(t, domain.Loaded, got.Outcome)
		require.Equal(t, loadTime, time.Since(began))
		require.Zero(t, f.services[0].Activity().Waiting)
	})
}

func TestARequestThatDoesNotWaitGetsTheStaleValueIfThereIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never), mustKey(t, "k")
		f.get(t, 0, key)
		time.Sleep(time.Minute)
		got, err := f.with(0, key, domain.Constraints{Wait: time.Second})
		require.NoError(t, err)
		require.Equal(t, domain.Stale, got.Outcome)
		require.ErrorIs(t, got.Failure, domain.ErrStillLoading)
		time.Sleep(loadTime)
		require.Equal(t, "value of call 2", f.get(t, 0, key).Entry.Body())
	})
}

func TestADeleteVoidsAForcedLoadToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never), mustKey(t, "k")
		var all sync.WaitGroup
		all.Go(func() {
			got, err := f.with(0, key, domain.Constraints{NoCache: true})
			assert.NoError(t, err)
			assert.Equal(t, "value of call 1", got.Entry.Body())
			assert.False(t, got.Stored)
		})
		time.Sleep(loadTime / 2)
		require.NoError(t, f.services[0].Delete(context.Background(), key))
		got, err := f.with(0, key, domain.Constraints{NoCache: true})
		require.NoError(t, err)
		require.Equal(t, "value of call 2", got.Entry.Body(), "the one from before the delete is not joined")
		all.Wait()
		require.Equal(t, "value of call 2", f.get(t, 0, key).Entry.Body())
	})
}

func TestAForcedLoadWithoutL2IsStillOneForTheInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never)
		w.l1.EXPECT().Get(w.key).Return(held("old", time.Second), true)
		w.locker.EXPECT().Acquire(mock.Anything, w.key).Return(ports.Lease{}, errors.New("refused")).Once()
		w.sourceAnswers(domain.Value{Body: "new"}, nil)
		w.l1.EXPECT().Set(w.key, mock.Anything, epoch).Return(true).Once()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				got, err := w.svc.GetWith(w.ctx, w.key, domain.Constraints{NoCache: true})
				assert.NoError(t, err)
				assert.Equal(t, "new", got.Entry.Body())
			})
		}
		all.Wait()
		require.Equal(t, 1, w.events(ports.LoadedUnleased))
	})
}
