package app_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var errForbidden = &domain.SourceError{Status: 403, Err: domain.ErrWithdrawn}

func TestNoStaleCopyAnswersForAValueThatTheSourceWithdraws(t *testing.T) {
	for name, where := range map[string]struct{ l1, l2 domain.Copy }{
		"in L1": {l1: held("old", -time.Second)},
		"in L2": {l2: held("old", -time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.l1.EXPECT().Get(w.key).Return(where.l1, where.l1.Entry != nil)
				w.l2.EXPECT().Get(mock.Anything, w.key).Return(where.l2, where.l2.Entry != nil, nil)
				w.leaseIsFree()
				w.leaseIsRenewed()
				w.sourceAnswers(domain.Value{}, errForbidden)
				w.leaseEndsWith(domain.ErrWithdrawn)
				w.l1.EXPECT().Delete(w.key).Once()

				got, err := w.get()

				require.ErrorIs(t, err, domain.ErrWithdrawn)
				require.Equal(t, 403, domain.SourceStatus(err))
				require.Nil(t, got.Entry)
				require.Equal(t, 1, w.events(ports.SourceFailed))
			})
		})
	}
}

func TestAWithdrawalElsewhereDropsTheCopyHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.l1.EXPECT().Get(w.key).Return(held("old", -time.Second), true)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil)
		w.locker.EXPECT().Acquire(mock.Anything, w.key).Return(ports.Lease{}, fmt.Errorf("cooling down: %w", domain.ErrWithdrawn)).Once()
		w.l1.EXPECT().Delete(w.key).Once()

		_, err := w.get()

		require.ErrorIs(t, err, domain.ErrWithdrawn)
		require.Zero(t, w.events(ports.SourceCalled))
	})
}

func TestAWithdrawalThatARefreshMeetsDropsTheCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *app.Options) { o.StaleWhile = time.Minute })
		w.l1.EXPECT().Get(w.key).Return(held("old", -time.Second), true)
		w.locker.EXPECT().Acquire(mock.Anything, w.key).Return(ports.Lease{}, domain.ErrWithdrawn).Once()
		w.l1.EXPECT().Delete(w.key).Once()

		got, err := w.get()

		require.NoError(t, err)
		require.Equal(t, domain.Stale, got.Outcome)
		synctest.Wait()
	})
}

func TestAWithdrawalWithoutALeaseIsADelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.l1.EXPECT().Get(w.key).Return(held("old", -time.Second), true)
		w.l2.EXPECT().Get(mock.Anything, w.key).Return(domain.Copy{}, false, nil)
		w.locker.EXPECT().Acquire(mock.Anything, w.key).Return(ports.Lease{}, errors.New("redis is busy"))
		w.sourceAnswers(domain.Value{}, errForbidden)
		w.l2.EXPECT().Invalidate(mock.Anything, w.key, mock.Anything).Return(nil).Once()
		w.l1.EXPECT().Delete(w.key).Return()

		for range 2 { // the second during the cool-down
			_, err := w.get()
			require.ErrorIs(t, err, domain.ErrWithdrawn)
		}
		require.Equal(t, 1, w.events(ports.SourceCalled))
	})
}

func TestTheStatusOfTheSourceComesWithTheAnswer(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 200},
		{domain.ErrNotFound, 404},
		{&domain.SourceError{Status: 410, Err: domain.ErrNotFound}, 410},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.nothingHeld()
			w.leaseIsFree()
			w.leaseIsRenewed()
			w.sourceAnswers(domain.Value{}, c.err)
			w.l2.EXPECT().Fill(mock.Anything, w.key, mock.Anything, lease).Return(nil).Once()
			w.l1.EXPECT().Set(w.key, mock.Anything, epoch).Return(true).Once()

			got, err := w.get()

			require.NoError(t, err)
			require.Equal(t, c.want, got.SourceStatus)
		})
	}
}

func TestAKeyThatTheSourceRefusesIsNoFailureOfTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.nothingHeld()
		w.leaseIsFree()
		w.leaseIsRenewed()
		w.sourceAnswers(domain.Value{}, fmt.Errorf("%w: dots", domain.ErrInvalidKey))
		w.locker.EXPECT().Release(mock.Anything, w.key, lease, ports.Ending{}).Return(nil).Once()

		_, err := w.get()

		require.ErrorIs(t, err, domain.ErrInvalidKey)
		require.Zero(t, w.events(ports.SourceFailed))
	})
}

func TestASourceThatAsksForItIsLeftAloneAlsoWithoutL2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.nothingHeld()
		w.locker.EXPECT().Acquire(mock.Anything, w.key).Return(ports.Lease{}, errors.New("redis is down"))
		w.sourceAnswers(domain.Value{}, &domain.SourceError{Status: 503, RetryAfter: 30 * time.Second, Err: domain.ErrSourceFailed})
		for range 29 {
			_, err := w.get()
			require.ErrorIs(t, err, domain.ErrSourceFailed)
			time.Sleep(time.Second)
		}
		require.Equal(t, 1, w.events(ports.SourceCalled))
	})
}
