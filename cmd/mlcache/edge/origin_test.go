package edge

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// origin is a source over raw sockets. It notes each request and does what its
// handler does.
type origin struct {
	addr  string
	asked atomic.Int32
	mu    sync.Mutex
	uris  []string
	conns []net.Conn
}

// newOrigin answers the request for a URI with what answer returns; an answer that
// ends in hangUp closes the connection, one that ends in hang leaves it open and
// silent.
func newOrigin(t *testing.T, answer func(uri string) string) *origin {
	t.Helper()
	return newOriginWith(t, func(r *http.Request) string { return answer(r.RequestURI) })
}

// newOriginWith is newOrigin for an answer that depends on the header, too.
func newOriginWith(t *testing.T, answer func(*http.Request) string) *origin {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	o := &origin{addr: listener.Addr().String()}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			o.mu.Lock()
			o.conns = append(o.conns, conn)
			o.mu.Unlock()
			running.Go(func() { o.serve(conn, answer) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		o.mu.Lock()
		for _, conn := range o.conns {
			conn.Close()
		}
		o.mu.Unlock()
		running.Wait()
	})
	return o
}

const (
	hang   = "\x00"
	hangUp = "\x01"
)

func (o *origin) serve(conn net.Conn, answer func(*http.Request) string) {
	defer conn.Close()
	for r := bufio.NewReader(conn); ; {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		o.asked.Add(1)
		o.mu.Lock()
		o.uris = append(o.uris, req.RequestURI)
		o.mu.Unlock()
		text := answer(req)
		io.WriteString(conn, strings.TrimRight(text, hang+hangUp))
		switch {
		case strings.HasSuffix(text, hang):
			_, _ = io.Copy(io.Discard, conn)
			return
		case strings.HasSuffix(text, hangUp):
			return
		}
	}
}

// answered is an answer with a body.
func answered(status int, body string, lines ...string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n%s", status, strings.Join(append(lines, ""), "\r\n"), len(body), body)
}

// before starts the program in front of the origin.
func (o *origin) before(t *testing.T, settings ...string) *program {
	t.Helper()
	return start(t, append([]string{
		"MLCACHE_SOURCE=http", "MLCACHE_SOURCE_URL=http://" + o.addr + "/data/{key}", "MLCACHE_REFRESH_AHEAD=0",
	}, settings...)...)
}

// metric returns a number of /metrics.
func (p *program) metric(name string) int {
	p.t.Helper()
	var all map[string]any
	require.NoError(p.t, json.Unmarshal([]byte(p.get("/metrics?format=json", "Accept: application/json").body), &all))
	n, found := all[name].(float64)
	require.True(p.t, found, name)
	return int(n)
}

// idle waits until no call of the source is under way.
func (p *program) idle() {
	p.t.Helper()
	eventually(p.t, "the slots of the source are free", func() bool { return p.metric("source_calls_under_way") == 0 })
}

func TestTheOriginSeesEachLoadOnceWhateverItDoesToConnections(t *testing.T) {
	t.Parallel()
	const idle = 30
	var breaks atomic.Bool
	var together sync.WaitGroup
	together.Add(idle)
	o := newOrigin(t, func(string) string {
		if breaks.Load() {
			return hangUp
		}
		together.Done()
		together.Wait() // so that each load has a connection of its own
		return answered(200, "v")
	})
	p := o.before(t)
	var loads sync.WaitGroup
	for n := range idle {
		loads.Go(func() { p.get(fmt.Sprint("/data/warm-", n)) })
	}
	loads.Wait()
	require.EqualValues(t, idle, o.asked.Load())
	breaks.Store(true)
	for n := range 10 {
		got := p.get(fmt.Sprint("/data/broken-", n))
		require.Equal(t, http.StatusBadGateway, got.status, got.body)
		require.EqualValues(t, idle+n+1, o.asked.Load())
	}
	require.EqualValues(t, o.asked.Load(), p.metric("cache_misses"))
}

func TestRedirectsAreCountedAndStayInTheFolderOfTheKey(t *testing.T) {
	t.Parallel()
	var o *origin
	o = newOrigin(t, func(uri string) string {
		switch uri {
		case "/data/near":
			return answered(307, "", "Location: /data/there/now")
		case "/data/upper":
			return answered(302, "", "Location: http://"+strings.ToUpper(o.addr)+"/data/there/now")
		case "/data/there/now":
			return answered(200, "moved")
		case "/data/out":
			return answered(302, "", "Location: /private/s.txt")
		case "/data/dots":
			return answered(302, "", "Location: /data/%2e%2e/private/s.txt")
		case "/data/far":
			return answered(302, "", "Location: http://localhost.example/data/there/now")
		}
		return answered(200, "PRIVATE")
	})
	p := o.before(t)
	for _, key := range []string{"near", "upper"} {
		require.Equal(t, "moved", p.get("/data/"+key).body)
	}
	for _, key := range []string{"out", "dots", "far"} {
		got := p.get("/data/" + key)
		require.Equal(t, http.StatusBadGateway, got.status, key)
		require.Equal(t, "mlcache; fwd=uri-miss; fwd-status=302; detail=source-failed", got.header.Get("Cache-Status"))
	}
	require.EqualValues(t, 7, o.asked.Load())
	require.Equal(t, 7, p.metric("cache_misses"))
}

func TestAKeyDoesNotLeaveThePathOfTheSource(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, func(string) string { return answered(200, "PRIVATE") })
	p := o.before(t)
	auth := "Authorization: Bearer " + token
	for _, target := range []string{
		"/data/..%2Fprivate%2Fs.txt", "/data/../admin", "/data/%2e%2e/admin", "/data/a/../../admin", "/data/a/./b", "/data/.", "/data/..",
		"/data/..%5Cadmin", "/data/..;/admin", "/data/%2E%2E%3Bx%2Fadmin", "/explain/../x",
	} {
		require.Equal(t, http.StatusBadRequest, p.get(target).status, target)
	}
	require.Equal(t, http.StatusBadRequest, p.do("PUT", "/data/..%2Fx", "v", auth, "Content-Type: text/plain").status)
	require.Equal(t, http.StatusBadRequest, p.do("DELETE", "/data/..%2Fx", "", auth).status)
	batch := p.do("POST", "/batch", `{"keys":["../x","a/../../x"]}`, "Content-Type: application/json").body
	require.Equal(t, 2, strings.Count(batch, "urn:mlcache:invalid-key"), batch)
	require.Zero(t, o.asked.Load())
	require.Zero(t, p.metric("cache_misses"))
	require.Equal(t, http.StatusOK, p.get("/data/..a/b..").status)

	inQuery := start(t, "MLCACHE_SOURCE=http", "MLCACHE_SOURCE_URL=http://"+o.addr+"/data?key={key}")
	require.Equal(t, http.StatusOK, inQuery.get("/data/..%2Fx").status)
	require.Equal(t, []string{"/data/..a%2Fb..", "/data?key=..%2Fx"}, o.uris)
}

// TestNoAnswerHoldsASlot has one slot: what a bad answer held, the next would lack.
func TestNoAnswerHoldsASlot(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"switch":       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" + hang,
		"bare-switch":  "HTTP/1.1 101 X\r\n\r\n" + hang,
		"hints":        strings.Repeat("HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n", 10_000) + hang,
		"continue":     strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 10_000) + hang,
		"headers":      "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 100_000) + hang,
		"half-head":    "HTTP/1.1 200 OK\r\nContent-" + hang,
		"half-body":    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf" + hang,
		"half-error":   "HTTP/1.1 500 X\r\nContent-Length: 10\r\n\r\nhalf" + hang,
		"half-chunk":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab" + hang,
		"wrong-chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab" + hang,
		"garbage":      strings.Repeat("garbage", 10_000) + hang,
		"silence":      hang,
		"cut":          hangUp,
	}
	o := newOrigin(t, func(uri string) string {
		if answer, bad := answers[strings.TrimPrefix(uri, "/data/")]; bad {
			return answer
		}
		return answered(200, "v")
	})
	p := o.before(t, "MLCACHE_SOURCE_CONCURRENCY=1", "MLCACHE_SOURCE_TIMEOUT=300ms", "MLCACHE_REQUEST_TIMEOUT=50s")
	called := 0
	for name := range answers {
		got := p.get("/data/" + name)
		require.GreaterOrEqual(t, got.status, 500, name)
		p.idle()
		called++
		eventually(t, "the next load has the slot", func() bool {
			called++
			a := p.get(fmt.Sprintf("/data/after-%s-%d", name, called))
			// On a busy machine a good answer may take longer than the source may, too.
			require.Contains(t, []int{http.StatusOK, http.StatusGatewayTimeout}, a.status, "%s: %s", name, a.body)
			return a.body == "v"
		})
	}
	require.Equal(t, called, p.metric("cache_misses"))
	o.mu.Lock()
	defer o.mu.Unlock()
	slices.Sort(o.uris)
	require.Len(t, slices.Compact(o.uris), int(o.asked.Load()), "no load is two calls")
}

func TestADrippingAnswerEndsWithTheTimeoutOfTheSource(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		defer close(gone)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for err == nil {
			time.Sleep(10 * time.Millisecond) // a slow origin, not a wait for anything
			_, err = io.WriteString(conn, "H")
		}
	}()
	p := (&origin{addr: listener.Addr().String()}).before(t, "MLCACHE_SOURCE_TIMEOUT=500ms")
	require.GreaterOrEqual(t, p.get("/data/k").status, 500)
	p.idle()
	<-gone
}

func TestWhatEachStatusOfTheOriginComesTo(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, func(uri string) string {
		var status int
		_, _ = fmt.Sscanf(uri, "/data/%d", &status)
		switch status {
		case 204, 304:
			return fmt.Sprintf("HTTP/1.1 %d X\r\n\r\n", status)
		case 200:
			return answered(200, "0123456789", "Content-Encoding: identity", "Content-Encoding: br")
		case 299:
			return answered(200, strings.Repeat("x", 2048))
		}
		return answered(status, "body")
	})
	p := o.before(t, "MLCACHE_MAX_VALUE_BYTES=1KiB")
	for key, want := range map[string]struct {
		status int
		detail string
	}{
		"404": {404, "fwd-status=404; stored; ttl=5; detail=source"},
		"410": {404, "fwd-status=410; stored; ttl=5; detail=source"},
		"401": {502, "fwd-status=401; detail=withdrawn"},
		"403": {502, "fwd-status=403; detail=withdrawn"},
		"451": {502, "fwd-status=451; detail=withdrawn"},
		"201": {502, "fwd-status=201; detail=source-failed"},
		"203": {502, "fwd-status=203; detail=source-failed"},
		"204": {502, "fwd-status=204; detail=source-failed"},
		"206": {502, "fwd-status=206; detail=source-failed"},
		"304": {502, "fwd-status=304; detail=source-failed"},
		"400": {502, "fwd-status=400; detail=source-failed"},
		"429": {502, "fwd-status=429; detail=source-failed"},
		"500": {502, "fwd-status=500; detail=source-failed"},
		"503": {502, "fwd-status=503; detail=source-failed"},
		"200": {502, "fwd-status=200; detail=source-failed"},          // its coding
		"299": {502, "fwd-status=200; detail=source-value-too-large"}, // its size
	} {
		got := p.get("/data/" + key)
		require.Equal(t, want.status, got.status, "%s: %s", key, got.body)
		require.Equal(t, "mlcache; fwd=uri-miss; "+want.detail, got.header.Get("Cache-Status"))
	}
}

func TestAWithdrawnValueIsNotServedStaleButAFailingOneIs(t *testing.T) {
	t.Parallel()
	var status atomic.Int32
	status.Store(200)
	o := newOrigin(t, func(string) string { return answered(int(status.Load()), "old") })
	p := o.before(t, "MLCACHE_TTL=100ms", "MLCACHE_FAILURE_COOLDOWN=0", "MLCACHE_L2_STALE=1h", "MLCACHE_STALE_IF_ERROR=1h")
	require.Equal(t, "old", p.get("/data/k").body)
	status.Store(500)
	eventually(t, "the value has expired", func() bool {
		got := p.get("/data/k")
		require.Equal(t, "old", got.body)
		return strings.HasSuffix(got.header.Get("Cache-Status"), "detail=stale")
	})
	status.Store(403)
	got := p.get("/data/k")
	require.Equal(t, http.StatusBadGateway, got.status)
	require.Contains(t, got.body, "urn:mlcache:withdrawn")
	status.Store(500) // nothing is kept any more that could stand in
	require.Equal(t, http.StatusBadGateway, p.get("/data/k").status)
	require.Equal(t, http.StatusGatewayTimeout, p.get("/data/k", "Cache-Control: only-if-cached, max-stale").status)
	require.Contains(t, p.get("/explain/k").body, `"l2":{"state":"none"}`)
}

func TestAnOriginThatAsksForItIsLeftAlone(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, func(uri string) string {
		if uri == "/data/date" {
			return answered(429, "", "Date: Mon, 01 Jan 2001 00:00:00 GMT", "Retry-After: Mon, 01 Jan 2001 01:00:00 GMT")
		}
		return answered(503, "", "Retry-After: 3600")
	})
	p := o.before(t, "MLCACHE_FAILURE_COOLDOWN=1ms")
	for _, key := range []string{"seconds", "date"} {
		before := o.asked.Load()
		for range 10 {
			require.Equal(t, http.StatusBadGateway, p.get("/data/"+key).status)
		}
		require.EqualValues(t, 1, o.asked.Load()-before)
		var explained struct {
			Failure struct {
				Seconds float64 `json:"seconds_left"`
			}
		}
		require.NoError(t, json.Unmarshal([]byte(p.get("/explain/"+key).body), &explained))
		require.Positive(t, explained.Failure.Seconds)
		require.LessOrEqual(t, explained.Failure.Seconds, 60.)
	}
}

func TestAFloodOfFailingLoadsDoesNotFloodTheLog(t *testing.T) {
	t.Parallel()
	// What it says unasked may come when the next load has been sent, and answer that.
	o := newOrigin(t, func(string) string { return answered(500, "") + answered(500, "unasked") })
	p := o.before(t, "MLCACHE_FAILURE_COOLDOWN=0")
	began := time.Now()
	const loads = 1000
	p.stream(loads, func(n int) string { return fmt.Sprint("/data/", n) }, func(a answer) {
		require.GreaterOrEqual(t, a.status, 500)
	})
	lines := strings.Count(p.log.String(), "load failed")
	require.LessOrEqual(t, lines, 10*(2+int(time.Since(began)/time.Second)))
	require.NotContains(t, p.log.String(), "Unsolicited")
	require.Equal(t, loads, p.metric("source_failures"))
}

func TestAWithdrawalAndRetryAfterReachTheOtherInstances(t *testing.T) {
	t.Parallel()
	var reply atomic.Value
	reply.Store(answered(200, "old"))
	o := newOrigin(t, func(string) string { return reply.Load().(string) })
	redis := redistest.Start(t)
	settings := []string{"MLCACHE_REDIS_URL=" + redis.URL(), "MLCACHE_L2_TIMEOUT=1m", "MLCACHE_TTL=100ms", "MLCACHE_FAILURE_COOLDOWN=100ms", "MLCACHE_STALE_IF_ERROR=1h"}
	a, b := o.before(t, settings...), o.before(t, settings...)
	for _, p := range []*program{a, b} {
		require.Equal(t, "old", p.get("/data/k").body)
	}
	reply.Store(answered(451, ""))
	eventually(t, "the value is withdrawn", func() bool { return badGateway(a.get("/data/k")) })
	reply.Store(answered(503, "", "Retry-After: 60"))
	eventually(t, "the other instance has dropped its copy", func() bool {
		return strings.Contains(b.get("/explain/k").body, `"l1":{"state":"none"}`)
	})
	eventually(t, "the source is asked after the withdrawal has cooled down", func() bool {
		return strings.Contains(b.get("/data/k").body, "source-failed")
	})
	asked := o.asked.Load()
	for _, p := range []*program{a, b} {
		require.True(t, badGateway(p.get("/data/k")))
	}
	require.Equal(t, asked, o.asked.Load())
}

func badGateway(a answer) bool { return a.status == http.StatusBadGateway }
