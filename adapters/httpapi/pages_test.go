package httpapi_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pin is a line of assets/vendored.txt.
type pin struct{ sum, pkg, file string }

func pins(t *testing.T) (all []pin) {
	t.Helper()
	list, err := os.ReadFile("assets/vendored.txt")
	require.NoError(t, err)
	for line := range strings.Lines(string(list)) {
		if !strings.HasPrefix(line, "#") {
			f := strings.Fields(line)
			require.Len(t, f, 3, line)
			all = append(all, pin{f[0], f[1], f[2]})
		}
	}
	require.Len(t, all, 5)
	return all
}

func (p pin) name() string { return path.Base(p.file) }

func (p pin) integrity(t *testing.T) string {
	t.Helper()
	sum, err := hex.DecodeString(p.sum)
	require.NoError(t, err)
	require.Len(t, sum, sha256.Size)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum)
}

func TestFilesOfOtherProjectsAreThoseThatArePinned(t *testing.T) {
	api := (&parts{}).api()
	for _, p := range pins(t) {
		folder := map[string]string{"redoc": "/redoc/", "uplot": "/dashboard/", "swagger-ui-dist": "/docs/"}[strings.Split(p.pkg, "@")[0]]
		held, err := os.ReadFile("assets/vendored/" + p.name() + ".gz")
		w := do(t, api, "GET", folder+p.name())
		if err != nil { // make assets has not been run
			require.Equal(t, 404, w.Code, p)
			continue
		}
		require.Equal(t, 200, w.Code, p)
		require.Empty(t, w.Header().Get("Content-Encoding"))
		require.Equal(t, "Accept-Encoding", w.Header().Get("Vary"))
		sum := sha256.Sum256(w.Body.Bytes())
		require.Equal(t, p.sum, hex.EncodeToString(sum[:]), p)
		length := strconv.Itoa(w.Body.Len())
		require.Equal(t, length, w.Header().Get("Content-Length"))
		require.Equal(t, length, do(t, api, "HEAD", folder+p.name()).Header().Get("Content-Length"))
		ranges := ask(t, api, folder+p.name(), "h", http.Header{"Range": {"bytes=5-6,1-2"}})
		require.Equal(t, w.Body.Len(), ranges.Body.Len(), p)

		zipped := ask(t, api, folder+p.name(), "h", http.Header{"Accept-Encoding": {"br, gzip;q=0.5"}})
		require.Equal(t, "gzip", zipped.Header().Get("Content-Encoding"))
		require.Equal(t, string(held), zipped.Body.String(), p)
		require.NotEqual(t, w.Header().Get("ETag"), zipped.Header().Get("ETag"))
		require.Equal(t, "no-cache", w.Header().Get("Cache-Control"), p)
		require.Contains(t, w.Header().Get("Content-Type"), map[string]string{".js": "javascript", ".css": "text/css"}[path.Ext(p.file)])
		require.NotEmpty(t, w.Header().Get("ETag"))
		again := ask(t, api, folder+p.name(), "h", http.Header{"If-None-Match": {w.Header().Get("ETag")}})
		require.Equal(t, 304, again.Code, p)
	}
}

func TestFilesAreCompressedForClientsThatTakeIt(t *testing.T) {
	if _, err := os.Stat("assets/vendored"); err != nil {
		t.Skip("make assets has not been run")
	}
	api := (&parts{}).api()
	for accept, want := range map[string]string{
		"gzip": "gzip", "x-gzip": "gzip", "GZip, deflate": "gzip", "*": "gzip", "gzip;q=0.1": "gzip", "br, *;q=0.1": "gzip",
		"": "", "br": "", "identity": "", "gzip;q=0": "", "*;q=0": "", "gzip;q=0, *": "", "*, gzip;q=0": "", "gzip;q=x": "",
	} {
		w := ask(t, api, "/dashboard/uPlot.min.css", "h", http.Header{"Accept-Encoding": {accept}})
		require.Equal(t, want, w.Header().Get("Content-Encoding"), accept)
	}
}

var (
	attribute = regexp.MustCompile(`(?:src|href|spec-url)="([^"]*)"`)
	element   = regexp.MustCompile(`<(?:script|link)[^>]*>`)
)

// pages are the paths that answer with each page.
var pages = map[string][]string{"/docs": {"/docs", "/docs/", "/docs/index.html"}, "/redoc": {"/redoc", "/redoc/"}, "/dashboard": {"/dashboard", "/dashboard/"}}

func TestPagesLoadOnlyWhatTheServiceHasOrWhatIsPinned(t *testing.T) {
	remote := map[string]pin{}
	for _, p := range pins(t) {
		remote["https://cdn.jsdelivr.net/npm/"+p.pkg+"/"+p.file] = p
	}
	api := (&parts{}).api()
	prefixed := http.StripPrefix("/behind/a/prefix", api)
	for _, paths := range pages {
		for _, at := range paths {
			w := do(t, prefixed, "GET", "/behind/a/prefix"+at)
			require.Equal(t, 200, w.Code, at)
			body, policy := w.Body.String(), w.Header().Get("Content-Security-Policy")
			for _, found := range attribute.FindAllStringSubmatch(body, -1) {
				link := strings.NewReplacer("&#43;", "+", "&amp;", "&").Replace(found[1])
				if strings.HasPrefix(link, "data:") {
					continue
				}
				if _, pinned := remote[link]; pinned {
					require.Contains(t, policy, link, "%s: the very file is allowed, not all of the CDN", at)
					continue
				}
				base := httptest.NewRequest("GET", "/behind/a/prefix"+at, http.NoBody).URL
				target, err := base.Parse(link)
				require.NoError(t, err)
				require.Empty(t, target.Host, "%s loads %s", at, link)
				require.Equal(t, 200, do(t, prefixed, "GET", target.String()).Code, "%s leads to %s", at, target)
			}
			for _, e := range element.FindAllString(body, -1) {
				for url, p := range remote {
					if strings.Contains(e, p.name()) || strings.Contains(e, url) {
						e = strings.ReplaceAll(e, "&#43;", "+")
						require.Contains(t, e, `integrity="`+p.integrity(t)+`"`, at)
						require.Contains(t, e, `crossorigin="anonymous"`, at)
					}
				}
			}
		}
	}
}

func TestPagesHaveAStrictPolicy(t *testing.T) {
	api := (&parts{}).api()
	for page, paths := range pages {
		for _, at := range paths {
			h := do(t, api, "GET", at).Header()
			policy := "; " + h.Get("Content-Security-Policy") + ";"
			for _, directive := range []string{
				"default-src 'none'", "connect-src 'self'", "img-src 'self' data:", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'",
			} {
				require.Contains(t, policy, "; "+directive+";", at)
			}
			require.Contains(t, policy, "; script-src 'self'", at)
			require.NotContains(t, policy, "unsafe-eval", at)
			require.Equal(t, page == "/redoc", strings.Contains(policy, "style-src 'self' 'unsafe-inline'"), at)
			require.Equal(t, page == "/redoc", strings.Contains(policy, "unsafe-inline"), at)
			require.NotContains(t, policy, "sandbox", at)
			require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), at)
			require.Equal(t, "no-referrer", h.Get("Referrer-Policy"), at)
		}
	}
}

func TestPagesSayWhereTheDescriptionIsWithoutAnyScript(t *testing.T) {
	api := (&parts{}).api()
	require.Contains(t, do(t, api, "GET", "/docs").Body.String(), `The API description is at <a href="openapi.json">`)
	redoc := do(t, api, "GET", "/redoc/").Body.String()
	require.Contains(t, redoc, `The API description is at <a href="../openapi.json">`)
	require.Contains(t, redoc, `disable-telemetry="true"`)
	require.Equal(t, do(t, api, "GET", "/openapi.json").Body.String(), do(t, api, "GET", "/docs/openapi.json").Body.String(), "for Swagger UI at /docs/")
	require.Contains(t, do(t, api, "GET", "/docs/swagger-initializer.js?/evil/swagger-ui.css").Body.String(), `url: "openapi.json"`)
}

func TestHeadOfAFileHasNoBody(t *testing.T) {
	server := httptest.NewServer((&parts{}).api())
	defer server.Close()
	for _, target := range []string{"/docs/index.css", "/docs/swagger-initializer.js", "/docs/swagger-ui.css", "/dashboard/dashboard.js", "/dashboard/"} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		io.WriteString(conn, "HEAD "+target+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		answer, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		_, body, _ := strings.Cut(string(answer), "\r\n\r\n")
		require.Empty(t, body, target)
	}
}
