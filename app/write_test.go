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
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func TestADeleteGoesFromFarToNear(t *testing.T) {
	w := newWorld(t)
	far := w.l2.EXPECT().Invalidate(mock.Anything, w.key, mock.Anything).Return(nil).Once()
	w.l1.EXPECT().Delete(w.key).Return().Once().NotBefore(far)
	require.NoError(t, w.svc.Delete(w.ctx, w.key))
}

func TestAPutGoesFromFarToNear(t *testing.T) {
	w := newWorld(t)
	isNew := mock.MatchedBy(func(e *domain.Entry) bool { return e.Body() == "new" && e.TTL() == 30*time.Second })
	far := w.l2.EXPECT().Put(mock.Anything, w.key, isNew).Return(nil).Once()
	drop := w.l1.EXPECT().Delete(w.key).Return().Once().NotBefore(far)
	w.l1.EXPECT().Set(w.key, mock.Anything, epoch.Next()).Return(true).Once().NotBefore(drop)
	require.NoError(t, w.svc.Put(w.ctx, w.key, domain.Value{Body: "new"}, -1))
}

func TestAWriteIsDoneAlthoughItsCallerHasLeft(t *testing.T) {
	w := newWorld(t)
	gone, leave := context.WithCancel(w.ctx)
	leave()
	w.l2.EXPECT().Invalidate(mock.Anything, w.key, mock.Anything).RunAndReturn(func(ctx context.Context, _ domain.Key, _ domain.Invalidation) error { return ctx.Err() }).Once()
	w.l1.EXPECT().Delete(w.key).Return().Once()
	require.NoError(t, w.svc.Delete(gone, w.key))
}

func TestAWriteThatL2DidNotAnswerIsAnErrorAndThisInstanceForgetsItsCopy(t *testing.T) {
	w := newWorld(t)
	w.l2.EXPECT().Put(mock.Anything, w.key, mock.Anything).Return(errors.New("i/o timeout")).Once()
	w.l1.EXPECT().Delete(w.key).Return().Once() // a Set would be an unexpected call
	require.ErrorIs(t, w.svc.Put(w.ctx, w.key, domain.Value{Body: "new"}, -1), domain.ErrL2Unavailable)
	require.Equal(t, 1, w.events(ports.L2Failed))
}

func TestAValueThatIsTooLargeIsNotPut(t *testing.T) {
	w := newWorld(t, func(o *app.Options) { o.MaxValueBytes = 8 })
	require.ErrorIs(t, w.svc.Put(w.ctx, w.key, domain.Value{Body: "123456789"}, -1), domain.ErrTooLarge)
}

func TestAPutIsWhatEveryInstanceReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 2, slow), mustKey(t, "k")
		require.NoError(t, f.services[0].Put(context.Background(), key, domain.Value{Body: "put"}, -1))
		for i, want := range []domain.Outcome{domain.L1Hit, domain.L2Hit} {
			got, err := f.services[i].Get(context.Background(), key)
			require.NoError(t, err)
			require.Equal(t, "put", got.Entry.Body())
			require.Equal(t, want, got.Outcome)
		}
		require.Zero(t, f.source.calls.Load())
	})
}

// Who waited before gets what was asked for then; who comes after does not.
func TestALoadThatBeganBeforeADeleteAnswersOnlyRequestsThatWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow), mustKey(t, "k")
		s := f.services[0]
		var all sync.WaitGroup
		all.Go(func() {
			got, err := s.Get(context.Background(), key)
			if assert.NoError(t, err) {
				assert.Equal(t, "value of call 1", got.Entry.Body())
				assert.False(t, got.Stored)
			}
		})
		time.Sleep(loadTime / 2)
		require.NoError(t, s.Delete(context.Background(), key))
		began := time.Now()
		got, err := s.Get(context.Background(), key)
		require.NoError(t, err)
		require.Equal(t, "value of call 2", got.Entry.Body())
		require.Equal(t, loadTime, time.Since(began), "the lease was free at once")
		all.Wait()
		for range 2 {
			got, err = s.Get(context.Background(), key)
			require.NoError(t, err)
			require.Equal(t, "value of call 2", got.Entry.Body())
		}
		require.EqualValues(t, 2, f.source.calls.Load())
	})
}

func TestAnInvalidationVoidsTheCopyAndTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow), mustKey(t, "k")
		b, s := f.bus(0), f.services[0]
		_, err := s.Get(context.Background(), key)
		require.NoError(t, err)
		require.NoError(t, f.l2.Invalidate(context.Background(), key, domain.Invalidation{})) // by another instance
		b.Invalidate(key)
		var all sync.WaitGroup
		all.Go(func() { _, _ = s.Get(context.Background(), key) })
		time.Sleep(loadTime / 2)
		require.NoError(t, f.l2.Put(context.Background(), key, held("elsewhere", 0).Entry))
		b.Invalidate(key)
		got, err := s.Get(context.Background(), key)
		require.NoError(t, err)
		require.Equal(t, "elsewhere", got.Entry.Body())
		all.Wait()
		got, err = s.Get(context.Background(), key)
		require.NoError(t, err)
		require.Equal(t, "elsewhere", got.Entry.Body(), "what the voided load brought is in no layer")
	})
}

func TestADeleteEndsACooldown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, func(ctx context.Context, call int64) (domain.Value, error) {
			if call == 1 {
				return domain.Value{}, errors.New("down")
			}
			return slow(ctx, call)
		}), mustKey(t, "k")
		_, err := f.services[0].Get(context.Background(), key)
		require.ErrorIs(t, err, domain.ErrSourceFailed)
		require.NoError(t, f.services[0].Delete(context.Background(), key))
		got, err := f.services[0].Get(context.Background(), key)
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(got.Entry.Body(), "2"))
	})
}
