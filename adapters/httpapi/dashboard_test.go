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
		began := float64(time.Now().Unix())
		events := eventsOf(t, (&parts{}).api(), 2500*time.Millisecond)
		require.Len(t, events, 3)
		for i, e := range events {
			require.Equal(t, began+float64(i), e.At)
			require.Equal(t, events[0].Instance, e.Instance)
		}
		require.NotEqual(t, events[0].Instance, eventsOf(t, (&parts{}).api(), time.Nanosecond)[0].Instance, "a restart is another instance")
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

func TestTheLivePageIsToldTheState(t *testing.T) {
	api := (&parts{health: "embedded"}).api()
	api.SetReady(true)
	got := eventsOf(t, api, time.Nanosecond)[0]
	require.Equal(t, monitor.State{L2: "embedded", Breaker: "closed", Ready: true, Source: "oracle", Version: "v9"}, got.State)
}

func TestTheLivePageIsToldHowLongGetsOfDataTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &parts{}
		api := p.api()
		time.AfterFunc(1500*time.Millisecond, func() {
			for range 10 {
				p.Took("/data/*key", 200, 0) // all up to 10 µs
			}
			p.Took("/explain/*key", 200, time.Hour)
		})
		events := eventsOf(t, api, 3500*time.Millisecond)
		require.Len(t, events, 4)
		require.Nil(t, events[1].Recent.P99, "no answers yet")
		require.InDelta(t, 9.9e-6, *events[2].Recent.P99, 1e-9)
		require.InDeltaSlice(t, []float64{5e-6, 9e-6, 9.9e-6}, events[2].Points[0].Latency, 1e-9)
	})
}

// eventsOf returns what a live page is told that is open for so long.
func eventsOf(t *testing.T, api http.Handler, open time.Duration) (events []monitor.Live) {
	t.Helper()
	ctx, leave := context.WithTimeout(t.Context(), open)
	defer leave()
	for line := range strings.Lines(listen(ctx, api).Body.String()) {
		if data, is := strings.CutPrefix(line, "data:"); is {
			var e monitor.Live
			require.NoError(t, json.Unmarshal([]byte(data), &e))
			events = append(events, e)
		}
	}
	return events
}

func TestTheFilesOfTheLivePageAreRevalidated(t *testing.T) {
	api := (&parts{}).api()
	for target, mediaType := range map[string]string{
		"/dashboard/charts.js": "text/javascript; charset=utf-8", "/dashboard/base.css": "text/css; charset=utf-8",
		"/dashboard/dashboard.js": "text/javascript; charset=utf-8", "/dashboard/dashboard.css": "text/css; charset=utf-8",
	} {
		w := do(t, api, "GET", target)
		require.Equal(t, 200, w.Code)
		require.Equal(t, mediaType, w.Header().Get("Content-Type"))
		require.Equal(t, "no-cache", w.Header().Get("Cache-Control"))
		require.NotEmpty(t, w.Body.String())
	}
}
