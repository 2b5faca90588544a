package mlcache_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
)

// pricing is what the test is about: it takes a cache, and does not care which.
type pricing struct{ rates *mlcache.Cache[float64] }

func (p pricing) inDollars(ctx context.Context, euros float64) (float64, error) {
	rate, err := p.rates.Get(ctx, "usd")
	return euros * rate, err
}

// A test of code that has a cache: an hour takes no time, and nothing is random.
func TestAPriceFollowsTheRateWithinAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rate := 1.0
		rates := mlcache.Fake(t, func(context.Context, string) (float64, error) { return rate, nil }, mlcache.TTL(time.Hour))
		p := pricing{rates}
		expect := func(want float64) {
			t.Helper()
			if got, err := p.inDollars(t.Context(), 10); got != want || err != nil {
				t.Errorf("%v, %v, want %v", got, err, want)
			}
		}
		expect(10)
		rate = 1.5
		expect(10)
		time.Sleep(time.Hour)
		expect(15)
	})
}
