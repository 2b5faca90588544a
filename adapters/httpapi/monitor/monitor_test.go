package monitor_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/monitor"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
	"github.com/multi-layer-cache/multi-layer-cache/ports/portstest"
)

func TestMain(m *testing.M) { portstest.Main(m) }

// parts is all that a Monitor stands on.
type parts struct{}

func (parts) Snapshot() (c ports.Counts)    { c.Requests[0] = 7; return c }
func (parts) Stats() ports.L1Stats          { return ports.L1Stats{} }
func (parts) Activity() ports.Activity      { return ports.Activity{} }
func (parts) Health(context.Context) string { return "degraded" }
func (parts) Reason() string                { return "the disk is full" }
func (parts) Breaker() string               { return "open" }

func (parts) ServeHTTP(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "exposed") }

func of(open context.Context) *monitor.Monitor {
	var p parts
	return monitor.New(monitor.Parts{
		Counter: p, L1: p, L2: p, Activity: p, Exposition: p, Open: open,
		Latency: func() ports.Durations { return ports.Durations{Sum: time.Second} }, Ready: func() bool { return true },
	}, monitor.Labels{Version: "v9", Source: "products"})
}

func get(h http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var link = regexp.MustCompile(`(?:href|src)="([^"]*)"`)

// The same page stands at the root, below a path, and below one that a router strips.
func TestTheLivePageWorksAtAnyPath(t *testing.T) {
	page := of(t.Context()).Dashboard()
	mux := http.NewServeMux()
	mux.Handle("/", page)
	mux.Handle("/a/b/", page)
	mux.Handle("/cut/", http.StripPrefix("/cut/", page))
	mux.Handle("/shorter/", http.StripPrefix("/shorter", page))
	for _, at := range []string{"/", "/a/b/", "/cut/", "/shorter/"} {
		w := get(mux, at)
		require.Equal(t, 200, w.Code, at)
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
		body := w.Body.String()
		require.NotContains(t, body, "<nav>", "there is no service beside it")
		require.NotContains(t, body, `id="try"`)
		require.Contains(t, body, "of loads")
		loaded := 0
		for _, found := range link.FindAllStringSubmatch(body, -1) {
			target, err := (&url.URL{Path: at}).Parse(found[1])
			require.NoError(t, err)
			if target.Scheme != "" { // data: and the CDN
				continue
			}
			loaded++
			require.Equal(t, 200, get(mux, target.Path).Code, target.Path)
		}
		require.Positive(t, loaded)
		require.Contains(t, get(mux, at+"dashboard.js").Body.String(), `new URL("events", HERE)`)
	}
}

func TestWithoutASlashTheLivePageLeadsToItself(t *testing.T) {
	page := of(t.Context()).Dashboard()
	for asked, want := range map[string]string{"/live": "/live/", "/a/b": "/a/b/", "/a:b": "/a:b/", "/a%20b": "/a%20b/"} {
		for _, h := range []http.Handler{page, http.StripPrefix("/a", page)} {
			w := get(h, asked)
			if w.Code == http.StatusNotFound { // not stripped
				continue
			}
			require.Equal(t, http.StatusTemporaryRedirect, w.Code, asked)
			base, err := url.Parse(asked)
			require.NoError(t, err)
			to, err := base.Parse(w.Header().Get("Location"))
			require.NoError(t, err)
			require.Equal(t, want, to.EscapedPath())
		}
	}
}

func TestEventsComeUntilTheCacheIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open, end := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer end()
		page := of(open).Dashboard()
		w := get(page, "/live/events")
		require.Equal(t, 2, strings.Count(w.Body.String(), "event:live\ndata:{"), "one at once")
		require.Contains(t, w.Body.String(), `"l2":"degraded","l2_reason":"the disk is full"`)
		require.Contains(t, w.Body.String(), `"source":"products"`)
		w = get(page, "/live/events")
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Equal(t, "1", w.Header().Get("Retry-After"))
	})
}

func TestMetricsComeAsTheRequestWantsThem(t *testing.T) {
	metrics := of(t.Context()).Metrics()
	require.Contains(t, get(metrics, "/any").Body.String(), `"l1_hits":7`)
	require.Equal(t, "exposed", get(metrics, "/any", "Accept", "text/plain").Body.String())
	require.Equal(t, "exposed", get(metrics, "/any?format=prometheus").Body.String())
	w := get(metrics, "/any?format=xml")
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Contains(t, w.Body.String(), monitor.ErrFormat.Error())
}

func TestNothingHereIsWritten(t *testing.T) {
	for _, h := range []http.Handler{of(t.Context()).Metrics(), of(t.Context()).Dashboard()} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", http.NoBody))
		require.Equal(t, http.StatusMethodNotAllowed, w.Code)
		require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
	}
}

func TestWhatHasNoAnswerIsLeftToTheCaller(t *testing.T) {
	w := httptest.NewRecorder()
	err := of(t.Context()).ServeMetrics(w, httptest.NewRequest(http.MethodGet, "/?format=xml", http.NoBody))
	require.ErrorIs(t, err, monitor.ErrFormat)
	require.Empty(t, w.Body.String())
}
