package edge

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// stall asks for what it will not read.
func (p *program) stall(request string) net.Conn {
	p.t.Helper()
	conn := p.dial()
	require.NoError(p.t, conn.(*net.TCPConn).SetReadBuffer(4096))
	_, err := io.WriteString(conn, request)
	require.NoError(p.t, err)
	return conn
}

// large is what does not fit into the buffers of the kernel.
func large(t *testing.T, settings ...string) *program {
	t.Helper()
	shared := []string{"MLCACHE_MAX_VALUE_BYTES=16MiB", "MLCACHE_L1_MAX_BYTES=64MiB", "MLCACHE_REDIS_URL=" + redistest.Start(t).URL(), "MLCACHE_L2_TIMEOUT=1m"}
	start(t, append(shared, "MLCACHE_REQUEST_TIMEOUT=10m")...).put("large", strings.Repeat("v", 16*mib)) // however long that takes
	p := start(t, append(shared, settings...)...)
	eventually(t, "the value is in memory", func() bool { return p.do(http.MethodHead, "/data/large", "").status == http.StatusOK })
	return p
}

// stallsIn asks for the large value and reads no more than shows that it comes.
func (p *program) stallsIn() (comes bool) {
	p.t.Helper()
	conn := p.stall("GET /data/large HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(p.t, conn.SetReadDeadline(time.Now().Add(patience)))
	status := make([]byte, len("HTTP/1.1 200"))
	_, err := io.ReadFull(conn, status)
	if comes = err == nil && string(status) == "HTTP/1.1 200"; !comes {
		conn.Close()
	}
	return comes
}

func TestAReaderThatStopsIsClosedAndItsSlotIsFreed(t *testing.T) {
	t.Parallel()
	p := large(t, "MLCACHE_REQUEST_TIMEOUT=1s", "MLCACHE_MAX_CONNECTIONS=2")
	for range 2 {
		eventually(t, "a reader stops in the middle", p.stallsIn)
	}
	eventually(t, "a connection has room again", func() bool { return p.get("/health").status == http.StatusOK })
}

func TestTheEndDoesNotWaitForReaders(t *testing.T) {
	t.Parallel()
	p := large(t, "MLCACHE_REQUEST_TIMEOUT=10m", "MLCACHE_SHUTDOWN_TIMEOUT=10m")
	for range 3 {
		p.stall("GET /data/large HTTP/1.1\r\nHost: x\r\n\r\n")
		p.stall("GET /dashboard/events HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	require.Equal(t, http.StatusOK, p.get("/health").status)
	p.signal(syscall.SIGTERM)
	require.NoError(t, p.wait())
}

// A reader that is slow but reads on gets all of it.
func TestAReaderThatReadsOnIsNotClosed(t *testing.T) {
	t.Parallel()
	const timeout, lasts = 4 * time.Second, 5 * time.Second
	p := large(t, "MLCACHE_REQUEST_TIMEOUT="+timeout.String())
	conn := p.dial()
	io.WriteString(conn, "GET /data/large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	began := time.Now()
	n := 0
	for block := make([]byte, 64<<10); ; {
		m, err := io.ReadFull(conn, block)
		n += m
		if err != nil {
			break
		}
		if ahead := lasts*time.Duration(n)/(16*mib) - time.Since(began); ahead > 0 { // else the machine is slow enough
			time.Sleep(ahead)
		}
	}
	require.Greater(t, n, 16*mib)
	require.Greater(t, time.Since(began), timeout)
}

func TestConnectionsBeyondTheLimitAreRefusedClearly(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_MAX_CONNECTIONS=20")
	kept := make([]net.Conn, 20)
	for i := range kept {
		kept[i] = p.dial()
		io.WriteString(kept[i], "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
		require.Equal(t, http.StatusOK, p.read(kept[i], "GET").status)
	}
	for range 200 {
		got := p.get("/health")
		require.Equal(t, http.StatusServiceUnavailable, got.status)
		require.Equal(t, "application/problem+json", got.header.Get("Content-Type"))
		require.NotEmpty(t, got.header.Get("Retry-After"))
		require.Contains(t, got.body, "urn:mlcache:overloaded")
		require.NotEmpty(t, got.header.Get("X-Request-Id"))
		require.Contains(t, got.body, `"instance":"`+got.header.Get("X-Request-Id"))
	}
	kept[0].Close()
	eventually(t, "there is room again", func() bool { return p.get("/health").status == http.StatusOK })
	p.modest()
}

func TestAcceptErrorsAreWarnings(t *testing.T) {
	t.Parallel()
	p := start(t)
	began := time.Now()
	setLimit(t, p, 24)
	for range 100 {
		p.dial()
	}
	eventually(t, "a warning", func() bool { return strings.Contains(p.log.String(), "too many open files") })
	require.Contains(t, p.log.String(), "level=WARN")
	said := strings.Count(p.log.String(), "connections cannot be accepted")
	require.LessOrEqual(t, said, 1+int(time.Since(began)/(10*time.Second)), "at a limited rate")
	p.modest()
}

// Values that no layer holds any more are held by the answers under way alone, up to
// a budget.
func TestSlowReadersOfManyValuesHoldABudget(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_L1_MAX_BYTES=8MiB", "MLCACHE_REDIS_URL="+redistest.Start(t).URL(), "MLCACHE_L2_TIMEOUT=1m",
		"MLCACHE_SOURCE=http", "MLCACHE_SOURCE_URL="+originOf(t, mib)+"/{key}", "MLCACHE_REFRESH_AHEAD=0", "MLCACHE_REQUEST_TIMEOUT=1m")
	for i := range 600 {
		request := fmt.Sprintf("GET /data/k%d HTTP/1.1\r\nHost: x\r\n\r\n", i)
		p.stall(strings.Repeat(request, 5)) // more than the kernel takes
	}
	eventually(t, "all have asked", func() bool { return p.counted("requests") >= 600 })
	require.Less(t, p.peak(), (8+256)*mib)
}
