package app_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// slowly returns a source that answers in loadTime, always the same.
func slowly(v domain.Value, err error) func(context.Context, int64) (domain.Value, error) {
	return func(ctx context.Context, _ int64) (domain.Value, error) {
		select {
		case <-time.After(loadTime):
			return v, err
		case <-ctx.Done():
			return domain.Value{}, ctx.Err()
		}
	}
}

// askAll has each of the instances ask at once, and returns how long the slowest took.
func (f *fleet) askAll(key domain.Key, d domain.Constraints, check func(domain.Answer, error)) time.Duration {
	began := time.Now()
	var all sync.WaitGroup
	for i := range f.services {
		all.Go(func() { check(f.with(i, key, d)) })
	}
	all.Wait()
	return time.Since(began)
}

// What a load cannot share by L2 makes nobody queue: instances that waited for it get
// the same outcome.
func TestALoadThatLeavesNothingInL2IsStillEverybodys(t *testing.T) {
	down := errors.New("down")
	for name, c := range map[string]struct {
		load   func(context.Context, int64) (domain.Value, error)
		change func(*app.Options)
		d      domain.Constraints
		calls  int
		rounds time.Duration // of loads until the slowest is answered; 0: one
		want   error
	}{
		"no such key, not remembered": {
			load: slowly(domain.Value{}, domain.ErrNotFound), change: func(o *app.Options) { o.NegativeTTL = 0 }, calls: 1,
		},
		"a failure, not remembered": {
			load: slowly(domain.Value{}, down), change: func(o *app.Options) { o.FailureCooldown = 0 }, calls: 1, want: domain.ErrSourceFailed,
		},
		"a withdrawal, not remembered": {
			load: slowly(domain.Value{}, domain.ErrWithdrawn), change: func(o *app.Options) { o.FailureCooldown = 0 }, calls: 1, want: domain.ErrWithdrawn,
		},
		"no-store without a token": {
			load: slow, d: domain.Constraints{NoStore: true, Within: interval}, calls: 1,
		},
		"no-store without a token, reloaded": {
			load: slow, d: domain.Constraints{NoStore: true, NoCache: true, Within: interval}, calls: 1,
		},
		"no-store without a token, failing": {
			load: slowly(domain.Value{}, down), d: domain.Constraints{NoStore: true, Within: interval}, calls: 1, want: domain.ErrSourceFailed,
		},
		"no-store without a token, large": {
			load: slowly(domain.Value{Body: strings.Repeat("v", ports.LargeBytes+1)}, nil), d: domain.Constraints{NoStore: true, Within: interval}, calls: 10,
			rounds: 2, // the others load side by side, when they know that they have to
		},
		"no-store with a token": {load: slow, d: domain.Constraints{NoStore: true}, calls: 10},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				change := []func(*app.Options){never}
				if c.change != nil {
					change = append(change, c.change)
				}
				f := newFleet(t, 10, c.load, change...)
				took := f.askAll(mustKey(t, "k"), c.d, func(_ domain.Answer, err error) {
					if c.want == nil {
						assert.NoError(t, err)
					} else {
						assert.ErrorIs(t, err, c.want)
					}
				})
				require.Equal(t, max(1, c.rounds)*loadTime, took, "the slowest")
				require.EqualValues(t, c.calls, f.source.calls.Load())
				require.Zero(t, f.count(ports.L2Failed))
			})
		})
	}
}

func TestAnInstanceDoesNotKeepTheLeaseWhileItWaitsForASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, slow, never, func(o *app.Options) { o.SourceConcurrency = 1 })
		var all sync.WaitGroup
		all.Go(func() { f.get(t, 0, mustKey(t, "other")) })
		time.Sleep(time.Millisecond)
		all.Go(func() { f.get(t, 0, mustKey(t, "k")) }) // has to wait for a slot
		synctest.Wait()
		began := time.Now()
		require.Equal(t, domain.Loaded, f.get(t, 1, mustKey(t, "k")).Outcome)
		require.Equal(t, loadTime, time.Since(began), "an idle instance loads at once")
		all.Wait()
		require.EqualValues(t, 2, f.source.calls.Load())
	})
}

func TestAnInstanceThatWaitsForAnotherKeepsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, slow, never, func(o *app.Options) { o.SourceConcurrency = 1 })
		var all sync.WaitGroup
		all.Go(func() { f.get(t, 0, mustKey(t, "k")) })
		time.Sleep(time.Millisecond)
		all.Go(func() { f.get(t, 1, mustKey(t, "k")) })
		synctest.Wait()
		began := time.Now()
		f.get(t, 1, mustKey(t, "other"))
		require.Equal(t, loadTime, time.Since(began))
		all.Wait()
	})
}

func TestAWaitIsCountedOnceHoweverOftenTheLeaseChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never)
		w.nothingHeld()
		for range 3 {
			w.leaseIsHeld(ports.Ending{}) // and then another instance has it
		}
		w.leaseIsFree()
		w.leaseIsRenewed()
		w.sourceAnswers(domain.Value{Body: "v"}, nil)
		w.l2.EXPECT().Fill(mockAny, w.key, mockAny, lease).Return(nil).Once()
		w.l1.EXPECT().Set(w.key, mockAny, epoch).Return(true).Once()
		_, err := w.get()
		require.NoError(t, err)
		require.Equal(t, 1, w.events(ports.LeaseWaited))
	})
}

func TestACallerThatJoinsLateHasItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lasts = 1500 * time.Millisecond
		f := newFleet(t, 1, func(ctx context.Context, _ int64) (domain.Value, error) {
			time.Sleep(lasts)
			return domain.Value{Body: "v"}, nil
		}, never, func(o *app.Options) { o.RequestTimeout = time.Second })
		key := mustKey(t, "k")
		var all sync.WaitGroup
		all.Go(func() {
			_, err := f.services[0].Get(context.Background(), key)
			assert.ErrorIs(t, err, domain.ErrTimeout)
		})
		time.Sleep(900 * time.Millisecond)
		require.Equal(t, "v", f.get(t, 0, key).Entry.Body(), "0.6 s later")
		all.Wait()
		require.EqualValues(t, 1, f.source.calls.Load())
	})
}

func TestWithoutASlotNothingIsCountedAsLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never, func(o *app.Options) { o.SourceConcurrency = 1 })
		w.nothingHeld()
		w.locker.EXPECT().Acquire(mockAny, w.key).Return(ports.Lease{}, errors.New("refused")).Once()
		w.source.EXPECT().Load(mockAny, w.key, mockAny).RunAndReturn(func(context.Context, domain.Key, domain.Validator) (domain.Value, error) {
			time.Sleep(time.Minute) // does not heed its context
			return domain.Value{}, nil
		}).Once()
		_, err := w.get()
		require.ErrorIs(t, err, domain.ErrTimeout)
		w.l1.EXPECT().Get(mustKey(t, "other")).Return(domain.Copy{}, false)
		w.l1.EXPECT().Epoch(mustKey(t, "other")).Return(epoch)
		w.l2.EXPECT().Get(mockAny, mustKey(t, "other")).Return(domain.Copy{}, false, nil)
		_, err = w.svc.Get(w.ctx, mustKey(t, "other"))
		require.ErrorIs(t, err, domain.ErrOverloaded)
		require.Equal(t, 1, w.events(ports.LoadedUnleased))
		time.Sleep(time.Minute)
	})
}
