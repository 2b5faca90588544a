package app_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestARequestWithAStaleCopyWaitsNoLongerThanTheSoftTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never, func(o *app.Options) { o.SoftTimeout = loadTime / 4 }), mustKey(t, "k")
		s := f.services[0]
		ask := func(d domain.Constraints) (domain.Answer, time.Duration, error) {
			began := time.Now()
			got, err := s.GetWith(t.Context(), key, d)
			return got, time.Since(began), err
		}
		_, took, err := ask(domain.Constraints{})
		require.NoError(t, err)
		require.Equal(t, loadTime, took, "there is nothing else to answer with")
		time.Sleep(31 * time.Second)

		got, took, err := ask(domain.Constraints{})
		require.NoError(t, err)
		require.Equal(t, domain.Stale, got.Outcome)
		require.Equal(t, loadTime/4, took)
		_, took, err = ask(domain.Constraints{StaleIfError: -1})
		require.NoError(t, err)
		require.Equal(t, loadTime*3/4, took, "it takes no stale copy, and shares the load that goes on")
		require.EqualValues(t, 2, f.source.calls.Load())
		require.EqualValues(t, 1, f.sum(domain.Stale))

		time.Sleep(31 * time.Second)
		_, took, err = ask(domain.Constraints{Wait: time.Millisecond})
		require.NoError(t, err)
		require.Equal(t, time.Millisecond, took, "what the request says counts when that is less")
		f.settle(t)
	})
}

func TestL2ConfirmsWhatL1HasHadForTheL1TTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never, func(o *app.Options) { o.L1TTL = 10 * time.Second }), mustKey(t, "k")
		f.get(t, 0, key)
		for _, after := range []struct {
			sleep time.Duration
			want  domain.Outcome
			left  time.Duration
		}{
			{9 * time.Second, domain.L1Hit, 21 * time.Second},
			{time.Second, domain.L2Hit, 20 * time.Second},
			{9 * time.Second, domain.L1Hit, 11 * time.Second},
			{time.Second, domain.L2Hit, 10 * time.Second},
			{9 * time.Second, domain.L1Hit, time.Second},
			{time.Second, domain.Loaded, 30 * time.Second},
		} {
			time.Sleep(after.sleep)
			got := f.get(t, 0, key)
			require.Equal(t, after.want, got.Outcome)
			require.Equal(t, after.left, got.Remaining.Round(10*time.Millisecond))
			require.Equal(t, 30*time.Second-after.left, got.Age().Round(10*time.Millisecond))
		}
	})
}

func TestAMissedInvalidationLastsNoLongerThanTheL1TTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never, func(o *app.Options) { o.L1TTL = 10 * time.Second }), mustKey(t, "k")
		f.get(t, 0, key)
		require.NoError(t, f.l2.Invalidate(context.Background(), key, domain.Invalidation{})) // and no word of it
		time.Sleep(10 * time.Second)
		require.Equal(t, "value of call 2", f.get(t, 0, key).Entry.Body())
	})
}

func TestWithoutL2ACopyIsGoodForItsWholeTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never, func(o *app.Options) { o.L1TTL = 10 * time.Second }), mustKey(t, "k")
		f.get(t, 0, key)
		f.bus(0).reachable.Store(false)
		time.Sleep(29 * time.Second)
		got := f.get(t, 0, key)
		require.Equal(t, domain.L1Hit, got.Outcome)
		require.Equal(t, time.Second, got.Remaining.Round(10*time.Millisecond))
	})
}
