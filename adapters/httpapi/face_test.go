package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// forAdmins are the paths of those that run the service.
var forAdmins = []string{"/metrics", "/metrics/", "/metrics?format=prometheus", "/dashboard", "/dashboard/", "/dashboard/dashboard.js", "/explain/k"}

func TestWhatIsForThoseThatRunTheServiceIsServedAtTheAdminAddressAlone(t *testing.T) {
	p := &parts{access: httpapi.Access{AdminApart: true}, answer: domain.Answer{Copy: copyOf("v", time.Second)}}
	api := p.api()
	for _, target := range append([]string{"/debug/pprof/", "/debug/pprof/heap"}, forAdmins...) {
		require.Equal(t, 200, do(t, api.Admin(), "GET", target).Code, target)
		requireProblem(t, do(t, api, "GET", target), 404, "no-route")
		require.Equal(t, 404, do(t, api, "HEAD", target).Code, target)
		requireProblem(t, do(t, api, "POST", target), 404, "no-route")
		requireProblem(t, do(t, api, "GET", "/"+target), 404, "no-route")
		requireProblem(t, do(t, api, "GET", strings.Replace(target, "/", "/%2e%2e/", 1)), 404, "no-route")
	}
	requireProblem(t, do(t, api, "POST", "/purge"), 404, "no-route")
	requireProblem(t, do(t, api.Admin(), "POST", "/purge"), 403, "writing-disabled")
	for _, target := range []string{"/", "/health", "/data/k", "/docs", "/redoc", "/openapi.json"} {
		for name, h := range map[string]http.Handler{"public": api, "admin": api.Admin()} {
			require.Equal(t, 200, do(t, h, "GET", target).Code, name+target)
		}
	}
	require.NotContains(t, do(t, api, "GET", "/").Body.String(), "metrics")
	require.Contains(t, do(t, api.Admin(), "GET", "/").Body.String(), "metrics")
}

func TestWithoutAnAdminAddressThereIsOneFaceWithoutProfiles(t *testing.T) {
	p := &parts{answer: domain.Answer{Copy: copyOf("v", time.Second)}}
	api := p.api()
	require.Nil(t, api.Admin())
	for _, target := range forAdmins {
		require.Equal(t, 200, do(t, api, "GET", target).Code, target)
	}
	for _, target := range []string{"/debug/pprof", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/profile"} {
		requireProblem(t, do(t, api, "GET", target), 404, "no-route")
	}
}

func TestProfilesDoNotShowTheCommandLine(t *testing.T) {
	api := (&parts{access: httpapi.Access{AdminApart: true}}).api()
	requireProblem(t, do(t, api.Admin(), "GET", "/debug/pprof/cmdline"), 404, "no-route")
	require.Equal(t, "pprof/", do(t, api.Admin(), "GET", "/debug/pprof").Header().Get("Location"))
	require.Contains(t, do(t, api.Admin(), "GET", "/debug/pprof/goroutine?debug=1").Body.String(), "goroutine profile")
	require.Equal(t, 404, do(t, api.Admin(), "GET", "/debug/pprof/nothing").Code)
}

func TestBothAddressesAnswerOnlyForTheHostsThatAreAllowed(t *testing.T) {
	api := (&parts{access: httpapi.Access{AdminApart: true, Hosts: []string{"cache.example"}}}).api()
	for _, h := range []http.Handler{api, api.Admin()} { // the recorder asks for example.com
		requireProblem(t, do(t, h, "GET", "/"), 421, "unknown-host")
		require.Equal(t, 200, do(t, h, "GET", "/health").Code)
	}
	requireProblem(t, do(t, api.Admin(), "GET", "/debug/pprof/heap"), 421, "unknown-host")
}

func TestTheRootIsAPageForBrowsersAndJSONForAllOthers(t *testing.T) {
	const chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
	p := &parts{health: "degraded", now: ports.Activity{SourceSlots: 1, Routes: []ports.RouteActivity{
		{Name: "<products>", Activity: ports.Activity{SourceSlots: 1, Changes: &ports.ChangeActivity{}}},
	}}}
	api := p.api()
	for accept, page := range map[string]bool{
		chromium: true, "text/html": true, "TEXT/HTML;q=0.5, application/json;q=0.4": true,
		"": false, "*/*": false, "application/json": false, "text/html, application/json": false, "text/html;q=0": false, "text/plain": false,
	} {
		header := http.Header{}
		if accept != "" {
			header["Accept"] = []string{accept}
		}
		w := ask(t, api, "/", "h", header)
		require.Equal(t, 200, w.Code)
		require.Equal(t, "Accept", w.Header().Get("Vary"))
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		if !page {
			require.JSONEq(t, do(t, api, "GET", "/").Body.String(), w.Body.String(), accept)
			require.Contains(t, w.Body.String(), `"message":"Multi-layer cache service running"`)
			continue
		}
		require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"), accept)
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'")
		body := w.Body.String()
		for _, part := range []string{"not ready", "degraded", "Source of &lt;products&gt;", "down", `href="dashboard"`, `href="docs"`, `href="health"`} {
			require.Contains(t, body, part)
		}
		require.True(t, strings.HasSuffix(body, "</html>\n"))
	}
	apart := (&parts{access: httpapi.Access{AdminApart: true}}).api()
	html := http.Header{"Accept": {"text/html"}}
	require.NotContains(t, ask(t, apart, "/", "h", html).Body.String(), "dashboard", "it is elsewhere")
	require.Contains(t, ask(t, apart.Admin(), "/", "h", html).Body.String(), "dashboard")
}
