package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// ask sends a GET with a header and a host.
func ask(t *testing.T, api http.Handler, target, host string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
	r.Host = host
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	return w
}

func TestNoAnswerThatIsNoPageRunsInTheOriginOfTheService(t *testing.T) {
	held := copyOf("<script>", time.Second)
	inertly := func(w *httptest.ResponseRecorder, what string) {
		require.Equal(t, "sandbox; default-src 'none'; frame-ancestors 'none'", w.Header().Get("Content-Security-Policy"), what)
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"), what)
		require.Equal(t, "same-site", w.Header().Get("Cross-Origin-Resource-Policy"), what)
	}
	for _, outcome := range []domain.Outcome{domain.L1Hit, domain.L2Hit, domain.Loaded, domain.Coalesced, domain.Stale} {
		api := (&parts{answer: domain.Answer{Copy: held, Outcome: outcome}}).api()
		for _, method := range []string{"GET", "HEAD"} {
			w := do(t, api, method, "/data/k")
			require.Equal(t, 200, w.Code)
			inertly(w, outcome.String())
		}
		w := ask(t, api, "/data/k", "h", http.Header{"If-None-Match": {held.Entry.ETag()}})
		require.Equal(t, 304, w.Code)
		inertly(w, "304")
	}
	for _, err := range []error{domain.ErrSourceFailed, domain.ErrStillLoading, domain.ErrOverloaded} {
		inertly(do(t, (&parts{err: err}).api(), "GET", "/data/k"), err.Error())
	}
	inertly(do(t, (&parts{panics: true}).api(), "GET", "/data/k"), "a panic")
	for _, target := range []string{
		"/", "/health", "/ready", "/metrics", "/explain/k", "/openapi.json", "/nothing", "/data/%00",
		"/dashboard/dashboard.js", "/dashboard/dashboard.css", "/docs/index.css", "/docs/swagger-initializer.js", "/docs/nothing",
	} {
		inertly(do(t, (&parts{}).api(), "GET", target), target)
	}
	inertly(do(t, (&parts{}).api(), "POST", "/data/k"), "405")
}

func TestAServiceWorkerIsServedFromNowhere(t *testing.T) {
	p := &parts{answer: domain.Answer{Copy: copyOf("self.onfetch = null", time.Second), Outcome: domain.L1Hit}}
	for _, target := range []string{"/data/sw.js", "/dashboard/dashboard.js", "/docs/swagger-initializer.js", "/nothing"} {
		requireProblem(t, ask(t, p.api(), target, "h", http.Header{"Service-Worker": {"script"}}), 403, "service-worker")
	}
	require.Empty(t, p.asked, "the cache is not asked either")
}

func TestOnlyTheHostsThatAreAllowedAreAnswered(t *testing.T) {
	p := &parts{answer: domain.Answer{Copy: copyOf("v", time.Second), Outcome: domain.L1Hit}}
	for _, c := range []struct{ allowed, host string }{
		{"", "anything:1"}, {"", ""},
		{"cache.example.com", "cache.example.com"}, {"cache.example.com", "CACHE.example.com:8000"}, {"cache.example.com", "cache.example.com."},
		{"localhost:8000 Cache.Example.com:443", "cache.example.com:443"}, {"127.0.0.1", "127.0.0.1:8000"}, {"[::1]", "[::1]:8000"}, {"[::1]", "[::1]"},
		{"[::1]:8000", "[::1]:8000"},
	} {
		p.access = httpapi.Access{Hosts: strings.Fields(c.allowed)}
		require.Equal(t, 200, ask(t, p.api(), "/data/k", c.host, nil).Code, c)
	}
	p.asked = nil
	for _, c := range []struct{ allowed, host string }{
		{"cache.example.com", ""}, {"cache.example.com", "evil.example"}, {"cache.example.com", "cache.example.com.evil.example"},
		{"cache.example.com", "evil.example:8000"}, {"cache.example.com:443", "cache.example.com:8000"}, {"cache.example.com:443", "cache.example.com"},
		{"127.0.0.1", "127.0.0.11"}, {"[::1]:8000", "[::1]:80"}, {"cache.example.com", "xcache.example.com"},
	} {
		p.access = httpapi.Access{Hosts: strings.Fields(c.allowed)}
		api := p.api()
		api.SetReady(true)
		for _, target := range []string{"/data/k", "/", "/dashboard/events", "/nothing"} {
			requireProblem(t, ask(t, api, target, c.host, nil), 421, "unknown-host")
		}
		require.Equal(t, 200, ask(t, api, "/health", c.host, nil).Code, "a probe goes by any address")
		require.Equal(t, 200, ask(t, api, "/ready", c.host, nil).Code)
	}
	require.Empty(t, p.asked)
}
