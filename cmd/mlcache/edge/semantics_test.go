package edge

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

const bearer = "Authorization: Bearer " + token

// counted is a source that answers at once, but for keys that begin with "slow", and
// counts how often it was asked for which key.
type counted struct {
	*httptest.Server
	mu    sync.Mutex
	calls map[string]int
}

func newCounted(t *testing.T) *counted {
	t.Helper()
	o := &counted{calls: make(map[string]int)}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := strings.TrimPrefix(r.URL.Path, "/")
		o.mu.Lock()
		o.calls[key]++
		n := o.calls[key]
		o.mu.Unlock()
		if strings.HasPrefix(key, "slow") {
			time.Sleep(300 * time.Millisecond)
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "call ", n)
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *counted) asked(key string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.calls[key]
}

// start runs the program before the origin.
func (o *counted) start(t *testing.T, settings ...string) *program {
	t.Helper()
	return start(t, append([]string{"MLCACHE_SOURCE=http", "MLCACHE_SOURCE_URL=" + o.URL + "/{key}", "MLCACHE_REFRESH_AHEAD=0"}, settings...)...)
}

// requireProblem requires that an answer is a problem with an id.
func requireProblem(t *testing.T, a answer, status int, kind string) {
	t.Helper()
	require.Equal(t, status, a.status, a.body)
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	var p struct {
		Type, Title, Instance string
		Status                int
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &p), a.body)
	require.Equal(t, "urn:mlcache:"+kind, p.Type)
	require.Equal(t, status, p.Status)
	require.NotEmpty(t, p.Title)
	require.NotEmpty(t, p.Instance)
	require.Equal(t, a.header.Get("X-Request-Id"), p.Instance)
}

func TestRequestsWithoutTheTokenCallTheSourceOncePerSecondAtMost(t *testing.T) {
	t.Parallel()
	t.Run("one instance", func(t *testing.T) {
		t.Parallel()
		o := newCounted(t)
		o.besieged(t, o.start(t))
	})
	t.Run("two instances", func(t *testing.T) {
		t.Parallel()
		o, redis := newCounted(t), "MLCACHE_REDIS_URL="+redistest.Start(t).URL()
		o.besieged(t, o.start(t, redis, "MLCACHE_L2_TIMEOUT=1m"), o.start(t, redis, "MLCACHE_L2_TIMEOUT=1m"))
	})
}

// besieged has clients without the token force as many loads as they can.
func (o *counted) besieged(t *testing.T, programs ...*program) {
	t.Helper()
	began := time.Now()
	flood := func(send func(*program)) {
		for n := 0; time.Since(began) < 2*time.Second; n++ {
			send(programs[n%len(programs)])
			time.Sleep(10 * time.Millisecond)
		}
	}
	var all sync.WaitGroup
	for n, directives := range []string{
		"no-cache", "max-age=0", "min-fresh=3600", "no-store", "no-cache, no-store", "max-age = 0", "no-cache, max-age=x",
	} {
		all.Go(func() {
			flood(func(p *program) {
				assert.Equal(t, http.StatusOK, p.get(fmt.Sprint("/data/key", n), "Cache-Control: "+directives).status)
			})
		})
	}
	for n, directives := range []string{"no-cache", "no-store", "x"} { // clients that hang up
		all.Go(func() {
			flood(func(p *program) {
				conn, err := net.Dial("tcp", p.addr)
				if assert.NoError(t, err) {
					io.WriteString(conn, fmt.Sprintf("GET /data/slow%d HTTP/1.1\r\nHost: x\r\nCache-Control: %s\r\n\r\n", n, directives))
					time.Sleep(20 * time.Millisecond)
					conn.Close()
				}
			})
		})
	}
	all.Wait()
	atMost := int(time.Since(began)/time.Second) + 2
	o.mu.Lock()
	defer o.mu.Unlock()
	require.Len(t, o.calls, 10)
	for key, n := range o.calls {
		require.LessOrEqual(t, n, atMost, key)
	}
}

func TestWithTheTokenEachReloadIsALoadThatBeginsAfterIt(t *testing.T) {
	t.Parallel()
	o := newCounted(t)
	p := o.start(t, "MLCACHE_RELOAD_INTERVAL=1h")
	require.Equal(t, "call 1", p.get("/data/k").body)
	require.Equal(t, "call 1", p.get("/data/k", "Cache-Control: no-cache").body)
	require.Equal(t, "call 1", p.get("/data/k", "Cache-Control: no-cache", "Authorization: Bearer wrong").body)
	for n, directives := range []string{"no-cache", "max-age=0", "min-fresh=3600", "no-cache, no-store", "max-age=x, no-cache"} {
		got := p.get("/data/k", "Cache-Control: "+directives, bearer)
		require.Equal(t, fmt.Sprint("call ", n+2), got.body)
		require.Contains(t, got.header.Get("Cache-Status"), "; fwd=request; ")
	}
	p.put("k", "written")
	require.Equal(t, "written", p.get("/data/k", "Cache-Control: no-cache").body, "a written value counts as loaded")
	require.Equal(t, "call 7", p.get("/data/k", "Cache-Control: no-cache", bearer).body)

	// One that is under way does not do.
	conn := p.dial()
	_, err := io.WriteString(conn, "GET /data/slow HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	eventually(t, "the load begins", func() bool { return o.asked("slow") == 1 })
	require.Equal(t, "call 2", p.get("/data/slow", "Cache-Control: no-cache", bearer).body)
	require.Equal(t, "call 1", p.read(conn, http.MethodGet).body)
}

func TestEachDirectiveIsReadByItself(t *testing.T) {
	t.Parallel()
	o := newCounted(t)
	p := o.start(t, "MLCACHE_RELOAD_INTERVAL=0")
	require.NotContains(t, p.get("/data/a", "Cache-Control: no-store, max-age=x").header.Get("Cache-Status"), "stored")
	requireProblem(t, p.get("/data/a", "Cache-Control: only-if-cached, max-stale=x"), 504, "not-cached")
	require.Equal(t, 1, o.asked("a"))
	p.get("/data/a")
	for n, line := range []string{"Cache-Control: no-cache, max-age=abc", "Cache-Control: max-age = 0", `cache-control: MAX-AGE="0"`, "Pragma: no-cache"} {
		require.Equal(t, fmt.Sprint("call ", n+3), p.get("/data/a", line).body, line)
	}
	require.Contains(t, p.get("/data/a", "Cache-Control: max-age=99999999999999999999, x=, ,").header.Get("Cache-Status"), "; hit")
}

func TestCacheStatusSaysWhatTheLayersHeld(t *testing.T) {
	t.Parallel()
	o := newCounted(t)
	p := o.start(t, "MLCACHE_TTL=1h", "MLCACHE_RELOAD_INTERVAL=0")
	status := func(lines ...string) string { return p.get("/data/a", lines...).header.Get("Cache-Status") }
	require.Equal(t, "mlcache; fwd=uri-miss; fwd-status=200; stored; ttl=3600; detail=source", status("Cache-Control: no-cache"))
	require.Equal(t, "mlcache; fwd=request; fwd-status=200; stored; ttl=3600; detail=source", status("Cache-Control: no-cache"))

	p = o.start(t, "MLCACHE_TTL=1s", "MLCACHE_RELOAD_INTERVAL=0")
	require.Equal(t, "mlcache; fwd=uri-miss; fwd-status=200; stored; ttl=1; detail=source", status())
	eventually(t, "it expires", func() bool {
		return p.get("/data/a", "Cache-Control: only-if-cached").status == http.StatusGatewayTimeout
	})
	require.Equal(t, "mlcache; fwd=stale; fwd-status=200; stored; ttl=1; detail=source", status())
}

func TestWritesUnderConditionsAndOfPartsAreRefused(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.put("k", "before")
	for _, line := range []string{"If-Match: *", `If-None-Match: "a"`, "If-None-Match: *", "If-Unmodified-Since: Fri, 01 Jan 2100 00:00:00 GMT"} {
		for _, method := range []string{"PUT", "DELETE"} {
			requireProblem(t, p.do(method, "/data/k", "v", line, bearer), 501, "condition-unsupported")
		}
	}
	for line, kind := range map[string]string{
		"Content-Range: bytes 0-0/2": "partial-value", "Content-Encoding: gzip": "content-coding",
		"Content-Type: application/x-www-form-urlencoded": "media-type", "Content-Type: multipart/form-data; boundary=x": "media-type", "Content-Type: nonsense": "media-type",
	} {
		want := 415
		if kind == "partial-value" {
			want = 400
		}
		requireProblem(t, p.do("PUT", "/data/k", "v", line, bearer), want, kind)
	}
	require.Equal(t, "before", p.get("/data/k").body)
	require.Equal(t, 204, p.do("PUT", "/data/k", "\x00", bearer, "Content-Encoding: identity").status)
	require.Equal(t, "application/octet-stream", p.get("/data/k").header.Get("Content-Type"))
	require.Equal(t, 204, p.do("DELETE", "/data/k", "", "authorization: BEARER   "+token).status)
}

func TestReadsUnderConditionsAndOfParts(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.put("k", "value")
	etag := p.get("/data/k").header.Get("ETag")
	require.Equal(t, 304, p.get("/data/k", `If-None-Match: "x,y"`, `If-None-Match: W/"z", W/`+etag).status)
	require.Equal(t, 304, p.get("/data/k", "If-None-Match: *").status)
	require.Equal(t, 200, p.get("/data/k", "If-Match: "+etag).status)
	requireProblem(t, p.get("/data/k", "If-Match: W/"+etag), 412, "precondition-failed")
	whole := p.get("/data/k", "Range: bytes=1-2", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT")
	require.Equal(t, 200, whole.status)
	require.Equal(t, "value", whole.body)
}

func TestHeadSaysWhatGetWouldOnEachPage(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.put("k", "value")
	for _, path := range []string{"/", "/health", "/ready", "/data/k", "/data/%00", "/nothing", "/explain/k", "/docs", "/redoc", "/dashboard", "/openapi.json"} {
		for _, slash := range []string{"", "/"} {
			if strings.HasSuffix(path, "k") || strings.HasSuffix(path, "%00") || path == "/" {
				slash = ""
			}
			var get, head answer
			eventually(t, "neither an age nor the number of digits of an id changes meanwhile", func() bool {
				get, head = p.get(path+slash), p.do(http.MethodHead, path+slash, "")
				after := p.get(path + slash)
				return get.header.Get("Cache-Status") == after.header.Get("Cache-Status") && (path == "/explain/k" || len(get.body) == len(after.body))
			})
			require.Equal(t, get.status, head.status, path)
			require.Empty(t, head.body)
			for _, name := range []string{"Content-Type", "Content-Length", "ETag", "Cache-Control", "Cache-Status", "Age"} {
				if path == "/explain/k" && name == "Content-Length" {
					continue // ages have more digits or fewer
				}
				require.Equal(t, get.header.Get(name), head.header.Get(name), "%s %s", path, name)
			}
		}
	}
	require.Equal(t, 200, p.do(http.MethodHead, "/dashboard/events", "").status)
	require.Equal(t, 200, p.do(http.MethodHead, "/metrics/", "").status)
	requireProblem(t, p.get("/data/"), 400, "invalid-key")
	requireProblem(t, p.get("/data/k/", "Cache-Control: only-if-cached"), 504, "not-cached")
}

func TestMetricsComeInTheFormThatAcceptLikesBest(t *testing.T) {
	t.Parallel()
	p := start(t)
	const prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
	for accept, want := range map[string]string{
		"application/json;q=0, text/plain": "text/plain", "text/plain;q=0, */*": "application/json", "TEXT/PLAIN": "text/plain",
		"*/*": "application/json", "text/plain, application/json": "application/json", prometheus: "application/openmetrics-text",
	} {
		got := p.get("/metrics", "Accept: "+accept)
		require.Equal(t, 200, got.status)
		require.True(t, strings.HasPrefix(got.header.Get("Content-Type"), want), "%s: %s", accept, got.header.Get("Content-Type"))
	}
	require.Contains(t, p.get("/metrics").header.Get("Content-Type"), "application/json")
	requireProblem(t, p.get("/metrics?format=xml"), 400, "unknown-format")
}

// net/http refuses these before any handler sees them.
func TestWhatIsNotHTTPIsAnsweredWithAProblem(t *testing.T) {
	t.Parallel()
	p := start(t)
	for request, want := range map[string]int{
		"GET /data/100% HTTP/1.1\r\nHost: x\r\n\r\n":                                       400,
		"GET /data/%zz HTTP/1.1\r\nHost: x\r\n\r\n":                                        400,
		"GET /data/%z%00 HTTP/1.0\r\n\r\n":                                                 400,
		"GET /data/k HTTP/1.1\r\n\r\n":                                                     400, // no Host
		"GET /data/k HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n":                               400,
		"GET /data/k HTTP/1.1\r\nHost: x\r\nbad header: x\r\n\r\n":                         400,
		"GET /data/k\r\n\r\n":                                                              400,
		"GET  /data/k HTTP/1.1\r\nHost: x\r\n\r\n":                                         400,
		"GET /data/a b HTTP/1.1\r\nHost: x\r\n\r\n":                                        400,
		"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n":                                             400,
		"GET /data/k HTTP/3.0\r\nHost: x\r\n\r\n":                                          505,
		"PUT /data/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n":               501,
		"PUT /data/k HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n":                    400,
		"GET /data/k HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\n\r\n":                        417,
		"GET /data/k HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n": 431,
	} {
		conn := p.dial()
		go io.WriteString(conn, request) // the whole of the last one is never read
		kind := "malformed-request"
		if want == 431 {
			kind = "header-too-large"
		}
		requireProblem(t, p.read(conn, http.MethodGet), want, kind)
		rest, err := io.ReadAll(conn)
		if err == nil { // or a reset, for what was never read
			require.Empty(t, rest)
		}
	}
}

func TestWhatAPathDoesNotTakeIsAProblemThatSaysWhatItDoes(t *testing.T) {
	t.Parallel()
	p := start(t)
	for _, method := range []string{"OPTIONS", "TRACE", "POST", "PATCH", "PROPFIND"} {
		got := p.do(method, "/data/k", "")
		requireProblem(t, got, 405, "no-method")
		require.ElementsMatch(t, []string{"GET", "HEAD", "PUT", "DELETE"}, strings.Split(got.header.Get("Allow"), ", "))
		requireProblem(t, p.do(method, "/nothing", ""), 404, "no-route")
	}
	requireProblem(t, p.do("GET", "/batch/", ""), 405, "no-method")
	requireProblem(t, p.do("CONNECT", "example.com:443", ""), 404, "no-route")
	require.Equal(t, 200, p.do("GET", "http://"+p.addr+"/health", "").status, "a target in absolute form")
}

func TestClientsOfHTTP10GetTheirAnswers(t *testing.T) {
	t.Parallel()
	p := newCounted(t).start(t)
	for _, method := range []string{"GET", "HEAD"} {
		for _, path := range []string{"/data/k", "/health", "/metrics", "/docs", "/nothing", "/data/k?again"} {
			conn := p.dial()
			_, err := io.WriteString(conn, method+" "+path+" HTTP/1.0\r\n\r\n")
			require.NoError(t, err)
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
			raw, err := io.ReadAll(conn) // the service closes it
			require.NoError(t, err)
			head, body, _ := strings.Cut(string(raw), "\r\n\r\n")
			require.True(t, strings.HasPrefix(head, "HTTP/1.0 "), head)
			require.NotContains(t, head, "Transfer-Encoding")
			require.Equal(t, method == "GET", body != "", path)
		}
	}
	conn := p.dial()
	for range 3 { // one connection for all
		_, err := io.WriteString(conn, "GET /data/k HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
		require.NoError(t, err)
		require.Equal(t, "call 1", p.read(conn, http.MethodGet).body)
	}
	got := p.send("PUT /data/old HTTP/1.0\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n" + bearer + "\r\n\r\nv")
	require.Equal(t, 204, got.status)
}

// Such clients end their side of the connection when they have said all.
func TestClientsThatCloseTheirSideGetTheirAnswers(t *testing.T) {
	t.Parallel()
	p := newCounted(t).start(t)
	for n, request := range []string{"GET /data/slow%d HTTP/1.0\r\n\r\n", "GET /data/slow%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"} {
		conn := p.dial()
		_, err := fmt.Fprintf(conn, request, n)
		require.NoError(t, err)
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, "call 1", string(body))
	}
}

func TestMediaTypesOfMetricsHaveNoCase(t *testing.T) {
	t.Parallel()
	p := start(t)
	a := p.get("/metrics", "Accept: Application/OpenMetrics-Text; Version=1.0.0, text/plain;q=0.5")
	require.Contains(t, a.header.Get("Content-Type"), "application/openmetrics-text; version=1.0.0")
}
