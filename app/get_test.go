package app_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/counters"
	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
	"github.com/multi-layer-cache/multi-layer-cache/ports/mocks"
)

const loadTime = 2 * time.Second

var lease = ports.Lease{Token: "lease-1", TTL: 5 * time.Second}

const epoch ports.Epoch = 7

// world is a Service over mocked ports and real counters.
type world struct {
	l1     *mocks.L1Store
	l2     *mocks.L2Store
	locker *mocks.Locker
	source *mocks.Source
	bus    *bus
	count  *counters.Recorder
	svc    *app.Service
	key    domain.Key
	ctx    context.Context
}

func newWorld(t *testing.T, change ...func(*app.Options)) *world {
	t.Helper()
	w := &world{
		l1: mocks.NewL1Store(t), l2: mocks.NewL2Store(t), locker: mocks.NewLocker(t), source: mocks.NewSource(t),
		bus: newBus(), count: counters.New(), key: mustKey(t, "test"), ctx: t.Context(),
	}
	w.l1.EXPECT().Epoch(w.key).Return(epoch).Maybe()
	o := app.DefaultOptions()
	o.Random = seeded(1)
	for _, f := range change {
		f(&o)
	}
	var err error
	w.svc, err = app.New(app.Ports{
		L1: w.l1, L2: w.l2, Locker: w.locker, Bus: w.bus, Purger: noPurges{}, Source: w.source, Recorder: w.count,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.svc.Close(context.Background())) })
	return w
}

func mustKey(t testing.TB, s string) domain.Key {
	t.Helper()
	key, err := domain.ParseKey(s)
	require.NoError(t, err)
	return key
}

func (w *world) get() (domain.Answer, error) { return w.svc.Get(w.ctx, w.key) }

func (w *world) requests(o domain.Outcome) int { return int(w.count.Snapshot().Requests[o]) }
func (w *world) events(e ports.Event) int      { return int(w.count.Snapshot().Events[e]) }

// nothingHeld makes both layers empty.
func (w *world) nothingHeld() {
	w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
	w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil)
}

func (w *world) leaseIsFree() {
	w.locker.EXPECT().Acquire(mock.Anything, w.key).Return(lease, nil).Once()
}

// leaseIsHeld makes another instance have the lease, which ends as told.
func (w *world) leaseIsHeld(e ports.Ending) {
	w.locker.EXPECT().Acquire(mock.Anything, w.key).Return(ports.Lease{}, domain.ErrLeaseHeld).Once()
	w.locker.EXPECT().Await(mock.Anything, w.key).RunAndReturn(func(context.Context, domain.Key) (ports.Ending, error) {
		time.Sleep(loadTime)
		return e, nil
	}).Once()
}

// leaseEndsWith expects the release of the lease after a failure.
func (w *world) leaseEndsWith(failure error) {
	w.locker.EXPECT().Release(mock.Anything, w.key, lease, mock.MatchedBy(func(e ports.Ending) bool {
		return errors.Is(e.Failure, failure) && e.Cooldown == time.Second
	})).Return(nil).Once()
}

func (w *world) leaseIsRenewed() {
	w.locker.EXPECT().Renew(mock.Anything, w.key, lease).Return(nil).Maybe()
}

// sourceAnswers makes the source take loadTime.
func (w *world) sourceAnswers(v domain.Value, err error) {
	w.source.EXPECT().Load(mock.Anything, w.key, mock.Anything).RunAndReturn(func(ctx context.Context, _ domain.Key, _ domain.Validator) (domain.Value, error) {
		select {
		case <-time.After(loadTime):
			return v, err
		case <-ctx.Done():
			return domain.Value{}, ctx.Err()
		}
	}).Once()
}

func held(body string, left time.Duration) domain.Copy {
	return domain.Copy{Entry: domain.NewEntry(domain.Value{Body: body}, 30*time.Second, 0), Remaining: left}
}

func TestAFreshCopyInL1IsTheAnswerAndNothingElseIsAsked(t *testing.T) {
	w := newWorld(t)
	c := held("v", 7*time.Second)
	w.l1.EXPECT().Get(w.key).Return(c, true).Once()

	got, err := w.get()

	require.NoError(t, err)
	require.Equal(t, domain.Answer{Copy: c, Outcome: domain.L1Hit}, got)
	require.Equal(t, 1, w.requests(domain.L1Hit))
}

func TestAFreshCopyInL2IsPromotedWithItsRemainingTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := held("v", 7*time.Second)
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(c, true, nil).Once()
		w.l1.EXPECT().Set(w.key, c, epoch).Return(true).Once()

		got, err := w.get()

		require.NoError(t, err)
		require.Equal(t, domain.Answer{Copy: c, Outcome: domain.L2Hit}, got)
		require.Equal(t, 1, w.requests(domain.L2Hit))
	})
}

func TestWhatWasLoadedBetweenTheLookAndTheCallIsNotLoadedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false).Once()
		w.l1.EXPECT().Get(w.key).Return(held("v", time.Second), true).Once()

		got, err := w.get() // L2 and the locker would be unexpected calls

		require.NoError(t, err)
		require.Equal(t, domain.L1Hit, got.Outcome)
	})
}

func TestAMissLoadsUnderALeaseLooksAgainAndFillsFarToNear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false).Twice()
		look := w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil).Once()
		acquire := w.locker.EXPECT().Acquire(mock.Anything, w.key).Return(lease, nil).Once().NotBefore(look)
		again := w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil).Once().NotBefore(acquire)
		w.leaseIsRenewed()
		w.sourceAnswers(domain.Value{Body: "loaded", ContentType: "text/plain"}, nil)
		fill := w.l2.EXPECT().Fill(mock.Anything, w.key, mock.Anything, lease).
			RunAndReturn(func(context.Context, domain.Key, *domain.Entry, ports.Lease) error {
				time.Sleep(10 * time.Millisecond)
				return nil
			}).Once().NotBefore(again)
		w.l1.EXPECT().Set(w.key, mock.Anything, epoch).Return(true).Once().NotBefore(fill)

		got, err := w.get()

		require.NoError(t, err)
		require.Equal(t, domain.Loaded, got.Outcome)
		require.Equal(t, "loaded", got.Entry.Body())
		require.Equal(t, "text/plain", got.Entry.ContentType())
		require.Equal(t, loadTime, got.Entry.LoadTime())
		require.Equal(t, 30*time.Second-10*time.Millisecond, got.Remaining, "its TTL in L2 began while it was being filled")
		require.Equal(t, 1, w.events(ports.SourceCalled))
		require.Equal(t, loadTime, w.count.Snapshot().SourceTook.Sum)
	})
}

func TestAValueThatAppearedBeforeTheLeaseWasWonIsNotLoadedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := held("filled by another", time.Second)
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil).Once()
		w.leaseIsFree()
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(c, true, nil).Once()
		w.locker.EXPECT().Release(mock.Anything, w.key, lease, ports.Ending{}).Return(nil).Once()
		w.l1.EXPECT().Set(w.key, c, epoch).Return(true).Once()

		got, err := w.get()

		require.NoError(t, err)
		require.Equal(t, domain.L2Hit, got.Outcome)
		require.Zero(t, w.events(ports.SourceCalled))
	})
}

func TestALoadElsewhereIsWaitedForAndItsValueTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := held("filled by another", time.Second)
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil).Once()
		w.leaseIsHeld(ports.Ending{})
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(c, true, nil).Once()
		w.l1.EXPECT().Set(w.key, c, epoch).Return(true).Once()

		got, err := w.get()

		require.NoError(t, err)
		require.Equal(t, domain.Coalesced, got.Outcome)
		require.Equal(t, 1, w.events(ports.LeaseWaited))
		require.Zero(t, w.events(ports.SourceCalled))
	})
}

func TestALeaseThatEndedWithNothingIsCompetedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.nothingHeld()
		w.leaseIsHeld(ports.Ending{})
		w.leaseIsFree()
		w.leaseIsRenewed()
		w.sourceAnswers(domain.Value{Body: "v"}, nil)
		w.l2.EXPECT().Fill(mock.Anything, w.key, mock.Anything, lease).Return(nil).Once()
		w.l1.EXPECT().Set(w.key, mock.Anything, epoch).Return(true).Once()

		got, err := w.get()

		require.NoError(t, err)
		require.Equal(t, domain.Loaded, got.Outcome)
	})
}

func TestAFailureElsewhereIsThisRequestsFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.nothingHeld()
		w.locker.EXPECT().Acquire(mock.Anything, w.key).Return(ports.Lease{}, domain.ErrSourceFailed).Once()

		_, err := w.get()

		require.ErrorIs(t, err, domain.ErrSourceFailed)
		require.Equal(t, 1, w.requests(domain.Failed))
		require.Zero(t, w.events(ports.SourceCalled))
	})
}

func TestAKeyThatTheSourceDoesNotHaveIsRememberedAsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.nothingHeld()
		w.leaseIsFree()
		w.leaseIsRenewed()
		w.sourceAnswers(domain.Value{}, domain.ErrNotFound)
		isMissing := mock.MatchedBy(func(e *domain.Entry) bool { return e.Missing() && e.TTL() == 5*time.Second })
		w.l2.EXPECT().Fill(mock.Anything, w.key, isMissing, lease).Return(nil).Once()
		w.l1.EXPECT().Set(w.key, mock.Anything, epoch).Return(true).Once()

		got, err := w.get()

		require.NoError(t, err)
		require.True(t, got.Entry.Missing())
		require.Zero(t, w.events(ports.SourceFailed), "an absence is an answer")
	})
}

func TestWithoutANegativeTTLAbsenceIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *app.Options) { o.NegativeTTL = 0 })
		w.nothingHeld()
		w.leaseIsFree()
		w.leaseIsRenewed()
		w.sourceAnswers(domain.Value{}, domain.ErrNotFound)
		withoutLife := mock.MatchedBy(func(e *domain.Entry) bool { return e.Missing() && e.TTL() == 0 })
		w.l2.EXPECT().Fill(mock.Anything, w.key, withoutLife, lease).Return(nil).Once()
		w.l1.EXPECT().Delete(w.key).Return().Once() // an older copy would be served stale

		got, err := w.get() // an L1 Set would be an unexpected call

		require.NoError(t, err)
		require.True(t, got.Entry.Missing())
	})
}

func TestAFailingSourceIsAnErrorThatIsPublishedForTheCooldown(t *testing.T) {
	for name, c := range map[string]struct {
		load func(context.Context, domain.Key, domain.Validator) (domain.Value, error)
		want error
	}{
		"an error": {func(context.Context, domain.Key, domain.Validator) (domain.Value, error) {
			return domain.Value{}, errors.New("ORA-00600")
		}, domain.ErrSourceFailed},
		"a panic": {func(context.Context, domain.Key, domain.Validator) (domain.Value, error) { panic("ouch") }, domain.ErrSourceFailed},
		"a value too large": {func(context.Context, domain.Key, domain.Validator) (domain.Value, error) {
			return domain.Value{Body: "123456789"}, nil
		}, domain.ErrTooLarge},
		"a hang": {func(ctx context.Context, _ domain.Key, _ domain.Validator) (domain.Value, error) {
			<-ctx.Done()
			return domain.Value{}, ctx.Err()
		}, domain.ErrTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(o *app.Options) { o.MaxValueBytes = 8 })
				w.nothingHeld()
				w.leaseIsFree()
				w.leaseIsRenewed()
				w.source.EXPECT().Load(mock.Anything, w.key, mock.Anything).RunAndReturn(c.load).Once()
				w.leaseEndsWith(c.want)

				_, err := w.get()

				require.ErrorIs(t, err, c.want)
				require.Equal(t, 1, w.requests(domain.Failed))
				require.Equal(t, 1, w.events(ports.SourceFailed))
			})
		})
	}
}

func TestAStaleCopyAnswersWhenTheLoadFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.l1.EXPECT().Get(w.key).Return(held("old", -time.Second), true)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil)
		w.leaseIsFree()
		w.leaseIsRenewed()
		w.sourceAnswers(domain.Value{}, errors.New("down"))
		w.leaseEndsWith(domain.ErrSourceFailed)

		got, err := w.get()

		require.NoError(t, err)
		require.Equal(t, domain.Stale, got.Outcome)
		require.Equal(t, "old", got.Entry.Body())
		require.Equal(t, -time.Second-loadTime, got.Remaining)
		require.Equal(t, 1, w.requests(domain.Stale))
	})
}

func TestACopyThatIsStaleForTooLongDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *app.Options) { o.StaleIfError = 3 * time.Second })
		w.l1.EXPECT().Get(w.key).Return(held("old", -time.Second), true)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil)
		w.leaseIsFree()
		w.leaseIsRenewed()
		w.sourceAnswers(domain.Value{}, errors.New("down"))
		w.leaseEndsWith(domain.ErrSourceFailed)

		_, err := w.get()

		require.ErrorIs(t, err, domain.ErrSourceFailed)
	})
}

func TestWithoutRedisTheSourceIsAskedWithoutALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		down := errors.New("connection refused")
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, down).Once()
		w.locker.EXPECT().Acquire(mock.Anything, w.key).Return(ports.Lease{}, down).Once()
		w.sourceAnswers(domain.Value{Body: "v"}, nil)
		w.l1.EXPECT().Set(w.key, mock.Anything, epoch).Return(true).Once()

		got, err := w.get()

		require.NoError(t, err)
		require.Equal(t, domain.Loaded, got.Outcome)
		require.Equal(t, 1, w.events(ports.LoadedUnleased))
		require.Equal(t, 2, w.events(ports.L2Failed))
	})
}

func TestWhatL2CannotReadIsAMiss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, domain.ErrUndecodable).Twice()
		w.leaseIsFree()
		w.leaseIsRenewed()
		w.sourceAnswers(domain.Value{Body: "v"}, nil)
		w.l2.EXPECT().Fill(mock.Anything, w.key, mock.Anything, lease).Return(nil).Once()
		w.l1.EXPECT().Set(w.key, mock.Anything, epoch).Return(true).Once()

		_, err := w.get()

		require.NoError(t, err)
		require.Equal(t, 2, w.events(ports.L2Undecodable))
		require.Zero(t, w.events(ports.L2Failed))
	})
}

func TestAValueWhoseLeaseWasLostEntersNoLayer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.nothingHeld()
		w.leaseIsFree()
		w.leaseIsRenewed()
		w.sourceAnswers(domain.Value{Body: "v"}, nil)
		w.l1.EXPECT().Delete(w.key).Return().Twice() // the copy that was held, and one that has come since
		w.l2.EXPECT().Fill(mock.Anything, w.key, mock.Anything, lease).Return(domain.ErrLeaseLost).Once()
		time.AfterFunc(loadTime/2, func() { w.bus.Invalidate(w.key) }) // another instance wrote

		got, err := w.get() // an L1 Set would be an unexpected call

		require.NoError(t, err)
		require.Equal(t, "v", got.Entry.Body())
		require.False(t, got.Stored)
		require.Equal(t, 1, w.events(ports.LeaseLost))
	})
}

// Requests that came after the write may have joined the call, since nothing told
// this instance of it.
func TestALeaseLostToAnUnknownWriteHasTheCallLookOnceMore(t *testing.T) {
	for name, written := range map[string]domain.Copy{"a PUT": held("new", time.Second), "a DELETE": {}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
				w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil).Twice()
				w.leaseIsFree()
				w.leaseIsRenewed()
				w.sourceAnswers(domain.Value{Body: "old"}, nil)
				w.l2.EXPECT().Fill(mock.Anything, w.key, mock.Anything, lease).Return(domain.ErrLeaseLost).Once()
				w.leaseIsFree()
				w.l2.EXPECT().Get(mock.Anything, w.key).Return(written, written.Entry != nil, nil).Once()
				if written.Entry != nil {
					w.locker.EXPECT().Release(mock.Anything, w.key, lease, ports.Ending{}).Return(nil).Once()
				} else {
					w.sourceAnswers(domain.Value{Body: "new"}, nil)
					w.l2.EXPECT().Fill(mock.Anything, w.key, mock.Anything, lease).Return(nil).Once()
				}
				w.l1.EXPECT().Set(w.key, mock.Anything, epoch).Return(true).Once()

				got, err := w.get()

				require.NoError(t, err)
				require.Equal(t, "new", got.Entry.Body())
			})
		})
	}
}

func TestALeaseThatIsLostAgainIsNotFoughtFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.nothingHeld()
		w.leaseIsRenewed()
		for range 2 {
			w.leaseIsFree()
			w.sourceAnswers(domain.Value{Body: "v"}, nil)
		}
		w.l2.EXPECT().Fill(mock.Anything, w.key, mock.Anything, lease).Return(domain.ErrLeaseLost).Twice()
		w.l1.EXPECT().Delete(w.key).Return().Once()

		got, err := w.get()

		require.NoError(t, err)
		require.Equal(t, "v", got.Entry.Body())
		require.False(t, got.Stored)
	})
}

func TestAFillThatFailsStillPromotesAndGivesTheLeaseBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.nothingHeld()
		w.leaseIsFree()
		w.leaseIsRenewed()
		w.sourceAnswers(domain.Value{Body: "v"}, nil)
		w.l2.EXPECT().Fill(mock.Anything, w.key, mock.Anything, lease).Return(errors.New("OOM")).Once()
		w.locker.EXPECT().Release(mock.Anything, w.key, lease, ports.Ending{}).Return(nil).Once()
		w.l1.EXPECT().Set(w.key, mock.Anything, epoch).Return(true).Once()

		_, err := w.get()

		require.NoError(t, err)
		require.Equal(t, 1, w.events(ports.L2Failed))
	})
}

func TestTheLeaseIsRenewedAtAThirdOfItsTTLWhileTheSourceRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.nothingHeld()
		lease := ports.Lease{Token: "brief", TTL: 1500 * time.Millisecond}
		w.locker.EXPECT().Acquire(mock.Anything, w.key).Return(lease, nil).Once()
		w.locker.EXPECT().Renew(mock.Anything, w.key, lease).Return(nil).Times(3) // at 0.5 s, 1 s, 1.5 s
		w.source.EXPECT().Load(mock.Anything, w.key, mock.Anything).RunAndReturn(func(context.Context, domain.Key, domain.Validator) (domain.Value, error) {
			time.Sleep(1900 * time.Millisecond)
			return domain.Value{Body: "v"}, nil
		}).Once()
		w.l2.EXPECT().Fill(mock.Anything, w.key, mock.Anything, lease).Return(nil).Once()
		w.l1.EXPECT().Set(w.key, mock.Anything, epoch).Return(true).Once()

		_, err := w.get()

		require.NoError(t, err)
	})
}

func TestOptionsOutOfRangeAreRefused(t *testing.T) {
	for name, change := range map[string]func(*app.Options){
		"TTL":               func(o *app.Options) { o.TTL = 0 },
		"TTLJitter":         func(o *app.Options) { o.TTLJitter = 1 },
		"NegativeTTL":       func(o *app.Options) { o.NegativeTTL = -1 },
		"SourceTimeout":     func(o *app.Options) { o.SourceTimeout = 0 },
		"SourceConcurrency": func(o *app.Options) { o.SourceConcurrency = 0 },
		"MaxValueBytes":     func(o *app.Options) { o.MaxValueBytes = 0 },
		"MaxWaiters":        func(o *app.Options) { o.MaxWaiters = 0 },
		"RefreshAhead":      func(o *app.Options) { o.RefreshAhead = -1 },
		"StaleWhile":        func(o *app.Options) { o.StaleWhile = -1 },
	} {
		o := app.DefaultOptions()
		change(&o)
		_, err := app.New(app.Ports{}, o)
		require.ErrorContains(t, err, name)
	}
}

// refusing is an Acquire of a locker that cannot be used.
func refusing(context.Context, domain.Key) (ports.Lease, error) {
	return ports.Lease{}, errors.New("refused")
}

// What the holder of the lease stored travels with the end of the lease.
func TestAWaiterThatReceivesWhatWasStoredDoesNotAskForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := held("v", 29*time.Second)
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil).Once()
		w.leaseIsHeld(ports.Ending{Stored: c})
		w.l1.EXPECT().Set(w.key, c, epoch).Return(true).Once()
		got, err := w.get()
		require.NoError(t, err)
		require.Equal(t, domain.Coalesced, got.Outcome)
		require.Equal(t, c, got.Copy)
	})
}

func TestAWaiterLooksInL2WhenWhatItReceivesMayNotBeTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		newer := held("newer", 30*time.Second)
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil).Once()
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(newer, true, nil).Once()
		w.leaseIsHeld(ports.Ending{Stored: held("v", 29*time.Second)})
		w.l1.EXPECT().Set(w.key, mock.Anything, epoch).Return(false).Once() // a write came
		w.l1.EXPECT().Set(w.key, newer, epoch).Return(true).Once()
		got, err := w.get()
		require.NoError(t, err)
		require.Equal(t, newer, got.Copy)
	})
}
