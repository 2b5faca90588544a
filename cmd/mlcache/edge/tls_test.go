package edge

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// certified returns the settings of TLS, with a certificate for 127.0.0.1.
func certified(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	_, err := redistest.NewCertificate(dir)
	require.NoError(t, err)
	return []string{"MLCACHE_TLS_CERT=" + filepath.Join(dir, "server.pem"), "MLCACHE_TLS_KEY=" + filepath.Join(dir, "server.key")}
}

// encrypted returns a connection to the program on which TLS is spoken. It does not
// check the certificate.
func (p *program) encrypted() *tls.Conn {
	p.t.Helper()
	for {
		began := time.Now()
		conn := tls.Client(p.dial(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
		require.NoError(p.t, conn.SetDeadline(began.Add(patience)))
		if err := conn.Handshake(); time.Since(began) < late {
			require.NoError(p.t, err)
			return conn
		}
		_ = conn.Close()
	}
}

// ask sends a request on an encrypted connection of its own.
func (p *program) ask(request string) answer {
	p.t.Helper()
	conn := p.encrypted()
	defer func() { _ = conn.Close() }()
	_, err := io.WriteString(conn, request)
	require.NoError(p.t, err)
	method, _, _ := strings.Cut(request, " ")
	return p.read(conn, method)
}

const askHealth = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

func TestOverTLSTheServiceSpeaksHTTP11(t *testing.T) {
	t.Parallel()
	p := start(t, certified(t)...)
	conn := p.encrypted()
	require.Equal(t, "http/1.1", conn.ConnectionState().NegotiatedProtocol, "h2 was offered too")
	require.Equal(t, http.StatusNoContent, p.ask(p.head("PUT", "/data/k", 5, withinIt, "Connection: close")+"value").status)
	for range 3 { // on one connection
		_, err := io.WriteString(conn, "GET /data/k HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		require.Equal(t, "value", p.read(conn, "GET").body)
	}
	old := tls.Client(p.dial(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11})
	require.Error(t, old.Handshake())
	only := tls.Client(p.dial(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	require.ErrorContains(t, only.Handshake(), "no application protocol")
	p.signal(syscall.SIGTERM)
	require.NoError(t, p.wait())
}

func TestHTTPOnAPortForTLSIsAProblem(t *testing.T) {
	t.Parallel()
	p := start(t, certified(t)...)
	for _, request := range []string{askHealth, "PUT /data/k HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n" + strings.Repeat("v", 9000)} {
		a := p.send(request)
		require.Equal(t, http.StatusBadRequest, a.status)
		require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
		require.Contains(t, a.body, "urn:mlcache:tls-required")
		require.Contains(t, a.body, a.header.Get("X-Request-Id"))
	}
	conn := p.dial()
	_, err := conn.Write([]byte("neither of them\r\n\r\n"))
	require.NoError(t, err)
	require.NotContains(t, closed(t, conn), "HTTP")
}

func TestAHandshakeThatStopsIsClosed(t *testing.T) {
	t.Parallel()
	p := start(t, append(certified(t), "MLCACHE_MAX_CONNECTIONS=2", "MLCACHE_REQUEST_TIMEOUT=1s")...)
	for range 2 {
		conn := p.dial()
		_, err := conn.Write([]byte{22, 3, 1, 1, 0}) // a record of 256 bytes, which do not come
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
	}
	eventually(t, "there is room again", func() bool {
		conn := tls.Client(p.dial(), &tls.Config{InsecureSkipVerify: true})
		defer func() { _ = conn.Close() }()
		return conn.Handshake() == nil
	})
}

func TestOverTLSABodyThatStopsIsClosed(t *testing.T) {
	t.Parallel()
	p := start(t, append(certified(t), "MLCACHE_REQUEST_TIMEOUT=1s")...)
	conn := p.encrypted()
	_, err := io.WriteString(conn, p.head("PUT", "/data/k", 50, withinIt)+"half")
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestTimeout, p.read(conn, "PUT").status)
	require.Empty(t, closed(t, conn))
}

func TestOverTLSAReaderThatStopsIsClosedAndItsSlotIsFreed(t *testing.T) {
	t.Parallel()
	p := start(t, append(certified(t), "MLCACHE_REQUEST_TIMEOUT=1s", "MLCACHE_MAX_CONNECTIONS=2", "MLCACHE_MAX_VALUE_BYTES=16MiB",
		"MLCACHE_SOURCE_URL="+originOf(t, 16*mib)+"/{key}", "MLCACHE_SOURCE_TIMEOUT=1m")...)
	stalled := 0
	for stalled < 2 { // the first may have to wait for the load, for which the time is short
		conn := tls.Client(p.dial(), &tls.Config{InsecureSkipVerify: true})
		require.NoError(t, conn.NetConn().(*net.TCPConn).SetReadBuffer(4096))
		require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
		if _, err := io.WriteString(conn, "GET /data/k HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			continue
		}
		status := make([]byte, len("HTTP/1.1 200"))
		if _, err := io.ReadFull(conn, status); err == nil && string(status) == "HTTP/1.1 200" {
			stalled++
			continue
		}
		_ = conn.Close()
	}
	eventually(t, "a connection has room again", func() bool {
		conn := tls.Client(p.dial(), &tls.Config{InsecureSkipVerify: true})
		defer func() { _ = conn.Close() }()
		return conn.Handshake() == nil
	})
}

func TestOverTLSAConnectionTooManyGetsAnAlert(t *testing.T) {
	t.Parallel()
	p := start(t, append(certified(t), "MLCACHE_MAX_CONNECTIONS=1")...)
	kept := p.encrypted()
	_, err := io.WriteString(kept, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, p.read(kept, "GET").status)
	for range 3 {
		refused := tls.Client(p.dial(), &tls.Config{InsecureSkipVerify: true})
		require.ErrorContains(t, refused.Handshake(), "internal error")
	}
	require.NoError(t, kept.Close())
	eventually(t, "there is room again", func() bool {
		conn := tls.Client(p.dial(), &tls.Config{InsecureSkipVerify: true})
		defer func() { _ = conn.Close() }()
		return conn.Handshake() == nil
	})
}

func TestOverTLSAClientThatHasEndedItsSideGetsItsAnswer(t *testing.T) {
	t.Parallel()
	p := start(t, append(certified(t), "MLCACHE_ORACLE_DELAY=1s")...)
	conn := p.encrypted()
	_, err := io.WriteString(conn, "GET /data/k HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, conn.CloseWrite())
	require.Equal(t, http.StatusOK, p.read(conn, "GET").status)
}

// Large values, which no layer holds, for clients that do not read them.
func TestOverTLSSlowReadersHoldABudget(t *testing.T) {
	t.Parallel()
	p := start(t, append(certified(t), "MLCACHE_L1_MAX_BYTES=8MiB", "MLCACHE_REDIS_URL="+redistest.Start(t).URL(), "MLCACHE_L2_TIMEOUT=1m",
		"MLCACHE_SOURCE_URL="+originOf(t, mib)+"/{key}", "MLCACHE_REFRESH_AHEAD=0", "MLCACHE_REQUEST_TIMEOUT=1m")...)
	for i := range 300 {
		conn := p.encrypted()
		require.NoError(t, conn.NetConn().(*net.TCPConn).SetReadBuffer(4096))
		_, err := io.WriteString(conn, strings.Repeat(fmt.Sprintf("GET /data/k%d HTTP/1.1\r\nHost: x\r\n\r\n", i), 5))
		require.NoError(t, err)
	}
	eventually(t, "all have asked", func() bool {
		a := p.ask("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		var n int
		_, err := fmt.Sscan(regexp.MustCompile(`"requests":(\d+)`).FindStringSubmatch(a.body)[1], &n)
		return err == nil && n >= 300
	})
	require.Less(t, p.peak(), (8+256)*mib)
}
