package edge

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// head is the head of a request whose body has n bytes.
func (p *program) head(method, target string, n int, lines ...string) string {
	lines = append([]string{"Host: " + p.addr, fmt.Sprintf("Content-Length: %d", n)}, lines...)
	return method + " " + target + " HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// closed requires that the program closes the connection, and returns what came
// before.
func closed(t *testing.T, conn net.Conn) string {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	all, err := io.ReadAll(conn)
	var timeout net.Error
	if assert.NotErrorAs(t, err, &timeout, "the connection stays open") {
		return string(all)
	}
	return ""
}

const (
	asJSON   = "Content-Type: application/json"
	withinIt = "Authorization: Bearer " + token
)

func TestAnswersThatDoNotNeedTheBodyDoNotWaitForIt(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_REQUEST_TIMEOUT=10m", "MLCACHE_ORACLE_DELAY=0")
	for _, c := range []struct {
		head   string
		status int
	}{
		{p.head("PUT", "/data/k", 50), 401},
		{p.head("PUT", "/data/%00", 50, withinIt), 400},
		{p.head("PUT", "/data/k", 2*mib, withinIt), 413},
		{p.head("PUT", "/data/k", 2*mib, withinIt, "Expect: 100-continue"), 413},
		{p.head("DELETE", "/data/k", 50, withinIt), 204},
		{p.head("GET", "/data/k", 50), 200},
		{p.head("POST", "/nothing", 50), 404},
		{p.head("POST", "/health", 50), 405},
		{p.head("POST", "/batch", 50), 415},
		{p.head("POST", "/batch", 5*mib, asJSON), 413},
		{strings.Replace(p.head("POST", "/nothing", 0), "Content-Length: 0", "Transfer-Encoding: chunked", 1), 404},
	} {
		conn := p.dial()
		io.WriteString(conn, c.head+"{")
		got := p.read(conn, "")
		require.Equal(t, c.status, got.status, c.head)
		closed(t, conn)
	}
	p.modest()
}

func TestABodyThatStopsIsClosedWithinTheRequestTimeout(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_REQUEST_TIMEOUT=1s")
	for _, head := range []string{p.head("POST", "/batch", 50, asJSON), p.head("PUT", "/data/k", 50, withinIt)} {
		conn := p.dial()
		io.WriteString(conn, head+"{")
		require.Contains(t, closed(t, conn), "urn:mlcache:body-too-slow", head)
	}
	p.modest()
}

func TestABodyThatTricklesIsClosedWithinTheRequestTimeout(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_REQUEST_TIMEOUT=1s")
	conn := p.dial()
	io.WriteString(conn, p.head("POST", "/batch", 1<<20, asJSON))
	eventually(t, "the connection is closed", func() bool {
		time.Sleep(20 * time.Millisecond) // between its bytes
		_, err := io.WriteString(conn, " ")
		return err != nil
	})
	p.modest()
}

func TestAHeaderThatStopsIsClosed(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_REQUEST_TIMEOUT=1s")
	conn := p.dial()
	io.WriteString(conn, "GET /data/k HTTP/1.1\r\nHost: x\r\n")
	require.Empty(t, closed(t, conn))
	p.modest()
}

func TestAConnectionWhoseBodyWasReadIsUsedAgain(t *testing.T) {
	t.Parallel()
	p := start(t)
	conn := p.dial()
	for range 3 {
		io.WriteString(conn, p.head("PUT", "/data/k", 5, withinIt)+"value")
		require.Equal(t, http.StatusNoContent, p.read(conn, "PUT").status)
	}
}

func TestTheEndDoesNotWaitForBodies(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_REQUEST_TIMEOUT=10m", "MLCACHE_SHUTDOWN_TIMEOUT=10m")
	for range 20 {
		for _, head := range []string{
			p.head("POST", "/batch", 50, asJSON), p.head("PUT", "/data/k", 50, withinIt), p.head("POST", "/nothing", 50), "GET /data/k HTTP/1.1\r\n",
		} {
			io.WriteString(p.dial(), head+"{")
		}
	}
	require.Equal(t, http.StatusOK, p.get("/health").status, "they were accepted before this")
	p.signal(syscall.SIGTERM)
	require.NoError(t, p.wait())
	require.NotContains(t, p.log.String(), "were cancelled")
}

func TestBodiesThatStallHoldWhatArrivedAndAllTogetherABudget(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_L1_MAX_BYTES=8MiB", "MLCACHE_REQUEST_TIMEOUT=1m")
	const n = 400
	for i := range n {
		conn := p.dial()
		io.WriteString(conn, p.head("POST", "/batch", 4*mib, asJSON)+strings.Repeat(" ", i%3*300_000))
	}
	require.Equal(t, http.StatusOK, p.get("/health").status)
	require.Less(t, p.peak(), 200*mib)
}

func TestBodiesBeyondTheBudgetAreRefused(t *testing.T) {
	t.Parallel()
	p := start(t)
	var refusal atomic.Value
	for range 20 { // 80 MB
		go func() { // one that comes too late on a busy machine is answered otherwise, and begins again
			for refusal.Load() == nil && t.Context().Err() == nil {
				if got := p.trickle(); strings.Contains(got, "HTTP/1.1 503 ") {
					refusal.Store(got)
				}
			}
		}()
	}
	eventually(t, "a body is refused", func() bool { return refusal.Load() != nil })
	require.Contains(t, refusal.Load(), "Retry-After: ")
	a := p.do("POST", "/batch", `{"keys":[]}`, asJSON)
	require.Equal(t, http.StatusOK, a.status, "small bodies still are taken")
	p.modest()
}

// trickle sends most of a body of 4 MB at once and then goes on slowly. It returns what
// is answered.
func (p *program) trickle() string {
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	go func() {
		_, err := io.WriteString(conn, p.head("POST", "/batch", 4_000_000, asJSON)+strings.Repeat(" ", 3_900_000))
		for err == nil {
			pause(500)
			_, err = io.WriteString(conn, " ")
		}
	}()
	all, _ := io.ReadAll(conn)
	return string(all)
}

// A client that sends nothing more may close its side at once.
func TestAHalfClosedClientGetsItsAnswer(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_ORACLE_DELAY=300ms")
	for i, request := range []string{
		"GET /data/a%d HTTP/1.0\r\n\r\n", "GET /data/b%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"GET /data/c%d HTTP/1.1\r\nHost: x\r\n\r\n", "GET /data/d%d HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	} {
		conn := p.dial()
		io.WriteString(conn, fmt.Sprintf(request, i))
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
		require.Equal(t, http.StatusOK, p.read(conn, "GET").status, request)
	}
	body := `{"keys":["c"]}`
	conn := p.dial()
	io.WriteString(conn, p.head("POST", "/batch", len(body), asJSON, "Connection: close")+body)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	require.Contains(t, p.read(conn, "POST").body, "Data for c")
	p.modest()
}

// The end of what a client sends may arrive while an answer is being written.
func TestAHalfClosedClientGetsAllItsAnswers(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_ORACLE_DELAY=10ms")
	p.put("large", strings.Repeat("v", mib))
	conn := p.dial()
	io.WriteString(conn, strings.Repeat("GET /data/large HTTP/1.1\r\nHost: x\r\n\r\n", 8)+"GET /data/last HTTP/1.1\r\nHost: x\r\n\r\n")
	eventually(t, "the first is written", func() bool { return p.counted("l1_hits") > 0 })
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	pause(300)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	all, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Equal(t, 9, strings.Count(string(all), "HTTP/1.1 200 OK\r\n"))
	require.Contains(t, string(all), "Data for last")
}

// Sending the first bytes of the answer ahead, the service notices who has left: the
// load ends with its last waiter.
func TestAClientThatHasLeftIsToldFromOneThatIsHalfClosed(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_ORACLE_DELAY=10m", "MLCACHE_SOURCE_TIMEOUT=10m", "MLCACHE_REQUEST_TIMEOUT=10m")
	for _, last := range []string{"", "Connection: close\r\n"} {
		abandoned := p.counted("abandoned")
		conn := p.dial()
		io.WriteString(conn, "GET /data/left HTTP/1.1\r\nHost: x\r\n"+last+"\r\n")
		eventually(t, "the load begins", func() bool { return p.counted("source_calls_under_way") == 1 })
		conn.Close()
		eventually(t, "the load ends", func() bool { return p.counted("source_calls_under_way") == 0 })
		eventually(t, "the request counts as abandoned", func() bool { return p.counted("abandoned") == abandoned+1 })
	}
	p.modest()

	p = start(t, "MLCACHE_ORACLE_DELAY=10m", "MLCACHE_SOURCE_TIMEOUT=10m", "MLCACHE_REQUEST_TIMEOUT=3s")
	conn := p.dial()
	io.WriteString(conn, "GET /data/slow HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	a := p.read(conn, "GET")
	require.Equal(t, http.StatusGatewayTimeout, a.status, "after all bytes that can be sent ahead")
	require.Contains(t, a.body, "urn:mlcache:took-too-long")
	p.modest()
}
