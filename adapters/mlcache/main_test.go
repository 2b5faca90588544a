package mlcache_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
	"github.com/multi-layer-cache/multi-layer-cache/ports/portstest"
)

func TestMain(m *testing.M) { portstest.Main(m) }

type product struct {
	Name string `json:"name"`
}

// shop is a source of products that counts its calls.
type shop struct {
	calls atomic.Int64
	takes atomic.Int64
	fails atomic.Pointer[error]
}

func slowShop(d time.Duration) *shop {
	s := new(shop)
	s.slow(d)
	return s
}

func (s *shop) slow(d time.Duration) { s.takes.Store(int64(d)) }
func (s *shop) fail(err error)       { s.fails.Store(&err) }

func (s *shop) load(ctx context.Context, key string) (product, error) {
	n := s.calls.Add(1)
	if d := time.Duration(s.takes.Load()); d > 0 {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return product{}, ctx.Err()
		}
	}
	if err := s.fails.Load(); err != nil && *err != nil {
		return product{}, *err
	}
	if key == "none" {
		return product{}, mlcache.ErrNotFound
	}
	return product{Name: fmt.Sprintf("%s.%d", key, n)}, nil
}

// closed ends the test if the cache does not close.
func closed[V any](t *testing.T, c *mlcache.Cache[V], err error) *mlcache.Cache[V] {
	t.Helper()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	return c
}

// counted returns the counters that Metrics shows.
func counted(t *testing.T, h http.Handler) (n map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &n))
	return n
}
