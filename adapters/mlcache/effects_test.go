package mlcache_test

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
)

// name is that of product 7.
func name(t *testing.T, c *mlcache.Cache[product]) string {
	t.Helper()
	p, err := c.Get(t.Context(), "7")
	require.NoError(t, err)
	return p.Name
}

// inBubble runs f with a fake cache in a bubble.
func inBubble(t *testing.T, f func(t *testing.T, s *shop, c *mlcache.Cache[product]), options ...mlcache.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := new(shop)
		f(t, s, mlcache.Fake(t, s.load, options...))
	})
}

func TestNegativeTTLIsThatOfAbsence(t *testing.T) {
	inBubble(t, func(t *testing.T, s *shop, c *mlcache.Cache[product]) {
		for range 3 {
			_, err := c.Get(t.Context(), "none")
			require.ErrorIs(t, err, mlcache.ErrNotFound)
			time.Sleep(10 * time.Second)
		}
		require.EqualValues(t, 2, s.calls.Load())
	}, mlcache.NegativeTTL(15*time.Second), mlcache.TTL(time.Second))
}

func TestTTLJitterSubtracts(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *shop, c *mlcache.Cache[product]) {
		distinct := make(map[time.Duration]bool)
		for _, key := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
			_, err := c.Get(t.Context(), key)
			require.NoError(t, err)
			x, err := c.Explain(t.Context(), key)
			require.NoError(t, err)
			require.Greater(t, x.L1.TTL, 30*time.Minute-2*time.Millisecond)
			require.LessOrEqual(t, x.L1.TTL, time.Hour)
			distinct[x.L1.TTL] = true
		}
		require.Greater(t, len(distinct), 1)
	}, mlcache.TTL(time.Hour), mlcache.TTLJitter(0.5))
}

func TestMemoryBoundsL1(t *testing.T) {
	for options, want := range map[[2]int64]int{{0, 0}: 0, {2, 1 << 20}: 2, {100, 1 << 20}: 3, {100, 500}: 2} {
		inBubble(t, func(t *testing.T, s *shop, c *mlcache.Cache[product]) {
			for _, key := range []string{"1", "2", "3"} {
				_, err := c.Get(t.Context(), key)
				require.NoError(t, err)
			}
			require.Equal(t, want, c.Stats().Entries, "%v", options)
			_, err := c.Get(t.Context(), "1")
			require.NoError(t, err)
			require.EqualValues(t, 3, s.calls.Load(), "L2 has what L1 has not")
		}, mlcache.Memory(int(options[0]), options[1]))
	}
}

func TestStaleIfErrorAnswersForAFailedLoad(t *testing.T) {
	inBubble(t, func(t *testing.T, s *shop, c *mlcache.Cache[product]) {
		require.Equal(t, "7.1", name(t, c))
		s.fail(errors.New("down"))
		time.Sleep(time.Second + 9*time.Minute)
		require.Equal(t, "7.1", name(t, c))
		time.Sleep(time.Minute)
		_, err := c.Get(t.Context(), "7")
		require.ErrorIs(t, err, mlcache.ErrSourceFailed)
	}, mlcache.TTL(time.Second), mlcache.StaleIfError(10*time.Minute))
}

func TestStaleWhileRevalidateAnswersAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, s *shop, c *mlcache.Cache[product]) {
		require.Equal(t, "7.1", name(t, c))
		time.Sleep(30 * time.Second)
		s.slow(time.Second)
		began := time.Now()
		require.Equal(t, "7.1", name(t, c))
		require.Zero(t, time.Since(began))
		time.Sleep(2 * time.Second)
		require.Equal(t, "7.2", name(t, c))
	}, mlcache.TTL(10*time.Second), mlcache.StaleWhileRevalidate(time.Minute))
}

func TestSoftTimeoutAnswersWithAnExpiredValue(t *testing.T) {
	inBubble(t, func(t *testing.T, s *shop, c *mlcache.Cache[product]) {
		require.Equal(t, "7.1", name(t, c))
		time.Sleep(30 * time.Second)
		s.slow(4 * time.Second)
		began := time.Now()
		require.Equal(t, "7.1", name(t, c))
		require.Equal(t, time.Second, time.Since(began))
	}, mlcache.TTL(10*time.Second), mlcache.SoftTimeout(time.Second))
}

func TestL1TTLHasL2Confirm(t *testing.T) {
	inBubble(t, func(t *testing.T, s *shop, c *mlcache.Cache[product]) {
		require.Equal(t, "7.1", name(t, c))
		time.Sleep(10 * time.Second)
		require.Equal(t, "7.1", name(t, c))
		require.EqualValues(t, 1, counted(t, c.Metrics())["l2_hits"])
		require.EqualValues(t, 1, s.calls.Load())
	}, mlcache.TTL(time.Minute), mlcache.L1TTL(5*time.Second))
}

func TestRefreshAheadReloadsBeforeAValueExpires(t *testing.T) {
	inBubble(t, func(t *testing.T, s *shop, c *mlcache.Cache[product]) {
		s.slow(4 * time.Second)
		require.Equal(t, "7.1", name(t, c))
		time.Sleep(time.Second) // with a β like that it is due at once
		require.Equal(t, "7.1", name(t, c))
		time.Sleep(5 * time.Second)
		require.Equal(t, "7.2", name(t, c))
	}, mlcache.TTL(time.Minute), mlcache.RefreshAhead(1e6))
}

func TestFailureCooldownKeepsAKeyFromBeingLoaded(t *testing.T) {
	inBubble(t, func(t *testing.T, s *shop, c *mlcache.Cache[product]) {
		s.fail(errors.New("down"))
		for range 2 {
			_, err := c.Get(t.Context(), "7")
			require.ErrorIs(t, err, mlcache.ErrSourceFailed)
			time.Sleep(29 * time.Second)
		}
		require.EqualValues(t, 1, s.calls.Load())
		s.fail(nil)
		time.Sleep(time.Second)
		require.Equal(t, "7.2", name(t, c))
	}, mlcache.FailureCooldown(30*time.Second))
}

func TestALoggerIsToldOfFailures(t *testing.T) {
	var log bytes.Buffer
	for _, logger := range []mlcache.Option{mlcache.Logger(slog.New(slog.NewTextHandler(&log, nil))), mlcache.Logger(nil)} {
		s := new(shop)
		s.fail(errors.New("down"))
		c, err := mlcache.New("products", s.load, logger)
		_, err = closed(t, c, err).Get(t.Context(), "7")
		require.ErrorIs(t, err, mlcache.ErrSourceFailed)
		if log.Len() > 0 {
			require.Contains(t, log.String(), "load failed")
			require.Contains(t, log.String(), "cache=products")
			log.Reset()
			continue
		}
		return
	}
	t.Fatal("nothing was logged")
}

func TestADirectoryKeepsValuesOverARestart(t *testing.T) {
	s, dir := new(shop), mlcache.Dir(t.TempDir())
	for range 2 {
		c, err := mlcache.New("products", s.load, dir)
		require.NoError(t, err)
		require.Equal(t, "7.1", name(t, c))
		require.NoError(t, c.Close(t.Context()))
	}
}
