package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/counters"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru"
	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

const interval = time.Second

// timed is a source that notes when each call of it began, and answers with that
// time. A call takes as long as lasts says.
type timed struct {
	lasts time.Duration
	began []time.Time
	mu    sync.Mutex
}

func (s *timed) load(ctx context.Context, _ int64) (domain.Value, error) {
	now := time.Now()
	s.mu.Lock()
	s.began = append(s.began, now)
	s.mu.Unlock()
	select {
	case <-time.After(s.lasts):
		return domain.Value{Body: now.Format(time.RFC3339Nano)}, nil
	case <-ctx.Done():
		return domain.Value{}, ctx.Err()
	}
}

// forcing are the constraints that no copy meets for long.
func forcing() map[string]domain.Constraints {
	return map[string]domain.Constraints{
		"no-cache":           {NoCache: true},
		"max-age":            {MaxAge: time.Millisecond},
		"min-fresh":          {MinFresh: time.Hour},
		"no-store":           {NoStore: true},
		"no-cache, no-store": {NoCache: true, NoStore: true},
	}
}

func TestRequestsWithoutATokenCallTheSourceOncePerIntervalAtMostOnAllInstancesTogether(t *testing.T) {
	for name, d := range forcing() {
		for _, lasts := range []time.Duration{time.Millisecond, 1500 * time.Millisecond} {
			for _, leaves := range []bool{false, true} {
				t.Run(fmt.Sprint(name, " ", lasts, " leaves ", leaves), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						source := &timed{lasts: lasts}
						f, key := newFleet(t, 3, source.load, never), mustKey(t, "k")
						d.Within = interval
						var all sync.WaitGroup
						for client := range 6 {
							all.Go(func() {
								for began := time.Now(); time.Since(began) < 5*time.Second; time.Sleep(23 * time.Millisecond) {
									ctx, cancel := context.WithCancel(context.Background())
									if leaves {
										ctx, cancel = context.WithTimeout(context.Background(), time.Duration(client+1)*5*time.Millisecond)
									}
									_, err := f.services[client%3].GetWith(ctx, key, d)
									// A flood of what nothing may store waits in vain at times.
									assert.True(t, err == nil || leaves || d.NoStore && errors.Is(err, domain.ErrTimeout), err)
									cancel()
								}
							})
						}
						all.Wait()
						source.mu.Lock() // a load may go on for nobody
						defer source.mu.Unlock()
						require.Greater(t, len(source.began), 2)
						for i := 1; i < len(source.began); i++ {
							require.GreaterOrEqual(t, source.began[i].Sub(source.began[i-1]), interval-time.Millisecond, "call %d", i)
						}
					})
				})
			}
		}
	}
}

func TestRequestsWithoutATokenCallTheSourceOncePerIntervalAtMostThoughL2IsGone(t *testing.T) {
	for name, d := range forcing() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, down := newWorld(t, never), errors.New("refused")
				var mu sync.Mutex
				var held domain.Copy
				var since time.Time
				w.l1.EXPECT().Get(w.key).RunAndReturn(func(domain.Key) (domain.Copy, bool) {
					mu.Lock()
					defer mu.Unlock()
					return held.After(time.Since(since)), held.Entry != nil
				})
				w.l1.EXPECT().Set(w.key, mock.Anything, epoch).RunAndReturn(func(_ domain.Key, c domain.Copy, _ ports.Epoch) bool {
					mu.Lock()
					defer mu.Unlock()
					held, since = c, time.Now()
					return true
				}).Maybe()
				w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, down).Maybe()
				w.locker.EXPECT().Acquire(mock.Anything, mock.Anything).Return(ports.Lease{}, down)
				var calls []time.Time
				w.source.EXPECT().Load(mock.Anything, w.key, mock.Anything).RunAndReturn(func(context.Context, domain.Key, domain.Validator) (domain.Value, error) {
					calls = append(calls, time.Now())
					return domain.Value{Body: "v"}, nil
				})
				d.Within = interval
				for began := time.Now(); time.Since(began) < 5*time.Second; time.Sleep(10 * time.Millisecond) {
					_, err := w.svc.GetWith(w.ctx, w.key, d)
					require.NoError(t, err)
				}
				require.Greater(t, len(calls), 2)
				for i := 1; i < len(calls); i++ {
					require.GreaterOrEqual(t, calls[i].Sub(calls[i-1]), interval)
				}
			})
		})
	}
}

func TestAValueThatWasLoadedWithinTheIntervalMeetsWhatForcesALoadOnEachInstance(t *testing.T) {
	for name, d := range forcing() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := &timed{lasts: 100 * time.Millisecond}
				f, key := newFleet(t, 2, source.load, never), mustKey(t, "k")
				f.get(t, 0, key)
				d.Within = interval
				time.Sleep(interval - source.lasts - 50*time.Millisecond) // L1 counts ages in ticks
				for instance, want := range []domain.Outcome{domain.L1Hit, domain.L2Hit} {
					got, err := f.with(instance, key, d)
					require.NoError(t, err)
					require.Equal(t, want, got.Outcome)
				}
				time.Sleep(52 * time.Millisecond)
				got, err := f.with(0, key, d)
				require.NoError(t, err)
				if d.NoStore && !d.NoCache {
					require.Equal(t, domain.L1Hit, got.Outcome, "what is stored anyway is served")
					return
				}
				require.Equal(t, domain.Loaded, got.Outcome)
			})
		})
	}
}

func TestAnIntervalAllowsNoLoadWhereNoneIsAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &timed{lasts: time.Millisecond}
		f, key := newFleet(t, 1, source.load, never), mustKey(t, "k")
		f.get(t, 0, key)
		for _, d := range []domain.Constraints{{NoCache: true}, {MinFresh: time.Hour}} {
			d.OnlyIfCached, d.Within = true, interval
			_, err := f.with(0, key, d)
			require.ErrorIs(t, err, domain.ErrNotCached)
		}
	})
}

func TestAWrittenValueCountsAsLoadedWhenItWasWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 2, slow, never), mustKey(t, "k")
		f.get(t, 0, key)
		require.NoError(t, f.services[1].Put(context.Background(), key, domain.Value{Body: "written"}, -1))
		for instance := range 2 {
			f.forgets(instance, key)
			got, err := f.with(instance, key, domain.Constraints{NoCache: true, Within: interval})
			require.NoError(t, err)
			require.Equal(t, "written", got.Entry.Body())
		}
		got, err := f.with(0, key, domain.Constraints{NoCache: true})
		require.NoError(t, err)
		require.Equal(t, "value of call 2", got.Entry.Body(), "with a token it is reloaded at once")
	})
}

// forgets has an instance hear that key was changed elsewhere.
func (f *fleet) forgets(instance int, key domain.Key) { f.bus(instance).Invalidate(key) }

// With a token the load has to begin after the request came, which nobody knows of
// the first one that another instance does: the second is everybody's.
func TestAForcedLoadWithATokenIsTwoAtMostForAllRequestsThatComeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 5, slow, never), mustKey(t, "k")
		f.get(t, 0, key)
		time.Sleep(interval)
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				got, err := f.with(i%5, key, domain.Constraints{NoCache: true})
				assert.NoError(t, err)
				assert.Contains(t, []string{"value of call 2", "value of call 3"}, got.Entry.Body())
			})
		}
		all.Wait()
		require.EqualValues(t, 3, f.source.calls.Load())
	})
}

// The load that is in flight when a request comes read the source before.
func TestAForcedLoadBeginsAfterTheRequestCame(t *testing.T) {
	for name, first := range map[string]domain.Constraints{"ordinary": {}, "forced": {NoCache: true}, "no-store": {NoStore: true, NoCache: true}} {
		for _, instances := range []int{1, 2} {
			t.Run(fmt.Sprint(name, " ", instances), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f, key := newFleet(t, instances, slow, never), mustKey(t, "k")
					var all sync.WaitGroup
					all.Go(func() {
						_, err := f.with(0, key, first)
						assert.NoError(t, err)
					})
					time.Sleep(loadTime / 2)
					for i := range 20 {
						all.Go(func() {
							got, err := f.with(i%instances, key, domain.Constraints{NoCache: true})
							assert.NoError(t, err)
							assert.NotEqual(t, "value of call 1", got.Entry.Body())
						})
					}
					all.Wait()
					require.LessOrEqual(t, f.source.calls.Load(), int64(1+instances))
				})
			})
		}
	}
}

func TestARequestWithoutATokenJoinsALoadThatBeganWithinTheIntervalOnly(t *testing.T) {
	for after, want := range map[time.Duration]string{interval: "value of call 1", interval + time.Millisecond: "value of call 2"} {
		for instance := range 2 {
			synctest.Test(t, func(t *testing.T) {
				f, key := newFleet(t, 2, slow, never), mustKey(t, "k")
				var all sync.WaitGroup
				all.Go(func() { f.get(t, 0, key) })
				time.Sleep(after)
				got, err := f.with(instance, key, domain.Constraints{NoCache: true, Within: interval})
				require.NoError(t, err)
				require.Equal(t, want, got.Entry.Body())
				all.Wait()
			})
		}
	}
}

// far is a second layer at the end of a long line: what it is told takes effect
// late, and its answers are late as well.
type far struct {
	*embedded.Layer
	way time.Duration
}

func (l far) Get(ctx context.Context, key domain.Key) (domain.Copy, bool, error) {
	time.Sleep(l.way)
	c, ok, err := l.Layer.Get(ctx, key)
	time.Sleep(l.way)
	return c.After(2 * l.way), ok, err // as the contract has it
}

func (l far) Fill(ctx context.Context, key domain.Key, e *domain.Entry, lease ports.Lease) error {
	time.Sleep(l.way)
	err := l.Layer.Fill(ctx, key, e, lease)
	time.Sleep(l.way)
	return err
}

func (l far) Acquire(ctx context.Context, key domain.Key) (ports.Lease, error) {
	time.Sleep(l.way)
	lease, err := l.Layer.Acquire(ctx, key)
	time.Sleep(l.way)
	return lease, err
}

// The age of a copy is short by the time that the way of its value to L2 took, so
// it is no proof of when the load began.
func TestAForcedLoadBeginsAfterTheRequestCameHoweverFarL2Is(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lasts, way = 100 * time.Millisecond, time.Millisecond
		f, key, source := newFleet(t, 1, slow, never), mustKey(t, "k"), &timed{lasts: lasts}
		var services []*app.Service
		for i := range 3 {
			l1, err := lru.New(lru.Options{MaxEntries: 100, MaxBytes: 1 << 20})
			require.NoError(t, err)
			defer l1.Close()
			l2, o := far{f.l2, way + time.Duration(i)*40*time.Millisecond}, app.DefaultOptions()
			o.RefreshAhead = 0
			s, err := app.New(app.Ports{
				L1: l1, L2: l2, Locker: l2, Bus: newBus(), Purger: l2, Source: &fakeSource{load: source.load},
				Recorder: counters.New(), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
			}, o)
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Close(context.Background())) }()
			services = append(services, s)
		}
		var all sync.WaitGroup
		for n := range 60 {
			all.Go(func() {
				time.Sleep(time.Duration(n) * 9 * time.Millisecond)
				came := time.Now()
				got, err := services[n%3].GetWith(context.Background(), key, domain.Constraints{NoCache: true})
				if !assert.NoError(t, err) {
					return
				}
				began, err := time.Parse(time.RFC3339Nano, got.Entry.Body())
				assert.NoError(t, err)
				assert.False(t, began.Before(came), "request %d", n)
			})
		}
		all.Wait()
		require.Less(t, len(source.began), 20, "the loads are shared")
	})
}

func TestTheAnswerSaysWhatCopyWasHeldThatDidNotDo(t *testing.T) {
	for name, c := range map[string]struct {
		d                domain.Constraints
		after            time.Duration
		l1, l2           bool // whether the layer has a copy
		refused, expired bool
	}{
		"nothing":                            {l1: false},
		"nothing, no-cache":                  {d: domain.Constraints{NoCache: true}},
		"nothing, no-cache within":           {d: domain.Constraints{NoCache: true, Within: interval}},
		"fresh in L1, no-cache":              {d: domain.Constraints{NoCache: true}, l1: true, refused: true},
		"fresh in L2, no-cache":              {d: domain.Constraints{NoCache: true}, l2: true, refused: true},
		"fresh in L2, no-cache within":       {d: domain.Constraints{NoCache: true, Within: interval}, l2: true, refused: true},
		"fresh in L2, max-age":               {d: domain.Constraints{MaxAge: time.Second}, l2: true, refused: true},
		"expired in L1":                      {after: time.Minute, l1: true, expired: true},
		"expired in L2":                      {after: time.Minute, l2: true, expired: true},
		"expired in L2, no-store":            {d: domain.Constraints{NoStore: true}, after: time.Minute, l2: true, expired: true},
		"expired in L1, no-cache":            {d: domain.Constraints{NoCache: true}, after: time.Minute, l1: true, expired: true},
		"expired in L2, no-cache":            {d: domain.Constraints{NoCache: true}, after: time.Minute, l2: true, expired: true},
		"expired in L2, min-fresh":           {d: domain.Constraints{MinFresh: time.Second}, after: time.Minute, l2: true, expired: true},
		"expired in both, more than allowed": {d: domain.Constraints{MaxStale: time.Second}, after: time.Minute, l1: true, l2: true, expired: true},
	} {
		for _, fails := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " fails ", fails), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					load := slow
					if fails {
						load = failsFrom(2)
					}
					f, key := newFleet(t, 2, load, never, func(o *app.Options) { o.L2Stale = time.Hour }), mustKey(t, "k")
					f.get(t, 0, key)
					time.Sleep(2 * interval)
					reader := 1
					if c.l1 {
						reader = 0
					}
					if !c.l2 {
						require.NoError(t, f.l2.Invalidate(context.Background(), key, domain.Invalidation{})) // evicted, say
					}
					time.Sleep(c.after)
					c.d.StaleIfError = -1
					got, err := f.with(reader, key, c.d)
					require.Equal(t, fails, err != nil)
					require.Equal(t, c.refused, got.Refused)
					require.Equal(t, c.expired, got.Expired)
				})
			})
		}
	}
}

func TestAnExpiredCopyInL2IsNamedAlsoWhileTheFailureCoolsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 2, failsFrom(2), never, func(o *app.Options) { o.L2Stale, o.StaleIfError = time.Hour, 0 }), mustKey(t, "k")
		f.get(t, 0, key)
		time.Sleep(time.Minute)
		for range 2 {
			got, err := f.services[1].Get(context.Background(), key)
			require.ErrorIs(t, err, domain.ErrSourceFailed)
			require.True(t, got.Expired)
		}
		require.EqualValues(t, 2, f.source.calls.Load())
	})
}

// Without L2 nothing else would tell that a load has ended since the request looked.
func TestALoadThatAnIntervalBoundsLooksInL1Again(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never)
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false).Once()
		w.l1.EXPECT().Get(w.key).Return(held("just loaded", 30*time.Second), true).Once()
		got, err := w.svc.GetWith(w.ctx, w.key, domain.Constraints{NoCache: true, Within: interval}) // a lease would be an unexpected call
		require.NoError(t, err)
		require.Equal(t, "just loaded", got.Entry.Body())
	})
}

func TestAForcedLoadThatFollowsAnotherWithoutALeaseDoesNotTakeItsValue(t *testing.T) {
	for within, want := range map[time.Duration]string{0: "call 2", interval: "call 1"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, never)
			w.bus.connected.Store(false) // so that what is in flight is not joined
			w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
			w.l1.EXPECT().Set(w.key, mock.Anything, epoch).Return(true)
			w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, errors.New("refused")).Maybe()
			w.locker.EXPECT().Acquire(mock.Anything, mock.Anything).Return(ports.Lease{}, errors.New("refused"))
			calls := 0
			w.source.EXPECT().Load(mock.Anything, w.key, mock.Anything).RunAndReturn(func(context.Context, domain.Key, domain.Validator) (domain.Value, error) {
				calls++
				body := fmt.Sprint("call ", calls)
				time.Sleep(interval)
				return domain.Value{Body: body}, nil
			})
			d := domain.Constraints{NoCache: true, Within: within}
			var all sync.WaitGroup
			all.Go(func() {
				_, err := w.svc.GetWith(w.ctx, w.key, d)
				assert.NoError(t, err)
			})
			time.Sleep(interval / 2)
			got, err := w.svc.GetWith(w.ctx, w.key, d)
			require.NoError(t, err)
			require.Equal(t, want, got.Entry.Body())
			all.Wait()
		})
	}
}
