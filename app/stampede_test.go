package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/counters"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru"
	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
	"github.com/multi-layer-cache/multi-layer-cache/ports/portstest"
)

func TestMain(m *testing.M) { portstest.Main(m) }

// fakeSource counts its calls and does what it is told.
type fakeSource struct {
	calls atomic.Int64
	load  func(ctx context.Context, call int64) (domain.Value, error)
}

func (s *fakeSource) Load(ctx context.Context, _ domain.Key, _ domain.Validator) (domain.Value, error) {
	return s.load(ctx, s.calls.Add(1))
}

// slow answers after loadTime, unless ctx ends before.
func slow(ctx context.Context, call int64) (domain.Value, error) {
	select {
	case <-time.After(loadTime):
		return domain.Value{Body: fmt.Sprint("value of call ", call)}, nil
	case <-ctx.Done():
		return domain.Value{}, ctx.Err()
	}
}

// lockTTL is shorter than a load: leases have to be renewed.
const lockTTL = loadTime / 4

// fleet is some instances of the service on one second layer and one source,
// all real but the source.
type fleet struct {
	l2       *embedded.Layer
	buses    []*bus
	services []*app.Service
	counts   []*counters.Recorder
	source   *fakeSource
	purger   *forgetful
}

func newFleet(t testing.TB, instances int, load func(context.Context, int64) (domain.Value, error), change ...func(*app.Options)) *fleet {
	t.Helper()
	source := &fakeSource{load: load}
	f := newFleetOn(t, instances, source, change...)
	f.source = source
	return f
}

// newFleetOn is newFleet for any source.
func newFleetOn(t testing.TB, instances int, source ports.Source, change ...func(*app.Options)) *fleet {
	t.Helper()
	o := app.DefaultOptions()
	o.Random = seeded(1)
	for _, f := range change {
		f(&o)
	}
	l2, err := embedded.Open(embedded.Options{
		LockTTL: lockTTL, MaxBytes: 1 << 20, MaxValueBytes: o.MaxValueBytes,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l2.Close()) })
	f := &fleet{l2: l2, purger: &forgetful{Purger: l2}}
	for range instances {
		l1, err := lru.New(lru.Options{MaxEntries: 100, MaxBytes: 1 << 20, KeepStale: o.StaleIfError})
		require.NoError(t, err)
		t.Cleanup(l1.Close)
		count, b := counters.New(), newBus()
		s, err := app.New(app.Ports{
			L1: l1, L2: l2, Locker: l2, Bus: b, Purger: f.purger, Source: source, Recorder: count,
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		}, o)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
		f.services = append(f.services, s)
		f.counts, f.buses = append(f.counts, count), append(f.buses, b)
	}
	return f
}

// seeded returns uniform numbers in [0, 1) that are the same in each run.
func seeded(seed uint64) func() float64 {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return random.Float64()
	}
}

func (f *fleet) bus(instance int) *bus { return f.buses[instance] }

// count sums up an event over all instances.
func (f *fleet) count(e ports.Event) (n uint64) {
	for _, c := range f.counts {
		n += c.Snapshot().Events[e]
	}
	return n
}

// settle waits for what goes on in the background.
func (f *fleet) settle(t *testing.T) {
	t.Helper()
	for _, s := range f.services {
		require.NoError(t, s.Drain(context.Background()))
	}
}

func (f *fleet) sum(o domain.Outcome) (n uint64) {
	for _, c := range f.counts {
		n += c.Snapshot().Requests[o]
	}
	return n
}

func TestAColdKeyIsLoadedOnceHoweverManyAsk(t *testing.T) {
	for _, instances := range []int{1, 3} {
		for _, requests := range []int{10, 100, 1000} {
			t.Run(fmt.Sprintf("%d requests on %d instances", requests, instances), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f, key, began := newFleet(t, instances, slow), mustKey(t, "cold"), time.Now()
					var all sync.WaitGroup
					for i := range requests {
						all.Go(func() {
							got, err := f.services[i%instances].Get(context.Background(), key)
							if assert.NoError(t, err) {
								assert.Equal(t, "value of call 1", got.Entry.Body())
							}
						})
					}
					all.Wait()
					require.EqualValues(t, 1, f.source.calls.Load())
					require.EqualValues(t, 1, f.sum(domain.Loaded))
					require.EqualValues(t, requests-1, f.sum(domain.Coalesced))
					require.Less(t, time.Since(began), loadTime+100*time.Millisecond)
				})
			})
		}
	}
}

func TestAfterALoadEveryInstanceAnswersFromItsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 2, slow), mustKey(t, "k")
		for _, want := range []struct {
			instance int
			outcome  domain.Outcome
		}{{0, domain.Loaded}, {0, domain.L1Hit}, {1, domain.L2Hit}, {1, domain.L1Hit}} {
			got, err := f.services[want.instance].Get(context.Background(), key)
			require.NoError(t, err)
			require.Equal(t, want.outcome, got.Outcome)
			require.LessOrEqual(t, got.Remaining, 30*time.Second)
		}
	})
}

func TestAValueIsNotServedAfterItsTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 2, slow), mustKey(t, "k")
		_, err := f.services[0].Get(context.Background(), key)
		require.NoError(t, err)
		time.Sleep(29 * time.Second)
		got, err := f.services[1].Get(context.Background(), key) // promoted with what is left
		require.NoError(t, err)
		require.Equal(t, domain.L2Hit, got.Outcome)
		require.LessOrEqual(t, got.Remaining, time.Second)
		time.Sleep(time.Second)
		got, err = f.services[1].Get(context.Background(), key)
		require.NoError(t, err)
		require.Equal(t, "value of call 2", got.Entry.Body())
	})
}

func TestALoadSlowerThanTheLockIsStillOneLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 3, slow)
		var all sync.WaitGroup
		for _, s := range f.services {
			all.Go(func() {
				_, err := s.Get(context.Background(), mustKey(t, "k"))
				assert.NoError(t, err)
			})
		}
		all.Wait()
		require.EqualValues(t, 1, f.source.calls.Load())
	})
}

func TestALoadOutlivesTheCallerThatBeganIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow), mustKey(t, "k")
		starter, leave := context.WithCancel(context.Background())
		var all sync.WaitGroup
		all.Go(func() {
			_, err := f.services[0].Get(starter, key)
			assert.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		all.Go(func() {
			got, err := f.services[0].Get(context.Background(), key)
			if assert.NoError(t, err) {
				assert.Equal(t, domain.Coalesced, got.Outcome)
			}
		})
		synctest.Wait()
		leave()
		all.Wait()
		require.EqualValues(t, 1, f.source.calls.Load())
		require.EqualValues(t, 1, f.sum(domain.Abandoned))
	})
}

// Nobody comes back to the instance that loads, whose call is kept for the others alone.
func TestALoadOfAnyKindGoesOnForOtherInstances(t *testing.T) {
	for name, d := range map[string]domain.Constraints{
		"ordinary": {}, "no-cache": {NoCache: true, Within: interval}, "no-store": {NoStore: true, Within: interval},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, key := newFleet(t, 2, slow, never), mustKey(t, "k")
				starter, leave := context.WithCancel(context.Background())
				var all sync.WaitGroup
				all.Go(func() {
					_, err := f.services[0].GetWith(starter, key, d)
					assert.ErrorIs(t, err, context.Canceled)
				})
				synctest.Wait()
				all.Go(func() {
					got, err := f.with(1, key, d)
					if assert.NoError(t, err) {
						assert.Equal(t, "value of call 1", got.Entry.Body())
					}
				})
				time.Sleep(loadTime / 4)
				leave()
				all.Wait()
				require.EqualValues(t, 1, f.source.calls.Load())
			})
		})
	}
}

func TestALoadGoesOnForRequestsThatWaitOnOtherInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key, began := newFleet(t, 3, slow), mustKey(t, "k"), time.Now()
		starter, leave := context.WithCancel(context.Background())
		var all sync.WaitGroup
		all.Go(func() {
			_, err := f.services[0].Get(starter, key)
			assert.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		for _, s := range f.services[1:] {
			all.Go(func() {
				got, err := s.Get(context.Background(), key)
				if assert.NoError(t, err) {
					assert.Equal(t, "value of call 1", got.Entry.Body())
				}
			})
		}
		time.Sleep(loadTime / 4)
		leave()
		time.Sleep(loadTime / 4)
		got := f.get(t, 0, key) // and whoever comes back joins it
		require.Equal(t, "value of call 1", got.Entry.Body())
		all.Wait()
		require.EqualValues(t, 1, f.source.calls.Load())
		require.Equal(t, loadTime, time.Since(began))
	})
}

func TestALoadEndsWhenItsLastWaiterLeavesAndTheNextRequestLoadsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow), mustKey(t, "k")
		hasty, cancel := context.WithTimeout(context.Background(), loadTime/2)
		defer cancel()
		_, err := f.services[0].Get(hasty, key)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		began := time.Now()
		got, err := f.services[0].Get(context.Background(), key)
		require.NoError(t, err, "a load that nobody waited for is no failure to cool down from")
		require.Equal(t, "value of call 2", got.Entry.Body())
		require.Equal(t, loadTime, time.Since(began), "the lease was given back")
	})
}

func TestAFailingSourceIsAskedOncePerCooldown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 3, func(context.Context, int64) (domain.Value, error) {
			time.Sleep(time.Second)
			return domain.Value{}, errors.New("ORA-03113")
		}), mustKey(t, "k")
		began := time.Now()
		var all sync.WaitGroup
		for i := range 1000 {
			all.Go(func() {
				_, err := f.services[i%3].Get(context.Background(), key)
				assert.ErrorIs(t, err, domain.ErrSourceFailed)
			})
		}
		all.Wait()
		require.EqualValues(t, 1, f.source.calls.Load())
		require.Less(t, time.Since(began), 1200*time.Millisecond)

		_, err := f.services[1].Get(context.Background(), key)
		require.ErrorIs(t, err, domain.ErrSourceFailed)
		require.EqualValues(t, 1, f.source.calls.Load(), "the cool-down holds")
		time.Sleep(time.Second)
		_, err = f.services[1].Get(context.Background(), key)
		require.ErrorIs(t, err, domain.ErrSourceFailed)
		require.EqualValues(t, 2, f.source.calls.Load(), "the cool-down ends")
	})
}

func TestASourceThatIgnoresCancellationKeepsItsSlotButNotItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := newFleet(t, 1, func(ctx context.Context, call int64) (domain.Value, error) {
			if call == 1 {
				<-release
			}
			return slow(ctx, call)
		}, func(o *app.Options) { o.SourceConcurrency = 1 })
		s, began := f.services[0], time.Now()
		_, err := s.Get(context.Background(), mustKey(t, "hangs"))
		require.ErrorIs(t, err, domain.ErrTimeout)
		require.Equal(t, 5*time.Second, time.Since(began), "the caller is not kept waiting for it")

		began = time.Now()
		_, err = s.Get(context.Background(), mustKey(t, "other"))
		require.ErrorIs(t, err, domain.ErrOverloaded, "the slot is still taken")
		require.Equal(t, 5*time.Second, time.Since(began))

		close(release)
		synctest.Wait()
		got, err := s.Get(context.Background(), mustKey(t, "hangs"))
		require.NoError(t, err)
		require.Equal(t, "value of call 2", got.Entry.Body())
	})
}

func TestTheSourceIsNotCalledMoreOftenAtOnceThanAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		f := newFleet(t, 1, func(ctx context.Context, call int64) (domain.Value, error) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			return slow(ctx, call)
		}, func(o *app.Options) { o.SourceConcurrency = 4 })
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				_, err := f.services[0].Get(context.Background(), mustKey(t, fmt.Sprint("k", i)))
				assert.NoError(t, err)
			})
		}
		all.Wait()
		require.EqualValues(t, 4, most.Load())
	})
}

func TestCloseCancelsCallsAndReleasesTheirLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 2, slow), mustKey(t, "k")
		var all sync.WaitGroup
		all.Go(func() {
			_, err := f.services[0].Get(context.Background(), key)
			assert.ErrorIs(t, err, domain.ErrClosed)
		})
		synctest.Wait()
		all.Go(func() {
			_, err := f.services[1].Get(context.Background(), key)
			assert.NoError(t, err, "the other instance takes over")
		})
		synctest.Wait()
		began := time.Now()
		require.NoError(t, f.services[0].Close(context.Background()))
		all.Wait()
		require.Equal(t, loadTime, time.Since(began))
		_, err := f.services[0].Get(context.Background(), mustKey(t, "new"))
		require.ErrorIs(t, err, domain.ErrClosed)
	})
}

func TestDrainWaitsForTheLoadsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, slow)
		var all sync.WaitGroup
		all.Go(func() {
			_, err := f.services[0].Get(context.Background(), mustKey(t, "k"))
			assert.NoError(t, err)
		})
		synctest.Wait()
		began := time.Now()
		require.NoError(t, f.services[0].Drain(context.Background()))
		require.Equal(t, loadTime, time.Since(began))
		all.Wait()

		all.Go(func() { _, _ = f.services[0].Get(context.Background(), mustKey(t, "k2")) })
		synctest.Wait()
		short, cancel := context.WithTimeout(context.Background(), loadTime/2)
		defer cancel()
		require.ErrorIs(t, f.services[0].Drain(short), context.DeadlineExceeded)
		all.Wait()
	})
}

func TestEachRequestIsCountedExactlyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 3, func(ctx context.Context, call int64) (domain.Value, error) {
			switch call % 5 {
			case 3:
				return domain.Value{}, errors.New("down")
			case 4:
				return domain.Value{}, domain.ErrNotFound
			}
			return slow(ctx, call)
		})
		var all sync.WaitGroup
		const requests = 3000
		for i := range requests {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+i%7)*time.Second/2)
				defer cancel()
				time.Sleep(time.Duration(i%100) * 50 * time.Millisecond)
				_, _ = f.services[i%3].Get(ctx, mustKey(t, fmt.Sprint("k", i%13)))
			})
		}
		all.Wait()
		var counted, calls uint64
		for _, c := range f.counts {
			n := c.Snapshot()
			calls += n.Events[ports.SourceCalled]
			for _, of := range n.Requests {
				counted += of
			}
		}
		require.EqualValues(t, requests, counted)
		require.EqualValues(t, f.source.calls.Load(), calls, "cache_misses are the calls of the source")
		for _, o := range []domain.Outcome{domain.L1Hit, domain.L2Hit, domain.Loaded, domain.Coalesced, domain.Failed, domain.Abandoned} {
			require.NotZero(t, f.sum(o), "outcome %d should have occurred", o)
		}
	})
}

// A burst of cold keys takes as long as the bulkhead makes it, and not longer.
func TestTenThousandColdKeysTakeTheTimeThatTheBulkheadAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keys, each = 10_000, 50 * time.Millisecond
		var under, most atomic.Int64
		f := newFleet(t, 1, func(context.Context, int64) (domain.Value, error) {
			if n := under.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer under.Add(-1)
			time.Sleep(each)
			return domain.Value{Body: "v"}, nil
		}, never)
		slots := app.DefaultOptions().SourceConcurrency
		began := time.Now()
		var all sync.WaitGroup
		for i := range keys {
			all.Go(func() {
				got, err := f.services[0].Get(context.Background(), mustKey(t, fmt.Sprint("key ", i)))
				assert.NoError(t, err)
				assert.Equal(t, domain.Loaded, got.Outcome)
			})
		}
		all.Wait()
		require.EqualValues(t, keys, f.source.calls.Load())
		require.LessOrEqual(t, most.Load(), int64(slots))
		require.Equal(t, each*time.Duration((keys+slots-1)/slots), time.Since(began))
	})
}
