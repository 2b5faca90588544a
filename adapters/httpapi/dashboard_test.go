package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/monitor"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// listen is answered with events until ctx ends, or the API ends them.
func listen(ctx context.Context, api http.Handler) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/dashboard/events", http.NoBody))
	return w
}

func TestTheLivePageGetsAnEventEachSecondUntilItLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer leave()
		began := time.Now()
		w := listen(ctx, (&parts{}).api())
		require.Equal(t, 2500*time.Millisecond, time.Since(began))
		require.Equal(t, 3, strings.Count(w.Body.String(), "event:live\n"), "one at once")
		require.True(t, w.Flushed)
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		require.Equal(t, "no", w.Header().Get("X-Accel-Buffering"))
	})
}

func TestEventsSayWhenTheyWereSoAndOfWhichInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer leave()
		began := float64(time.Now().Unix())
		var events []monitor.Live
		for line := range strings.Lines(listen(ctx, (&parts{}).api()).Body.String()) {
			if data, is := strings.CutPrefix(line, "data:"); is {
				var e monitor.Live
				require.NoError(t, json.Unmarshal([]byte(data), &e))
				events = append(events, e)
			}
		}
		require.Len(t, events, 3)
		for i, e := range events {
			require.Equal(t, began+float64(i), e.At)
			require.Equal(t, events[0].Instance, e.Instance)
		}
		ctx, leave = context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		_, other, _ := strings.Cut(listen(ctx, (&parts{}).api()).Body.String(), "data:")
		require.NotContains(t, other, events[0].Instance, "a restart is another instance")
	})
}

func TestOnlySoManyPagesListenAtOnceAndOneThatLeavesMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := (&parts{}).api()
		ctx, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() { listen(ctx, api) })
		}
		synctest.Wait()
		w := listen(t.Context(), api)
		requireProblem(t, w, 503, "overloaded")
		require.Equal(t, "1", w.Header().Get("Retry-After"))
		leave()
		all.Wait()
		for range 65 { // one after the other
			ctx, leave := context.WithTimeout(t.Context(), time.Millisecond)
			require.Equal(t, 200, listen(ctx, api).Code)
			leave()
		}
	})
}

func TestTheLivePageIsToldTheStateAndHowLongGetsOfDataTook(t *testing.T) {
	took := func(route string, status, at int, n uint64) ports.RouteDurations {
		d := ports.RouteDurations{Route: route, Status: status}
		d.Counts[at] = n
		return d
	}
	last := len(ports.Bounds)
	p := &parts{health: "embedded", took: []ports.RouteDurations{
		took("/data/*key", 200, 0, 3), took("/data/*key", 404, 0, 4), took("/data/*key", 200, last, 5), took("/explain/*key", 200, 0, 100),
	}}
	api := p.api()
	api.SetReady(true)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	_, data, _ := strings.Cut(listen(ctx, api).Body.String(), "data:")
	var got monitor.Live
	require.NoError(t, json.Unmarshal([]byte(data), &got))
	require.Equal(t, monitor.State{L2: "embedded", Breaker: "closed", Ready: true, Source: "oracle", Version: "v9"}, got.State)
	require.Len(t, got.Latency.Bounds, last)
	for i, bound := range ports.Bounds {
		require.InDelta(t, bound.Seconds(), got.Latency.Bounds[i], 1e-12)
	}
	want := make([]uint64, last+1)
	want[0], want[last] = 7, 5
	require.Equal(t, want, got.Latency.Counts)
}

func TestTheFilesOfTheLivePageAreRevalidated(t *testing.T) {
	api := (&parts{}).api()
	for target, mediaType := range map[string]string{
		"/dashboard/dashboard.js": "text/javascript; charset=utf-8", "/dashboard/dashboard.css": "text/css; charset=utf-8",
	} {
		w := do(t, api, "GET", target)
		require.Equal(t, 200, w.Code)
		require.Equal(t, mediaType, w.Header().Get("Content-Type"))
		require.Equal(t, "no-cache", w.Header().Get("Cache-Control"))
		require.NotEmpty(t, w.Body.String())
	}
}
