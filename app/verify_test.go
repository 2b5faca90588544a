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

func TestWhileInvalidationsAreMissedL2VerifiesWhatL1Holds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.bus.connected.Store(false)
		c := held("v", 7*time.Second)
		w.l1.EXPECT().Get(w.key).Return(c, true)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(c, true, nil).Once()
		w.l1.EXPECT().Set(w.key, c, epoch).Return(true).Once()
		got, err := w.get()
		require.NoError(t, err)
		require.Equal(t, domain.L2Hit, got.Outcome)
	})
}

func TestAnUnverifiedCopyThatL2DoesNotHaveIsReloaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow), mustKey(t, "k")
		s := f.services[0]
		_, err := s.Get(context.Background(), key)
		require.NoError(t, err)
		require.NoError(t, f.l2.Invalidate(context.Background(), key, domain.Invalidation{})) // and no word of it
		f.bus(0).reconnect()
		got, err := s.Get(context.Background(), key)
		require.NoError(t, err)
		require.Equal(t, "value of call 2", got.Entry.Body())
		got, err = s.Get(context.Background(), key)
		require.NoError(t, err)
		require.Equal(t, domain.L1Hit, got.Outcome, "L2 has verified it")
	})
}

func TestWhatWasPutInL1WhileInvalidationsWereMissedIsUnverifiedAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow), mustKey(t, "k")
		b, s := f.bus(0), f.services[0]
		b.connected.Store(false)
		_, err := s.Get(context.Background(), key)
		require.NoError(t, err)
		require.NoError(t, f.l2.Put(context.Background(), key, held("new", 0).Entry)) // and no word of it
		b.reconnect()
		got, err := s.Get(context.Background(), key)
		require.NoError(t, err)
		require.Equal(t, "new", got.Entry.Body())
	})
}

// The second gap keeps what the load returned from being held.
func TestOnceANewerValueWasTheAnswerTheUnverifiedOneIsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f *fleet
		f = newFleet(t, 1, func(ctx context.Context, call int64) (domain.Value, error) {
			if call == 2 {
				f.bus(0).reconnect()
			}
			return slow(ctx, call)
		})
		s, key := f.services[0], mustKey(t, "k")
		_, err := s.Get(context.Background(), key)
		require.NoError(t, err)
		require.NoError(t, f.l2.Invalidate(context.Background(), key, domain.Invalidation{})) // and no word of it
		f.bus(0).reconnect()
		for range 2 {
			got, err := s.Get(context.Background(), key)
			require.NoError(t, err)
			require.Equal(t, "value of call 2", got.Entry.Body())
			f.bus(0).connected.Store(false)
			f.bus(0).reachable.Store(false) // memory is trusted, since nobody can verify it
		}
	})
}

func TestAStaleUnverifiedCopyDoesNotAnswerForAFailingSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, func(_ context.Context, call int64) (domain.Value, error) {
			if call > 1 {
				return domain.Value{}, errors.New("down")
			}
			return domain.Value{Body: "old"}, nil
		}), mustKey(t, "k")
		s := f.services[0]
		_, err := s.Get(context.Background(), key)
		require.NoError(t, err)
		time.Sleep(40 * time.Second)
		got, err := s.Get(context.Background(), key)
		require.NoError(t, err)
		require.Equal(t, domain.Stale, got.Outcome)
		f.bus(0).reconnect()
		_, err = s.Get(context.Background(), key)
		require.ErrorIs(t, err, domain.ErrSourceFailed, "it may have been deleted meanwhile")
		f.bus(0).reachable.Store(false)
		got, err = s.Get(context.Background(), key)
		require.NoError(t, err, "nobody can tell")
		require.Equal(t, domain.Stale, got.Outcome)
	})
}

func TestWhenL2CannotBeAskedL1AnswersWhatItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.bus.connected.Store(false)
		c := held("v", 7*time.Second)
		w.l1.EXPECT().Get(w.key).Return(c, true)
		w.l2.EXPECT().Get(mock.Anything, w.key).RunAndReturn(func(context.Context, domain.Key) (domain.Copy, bool, error) {
			w.bus.reachable.Store(false)
			return domain.Copy{}, false, errors.New("refused")
		}).Once()
		got, err := w.get()
		require.NoError(t, err)
		require.Equal(t, domain.L1Hit, got.Outcome, "asked in vain")
		got, err = w.get() // asking L2 would be an unexpected call
		require.NoError(t, err)
		require.Equal(t, domain.L1Hit, got.Outcome)
	})
}

// From a gap on, the call from before may carry a value that was replaced. A
// new one takes its place, which finds the lease held by the old.
func TestACallFromBeforeAGapIsNotJoinedAndTheLoadIsStillOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow), mustKey(t, "k")
		s, began := f.services[0], time.Now()
		var all sync.WaitGroup
		get := func() {
			got, err := s.Get(context.Background(), key)
			if assert.NoError(t, err) {
				assert.Equal(t, "value of call 1", got.Entry.Body())
			}
		}
		all.Go(get)
		time.Sleep(loadTime / 4)
		f.bus(0).connected.Store(false)
		all.Go(get)
		time.Sleep(loadTime / 4)
		f.bus(0).reconnect()
		all.Go(get)
		all.Wait()
		require.EqualValues(t, 1, f.source.calls.Load())
		require.Equal(t, loadTime, time.Since(began))
	})
}

func TestALoadElsewhereIsNotHiddenByACallFromBeforeAGap(t *testing.T) {
	for name, cut := range map[string]func(b *bus){
		"after it":  func(b *bus) { b.reconnect() },
		"during it": func(b *bus) { b.connected.Store(false) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, key := newFleet(t, 1, slow), mustKey(t, "k")
				s := f.services[0]
				var all sync.WaitGroup
				all.Go(func() { _, _ = s.Get(context.Background(), key) })
				time.Sleep(loadTime / 2)
				require.NoError(t, f.l2.Put(context.Background(), key, held("new", 0).Entry)) // and no word of it
				cut(f.bus(0))
				got, err := s.Get(context.Background(), key)
				require.NoError(t, err)
				require.Equal(t, "new", got.Entry.Body())
				all.Wait()
			})
		})
	}
}

func TestALoadInFlightIsSharedAlthoughInvalidationsMayBeMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		down := errors.New("connection refused")
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil).Twice()
		w.leaseIsFree()
		w.locker.EXPECT().Renew(mock.Anything, w.key, lease).Return(down).Maybe()
		w.sourceAnswers(domain.Value{Body: "v"}, nil) // once
		w.l2.EXPECT().Fill(mock.Anything, w.key, mock.Anything, lease).Return(down).Once()
		w.locker.EXPECT().Release(mock.Anything, w.key, lease, ports.Ending{}).Return(down).Once()
		w.l1.EXPECT().Set(w.key, mock.Anything, epoch).Return(true).Once()
		var all sync.WaitGroup
		all.Go(func() {
			_, err := w.get()
			assert.NoError(t, err)
		})
		time.Sleep(loadTime / 2)
		w.bus.connected.Store(false) // Redis dies; the circuit breaker does not know yet
		got, err := w.get()
		require.NoError(t, err)
		require.Equal(t, domain.Coalesced, got.Outcome)
		all.Wait()
		require.Equal(t, 1, w.events(ports.SourceCalled))
	})
}

func TestWithoutRedisAFailureIsRememberedForTheCooldownToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		down := errors.New("connection refused")
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, down)
		w.locker.EXPECT().Acquire(mock.Anything, w.key).Return(ports.Lease{}, down)
		w.sourceAnswers(domain.Value{}, errors.New("ORA-03113"))
		for range 3 {
			_, err := w.get()
			require.ErrorIs(t, err, domain.ErrSourceFailed)
		}
		require.Equal(t, 1, w.events(ports.SourceCalled))
		time.Sleep(time.Second)
		w.sourceAnswers(domain.Value{}, errors.New("ORA-03113"))
		_, err := w.get()
		require.ErrorIs(t, err, domain.ErrSourceFailed)
		require.Equal(t, 2, w.events(ports.SourceCalled), "it ends")

		w.l2.EXPECT().Invalidate(mock.Anything, w.key, mock.Anything).Return(down).Once()
		w.l1.EXPECT().Delete(w.key).Return().Once()
		require.Error(t, w.svc.Delete(w.ctx, w.key))
		w.sourceAnswers(domain.Value{}, errors.New("ORA-03113"))
		_, err = w.get()
		require.ErrorIs(t, err, domain.ErrSourceFailed)
		require.Equal(t, 3, w.events(ports.SourceCalled), "whoever deletes wants a new try")
	})
}

func TestMoreWaitersThanAllowedAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, slow, func(o *app.Options) { o.MaxWaiters = 10 })
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				_, err := f.services[0].Get(context.Background(), mustKey(t, "k"))
				assert.NoError(t, err)
			})
		}
		synctest.Wait()
		_, err := f.services[0].Get(context.Background(), mustKey(t, "k"))
		require.ErrorIs(t, err, domain.ErrOverloaded)
		all.Wait()
		_, err = f.services[0].Get(context.Background(), mustKey(t, "other"))
		require.NoError(t, err, "those have left")
	})
}

// One lost reply is no reason to serve what may have been replaced: the read is
// repeated once.
func TestAnUnverifiedCopyIsVerifiedByASecondReadWhenTheFirstFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never)
		c, replaced := held("old", time.Minute), held("new", time.Minute)
		c.Unverified = true
		w.l1.EXPECT().Get(w.key).Return(c, true)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, errors.New("no reply in time")).Once()
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(replaced, true, nil).Once()
		w.l1.EXPECT().Set(w.key, replaced, epoch).Return(true).Once()
		got, err := w.get()
		require.NoError(t, err)
		require.Equal(t, "new", got.Entry.Body())
	})
}

// A look in L2 that began before the request may have seen what was replaced since:
// no invalidation says so. The request waits for it and then looks for itself.
func TestWhileInvalidationsAreMissedNobodySharesALookFromBefore(t *testing.T) {
	for name, c := range map[string]struct {
		subscribed bool
		want       string
	}{"subscription down": {false, "new"}, "subscription up": {true, "old"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, never)
				w.bus.connected.Store(c.subscribed)
				w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
				w.l1.EXPECT().Set(w.key, mock.Anything, epoch).Return(true)
				var stored atomic.Pointer[domain.Copy]
				put := func(body string) {
					c := held(body, time.Minute)
					stored.Store(&c)
				}
				put("old")
				w.l2.EXPECT().Get(mock.Anything, w.key).RunAndReturn(func(context.Context, domain.Key) (domain.Copy, bool, error) {
					seen := stored.Load()
					time.Sleep(20 * time.Millisecond)
					return *seen, true, nil
				})
				var all sync.WaitGroup
				all.Go(func() {
					got, err := w.get()
					assert.NoError(t, err)
					assert.Equal(t, "old", got.Entry.Body())
				})
				time.Sleep(10 * time.Millisecond)
				put("new") // another instance wrote
				got, err := w.get()
				require.NoError(t, err)
				require.Equal(t, c.want, got.Entry.Body())
				all.Wait()
			})
		})
	}
}
