package layers_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/layers"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports/portstest"
)

func TestMain(m *testing.M) { portstest.Main(m) }

func openEmbedded(t *testing.T) *layers.Shared {
	s, err := layers.OpenEmbedded(embedded.Options{LockTTL: time.Second, MaxBytes: layers.EmbeddedBytes, MaxValueBytes: 1 << 20})
	require.NoError(t, err)
	return s
}

func openRedis(t *testing.T, lockTTL time.Duration) *layers.Shared {
	s, err := layers.OpenRedis(redis.Options{
		URL: redistest.Start(t).URL(), Prefix: "mlc:", Timeout: time.Second, Logger: slog.New(slog.DiscardHandler),
	}, lockTTL)
	require.NoError(t, err)
	return s
}

func TestALayerHasOneCacheOfEachName(t *testing.T) {
	for want, s := range map[string]*layers.Shared{"embedded": openEmbedded(t), "ok": openRedis(t, time.Second)} {
		require.Equal(t, want, s.Health(t.Context()))
		for _, name := range []string{"", "a"} {
			_, leave, err := s.In(name)
			require.NoError(t, err)
			_, _, err = s.In(name)
			require.ErrorContains(t, err, "there is a cache with the name")
			leave()
			_, leaveAgain, err := s.In(name)
			require.NoError(t, err)
			leave()
			_, _, err = s.In(name)
			require.Error(t, err, "leaving twice leaves nobody else's place")
			leaveAgain()
		}
		require.NoError(t, s.Close())
		require.NoError(t, s.Close())
		_, _, err := s.In("a")
		require.ErrorIs(t, err, domain.ErrClosed)
	}
}

func TestANameThatIsRefusedIsNotTaken(t *testing.T) {
	s := openRedis(t, time.Second)
	for range 2 {
		_, _, err := s.In("a{b")
		require.ErrorContains(t, err, "brace")
	}
	require.NoError(t, s.Close())
	s = openRedis(t, 0)
	for range 2 {
		_, _, err := s.In("a")
		require.ErrorContains(t, err, "lock TTL", "the subscription of its namespace has ended, too")
	}
	require.NoError(t, s.Close())
}

func TestWrongOptionsOpenNothing(t *testing.T) {
	_, err := layers.OpenRedis(redis.Options{URL: "http://localhost"}, time.Second)
	require.Error(t, err)
	_, err = layers.OpenEmbedded(embedded.Options{})
	require.Error(t, err)
}
