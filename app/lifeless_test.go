package app_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

var mockAny = mock.Anything

// After a result without TTL no layer has an older copy, which would be served as
// stale when the source fails.
func TestAResultWithoutTTLLeavesNoOldCopy(t *testing.T) {
	for name, replace := range map[string]func(f *fleet, key domain.Key) error{
		"a key that is gone": func(f *fleet, key domain.Key) error {
			_, err := f.with(0, key, domain.Constraints{NoCache: true})
			return err
		},
		"a PUT with max-age=0": func(f *fleet, key domain.Key) error {
			return f.services[0].Put(context.Background(), key, domain.Value{Body: "put"}, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, 1, func(_ context.Context, call int64) (domain.Value, error) {
					switch {
					case call == 1:
						return domain.Value{Body: "old"}, nil
					case call == 2 && name == "a key that is gone":
						return domain.Value{}, domain.ErrNotFound
					}
					return domain.Value{}, errors.New("down")
				}, never, func(o *app.Options) { o.NegativeTTL, o.L2Stale = 0, time.Hour })
				key := mustKey(t, "k")
				f.get(t, 0, key)
				require.NoError(t, replace(f, key))
				got, err := f.with(0, key, domain.Constraints{})
				require.ErrorIs(t, err, domain.ErrSourceFailed, fmt.Sprint(got.Entry))
			})
		})
	}
}

// The one that waited is told of the result, perhaps before the invalidation comes.
func TestAResultWithoutTTLLeavesNoOldCopyWhereItWasAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, func(ctx context.Context, call int64) (domain.Value, error) {
			switch call {
			case 1:
				return domain.Value{Body: "old"}, nil
			case 2:
				time.Sleep(loadTime)
				return domain.Value{}, domain.ErrNotFound
			}
			return domain.Value{}, errors.New("down")
		}, never, func(o *app.Options) { o.NegativeTTL = 0 })
		key := mustKey(t, "k")
		f.get(t, 0, key)
		f.get(t, 1, key)
		time.Sleep(40 * time.Second) // now it is stale
		var all sync.WaitGroup
		for i := range 2 {
			all.Go(func() {
				got, err := f.with(i, key, domain.Constraints{})
				assert.NoError(t, err)
				assert.True(t, got.Entry != nil && got.Entry.Missing())
			})
		}
		all.Wait()
		require.EqualValues(t, 2, f.source.calls.Load())
		for i := range 2 {
			got, err := f.with(i, key, domain.Constraints{})
			require.ErrorIs(t, err, domain.ErrSourceFailed, fmt.Sprint(got.Entry))
			time.Sleep(time.Minute) // the cool-down
		}
	})
}

func TestAResultWithoutTTLIsDeletedAlsoWhenTheLockerCannotBeUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never, func(o *app.Options) { o.NegativeTTL = 0 })
		w.l1.EXPECT().Get(w.key).Return(held("old", -time.Second), true)
		w.l2.EXPECT().Get(mockAny, w.key).Return(domain.Copy{}, false, nil)
		w.locker.EXPECT().Acquire(mockAny, w.key).RunAndReturn(refusing)
		w.sourceAnswers(domain.Value{}, domain.ErrNotFound)
		w.l2.EXPECT().Invalidate(mockAny, w.key, mockAny).Return(nil).Once()
		w.l1.EXPECT().Delete(w.key).Return().Once()
		got, err := w.get()
		require.NoError(t, err)
		require.True(t, got.Entry.Missing())
	})
}
