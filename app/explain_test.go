package app_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// known is what the layers and the locker say of a key.
type known struct {
	l1, l2 domain.Copy
	l2Err  error
	lease  domain.LeaseState
	cut    bool // invalidations are missed, and L2 can be asked
}

func (w *world) explain(k known) domain.Explanation {
	w.bus.connected.Store(!k.cut)
	w.l1.EXPECT().Peek(w.key).Return(k.l1, k.l1.Entry != nil).Once()
	w.l2.EXPECT().Get(mock.Anything, w.key).Return(k.l2, k.l2.Entry != nil, k.l2Err).Once()
	w.locker.EXPECT().State(mock.Anything, w.key).Return(k.lease).Once()
	return w.svc.Explain(w.ctx, w.key)
}

func TestWhatIsNextFollowsTheWayOfAGet(t *testing.T) {
	fresh, stale, older := held("v", time.Second), held("v", -time.Second), held("v", -time.Minute)
	unverified := fresh
	unverified.Unverified = true
	staleUnverified := stale
	staleUnverified.Unverified = true
	taken, failed := domain.LeaseState{Held: true, Remaining: time.Second}, domain.LeaseState{Failure: domain.ErrSourceFailed, FailureRemaining: time.Second}
	both := domain.LeaseState{Held: true, Failure: domain.ErrSourceFailed}
	for says, c := range map[string]struct {
		known
		want domain.Step
	}{
		"fresh in L1":                                 {known{l1: fresh}, domain.StepL1Hit},
		"fresh in L1, unverified":                     {known{l1: unverified}, domain.StepLoad},
		"fresh in L1, unverified, and in L2":          {known{l1: unverified, l2: fresh}, domain.StepL2Hit},
		"fresh in L1, invalidations missed":           {known{l1: fresh, cut: true}, domain.StepLoad},
		"fresh in L1, invalidations missed, L2 fails": {known{l1: fresh, cut: true, l2Err: errors.New("refused")}, domain.StepL1Hit},
		"fresh in L2 alone":                           {known{l2: fresh, lease: both}, domain.StepL2Hit},
		"stale in L1, and fresh in L2":                {known{l1: stale, l2: fresh}, domain.StepStale},
		"stale in L1, unverified":                     {known{l1: staleUnverified}, domain.StepLoad},
		"stale in L2 alone":                           {known{l2: stale}, domain.StepStale},
		"too stale in both":                           {known{l1: older, l2: older}, domain.StepLoad},
		"too stale, and loaded elsewhere":             {known{l1: older, l2: older, lease: taken}, domain.StepWait},
		"too stale in L1, but the load failed":        {known{l1: older, lease: failed}, domain.StepStale},
		"too stale in L2, but the load failed":        {known{l2: older, lease: failed}, domain.StepStale},
		"stale in L1 unverified, the load failed":     {known{l1: staleUnverified, lease: failed}, domain.StepFail},
		"nothing, and the load failed":                {known{lease: failed}, domain.StepFail},
		"nothing, the load failed and is retried":     {known{lease: both}, domain.StepFail},
		"nothing, and loaded elsewhere":               {known{lease: taken}, domain.StepWait},
		"nothing":                                     {known{}, domain.StepLoad},
	} {
		w := newWorld(t, func(o *app.Options) { o.StaleWhile = 10 * time.Second })
		x := w.explain(c.known)
		require.Equal(t, c.want, x.Next, says)
		require.Equal(t, c.l1, x.L1.Copy)
		require.Equal(t, c.l2, x.L2.Copy)
		require.Equal(t, c.l2Err, x.L2.Err)
		require.Equal(t, c.lease, x.Lease)
	}
}

func TestTheLoadInFlightIsJoinedWhateverL2HasByNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never), mustKey(t, "k")
		var all sync.WaitGroup
		all.Go(func() { f.get(t, 0, key) })
		time.Sleep(loadTime / 2)
		require.NoError(t, f.l2.Put(context.Background(), key, held("new", 0).Entry)) // and no word of it yet
		x := f.services[0].Explain(context.Background(), key)
		require.True(t, x.L2.Fresh())
		require.Equal(t, domain.StepJoin, x.Next)
		all.Wait()
		require.Equal(t, domain.CallState{}, f.services[0].Explain(context.Background(), key).Call)
	})
}

func TestTheChanceOfARefreshIsThatOfTheCopyThatTheNextHitReads(t *testing.T) {
	copyOf := func(loadTime, left time.Duration) domain.Copy {
		return domain.Copy{Entry: domain.NewEntry(domain.Value{Body: "v"}, 30*time.Second, loadTime), Remaining: left}
	}
	near, far := copyOf(2*time.Second, 2*time.Second), copyOf(2*time.Second, 4*time.Second)
	unverified := near
	unverified.Unverified = true
	missing := domain.Copy{Entry: domain.NewMissing(5*time.Second, 2*time.Second), Remaining: time.Second}
	for says, c := range map[string]struct {
		known
		want float64
	}{
		"in L1":                                {known{l1: near, l2: far}, math.Exp(-1)},
		"in L2 alone":                          {known{l2: far}, math.Exp(-2)},
		"in L1, unverified":                    {known{l1: unverified, l2: far}, math.Exp(-2)},
		"stale in L1":                          {known{l1: copyOf(time.Second, -1), l2: far}, math.Exp(-2)},
		"stale in both":                        {known{l1: copyOf(time.Second, -1), l2: copyOf(time.Second, -1)}, 0},
		"no such key":                          {known{l1: missing}, 0},
		"nothing":                              {known{}, 0},
		"what was not loaded":                  {known{l1: copyOf(0, 1)}, 0},
		"unverified, and not in L2":            {known{l1: unverified}, 0},
		"in L1 while invalidations are missed": {known{l1: near, l2: far, cut: true}, math.Exp(-2)},
	} {
		require.InDelta(t, c.want, newWorld(t).explain(c.known).RefreshChance, 1e-9, says)
	}
}

func TestAFailureThatOnlyThisInstanceKnowsOfIsToldToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never)
		down := errors.New("refused")
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, down).Once()
		w.locker.EXPECT().Acquire(mock.Anything, w.key).Return(ports.Lease{}, down).Once()
		w.sourceAnswers(domain.Value{}, errors.New("ORA-03113"))
		_, err := w.get()
		require.ErrorIs(t, err, domain.ErrSourceFailed)

		time.Sleep(300 * time.Millisecond)
		x := w.explain(known{l2Err: down, lease: domain.LeaseState{Err: down}})
		require.Equal(t, domain.StepFail, x.Next)
		require.ErrorIs(t, x.Failure, domain.ErrSourceFailed)
		require.Equal(t, 700*time.Millisecond, x.FailureRemaining)

		x = w.explain(known{lease: domain.LeaseState{Failure: domain.ErrTimeout, FailureRemaining: 800 * time.Millisecond}})
		require.ErrorIs(t, x.Failure, domain.ErrTimeout, "the one that lasts longer counts")
		require.Equal(t, 800*time.Millisecond, x.FailureRemaining)
	})
}

func TestAnUndecodableEntryDoesNotMakeAnUnverifiedCopyAnAnswer(t *testing.T) {
	w := newWorld(t, never)
	c := held("v", time.Second)
	c.Unverified = true
	require.Equal(t, domain.StepLoad, w.explain(known{l1: c, l2Err: domain.ErrUndecodable}).Next)
}

func TestACallFromBeforeAGapIsNotToBeJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never), mustKey(t, "k")
		var all sync.WaitGroup
		all.Go(func() { f.get(t, 0, key) })
		time.Sleep(loadTime / 2)
		require.NoError(t, f.l2.Put(context.Background(), key, held("new", 0).Entry))
		f.bus(0).reconnect()
		require.Equal(t, domain.StepL2Hit, f.services[0].Explain(context.Background(), key).Next)
		require.Equal(t, domain.L2Hit, f.get(t, 0, key).Outcome)
		all.Wait()
	})
}

func TestWhatIsStaleInL2AnswersForAFailureAlsoWhileInvalidationsAreMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 2, failsFrom(2), never, func(o *app.Options) { o.L2Stale = time.Hour }), mustKey(t, "k")
		f.get(t, 0, key)
		time.Sleep(40 * time.Second)
		f.bus(1).connected.Store(false)
		require.Equal(t, domain.Stale, f.get(t, 1, key).Outcome)
		require.Equal(t, domain.StepStale, f.services[1].Explain(context.Background(), key).Next)
	})
}

func TestAFailureThatOnlyThisInstanceKnowsCountsWhileTheLockerIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never)
		down := errors.New("down")
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, down).Once()
		w.locker.EXPECT().Acquire(mock.Anything, w.key).Return(ports.Lease{}, down).Once()
		w.sourceAnswers(domain.Value{}, errors.New("ORA"))
		_, err := w.get()
		require.ErrorIs(t, err, domain.ErrSourceFailed)
		require.Equal(t, domain.StepLoad, w.explain(known{}).Next, "the locker knows of no failure")
		require.Equal(t, domain.StepFail, w.explain(known{lease: domain.LeaseState{Err: down}}).Next)
	})
}
