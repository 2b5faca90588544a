package edge

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireInert requires what keeps a browser from running the answer.
func requireInert(t *testing.T, a answer, what string) {
	t.Helper()
	require.Equal(t, []string{"sandbox; default-src 'none'; frame-ancestors 'none'"}, a.header["Content-Security-Policy"], what)
	require.Equal(t, []string{"nosniff"}, a.header["X-Content-Type-Options"], what)
	require.Equal(t, []string{"same-site"}, a.header["Cross-Origin-Resource-Policy"], what)
}

func TestNoValueRunsInTheOriginOfThePages(t *testing.T) {
	t.Parallel()
	p := start(t)
	for key, mediaType := range map[string]string{
		"page.html": "text/html", "picture.svg": "image/svg+xml", "sheet.xsl": "application/xml", "sw.js": "text/javascript", "none": "",
	} {
		a := p.do(http.MethodPut, "/data/"+key, "<script>fetch('/data/x')</script>", "Content-Type: "+mediaType, "Authorization: Bearer "+token)
		require.Equal(t, http.StatusNoContent, a.status)
		requireInert(t, a, "PUT")
		got := p.get("/data/" + key)
		require.Equal(t, http.StatusOK, got.status)
		requireInert(t, got, key)
		requireInert(t, p.do(http.MethodHead, "/data/"+key, ""), key)
		again := p.get("/data/"+key, "If-None-Match: "+got.header.Get("ETag"))
		require.Equal(t, http.StatusNotModified, again.status)
		requireInert(t, again, key)

		for _, line := range []string{"Service-Worker: script", "service-worker:script", "SERVICE-WORKER:  Script "} {
			refused := p.get("/data/"+key, line)
			require.Equal(t, http.StatusForbidden, refused.status, line)
			require.Contains(t, refused.body, "urn:mlcache:service-worker")
		}
	}
	for _, target := range []string{"/data/%00", "/data/absent", "/nothing", "/metrics", "/explain/page.html", "/openapi.json"} {
		requireInert(t, p.get(target, "Cache-Control: only-if-cached"), target)
	}
}

func TestPagesAreFramedNowhereAndLoadNothingOfOthers(t *testing.T) {
	t.Parallel()
	p := start(t)
	for _, target := range []string{"/docs", "/docs/", "/docs/index.html", "/redoc", "/redoc/", "/dashboard", "/dashboard/"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			a := p.do(method, target, "")
			require.Equal(t, http.StatusOK, a.status, target)
			require.Len(t, a.header["Content-Security-Policy"], 1, target)
			policy := a.header.Get("Content-Security-Policy")
			require.True(t, strings.HasPrefix(policy, "default-src 'none'; script-src 'self'"), policy)
			require.Contains(t, policy, "frame-ancestors 'none'")
			require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"), target)
			require.Equal(t, "no-referrer", a.header.Get("Referrer-Policy"), target)
		}
	}
}

func TestForeignNamesOfTheServiceAreRefused(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_ALLOWED_HOSTS=cache.example.com, localhost:8000")
	ask := func(target, host string) answer {
		return p.send(fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target, host))
	}
	for _, host := range []string{"cache.example.com", "Cache.Example.COM:443", "localhost:8000"} {
		require.Equal(t, http.StatusOK, ask("/metrics", host).status, host)
	}
	for _, host := range []string{"evil.example", "localhost", "localhost:8001", p.addr, "cache.example.com.evil.example"} {
		for _, target := range []string{"/metrics", "/dashboard", "/data/k", "/nothing"} {
			a := ask(target, host)
			require.Equal(t, http.StatusMisdirectedRequest, a.status, host)
			require.Contains(t, a.body, "urn:mlcache:unknown-host")
		}
		require.Equal(t, http.StatusOK, ask("/health", host).status, "probes go by address")
		require.Equal(t, http.StatusOK, ask("/ready", host).status)
	}
	absolute := p.send("GET http://evil.example/metrics HTTP/1.1\r\nHost: cache.example.com\r\nConnection: close\r\n\r\n")
	require.Equal(t, http.StatusMisdirectedRequest, absolute.status, "the URL counts before the header")
	old := p.dial()
	_, err := io.WriteString(old, "GET /metrics HTTP/1.0\r\n\r\n")
	require.NoError(t, err)
	require.Equal(t, http.StatusMisdirectedRequest, p.read(old, http.MethodGet).status, "no host is another host")
}
