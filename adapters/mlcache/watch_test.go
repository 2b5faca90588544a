package mlcache_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
)

func TestStatsAreWhatWasCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, s *shop, c *mlcache.Cache[product]) {
		for range 3 {
			require.Equal(t, "7.1", name(t, c))
		}
		_, _ = c.Get(t.Context(), "none")
		s.fail(errors.New("down"))
		_, _ = c.Get(t.Context(), "8")
		got := c.Stats()
		require.Positive(t, got.Bytes)
		got.Bytes = 0
		require.Equal(t, mlcache.Stats{Hits: 2, Misses: 3, Loads: 3, Failed: 1, Entries: 2, L2: "embedded"}, got)
	})
}

func TestMetricsAreThoseOfTheServiceWithTheNameOfTheCache(t *testing.T) {
	c, err := mlcache.New("products", new(shop).load)
	closed(t, c, err)
	require.Equal(t, "7.1", name(t, c))
	require.Equal(t, "7.1", name(t, c))
	all := counted(t, c.Metrics())
	require.Equal(t, 2.0, all["requests"])
	require.Equal(t, 1.0, all["l1_hits"])
	require.Equal(t, 1.0, all["cache_misses"])
	require.Equal(t, 256.0, all["routes"].(map[string]any)["products"].(map[string]any)["source_places"])

	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.Header.Set("Accept", "text/plain")
	w := httptest.NewRecorder()
	c.Metrics().ServeHTTP(w, r)
	for _, want := range []string{
		`mlcache_requests_total{outcome="l1_hit",route="products"} 1`, `mlcache_source_calls_limit{route="products"} 256`, "mlcache_l1_entries 1", "go_goroutines",
	} {
		require.Contains(t, w.Body.String(), want)
	}
}

func TestTheHandlersStandInGinAndInNetHTTP(t *testing.T) {
	gin.SetMode(gin.TestMode)
	c := mlcache.Fake(t, new(shop).load)
	router := gin.New()
	router.GET("/metrics", gin.WrapH(c.Metrics()))
	router.GET("/live/*any", gin.WrapH(c.Dashboard()))
	mux := http.NewServeMux()
	mux.Handle("/metrics", c.Metrics())
	mux.Handle("/live/", c.Dashboard())
	for _, h := range []http.Handler{router, mux} {
		server := httptest.NewServer(h)
		for path, want := range map[string]string{
			"/metrics": `"requests":`, "/live": "<title>", "/live/": "<title>", "/live/dashboard.js": "EventSource", "/live/dashboard.css": ":root",
		} {
			require.Contains(t, body(t, server.URL+path), want, path)
		}
		server.Close()
	}
}

func body(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, 200, answer.StatusCode, url)
	return string(text)
}

func TestLivePagesEndWithTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := mlcache.Fake(t, new(shop).load)
		w, ended := httptest.NewRecorder(), make(chan struct{})
		go func() {
			defer close(ended)
			c.Dashboard().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/live/events", http.NoBody))
		}()
		time.Sleep(1500 * time.Millisecond)
		require.NoError(t, c.Close(context.Background()))
		<-ended
		require.Equal(t, 2, strings.Count(w.Body.String(), "event:live"))
		require.Contains(t, w.Body.String(), `"source":"fake"`)
	})
}

func TestExplainTellsWhatTheNextGetComesTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slowShop(2 * time.Second)
		c := mlcache.Fake(t, s.load, mlcache.TTL(time.Minute), mlcache.NegativeTTL(time.Minute), mlcache.StaleIfError(0))
		next := func(key string) mlcache.Explanation {
			x, err := c.Explain(t.Context(), key)
			require.NoError(t, err)
			return x
		}
		none := mlcache.Held{State: "none"}
		require.Equal(t, mlcache.Explanation{Next: "load", L1: none, L2: none}, next("7"))
		go func() { _, _ = c.Get(t.Context(), "7") }()
		time.Sleep(time.Second)
		require.Equal(t, mlcache.Explanation{Next: "join", L1: none, L2: none, Waiting: 1, Loading: true, Here: true}, next("7"))
		time.Sleep(2 * time.Second)
		require.Equal(t, "l1-hit", next("7").Next)
		_, _ = c.Get(t.Context(), "none")
		require.True(t, next("none").L1.Missing)
		s.fail(errors.New("down"))
		_, _ = c.Get(t.Context(), "8")
		x := next("8")
		require.Equal(t, "cools-down", x.Next)
		require.ErrorIs(t, x.Failure, mlcache.ErrSourceFailed)
		require.Equal(t, time.Second, x.RetryIn)
		_, err := c.Explain(t.Context(), "")
		require.ErrorIs(t, err, mlcache.ErrInvalidKey)
	})
}
