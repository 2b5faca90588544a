package edge

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRequestLinesBeyondTheLimitAreRefused(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_ORACLE_DELAY=0")
	for size, status := range map[int]int{15 << 10: 200, 17 << 10: 431, 30 << 10: 431, 100 << 10: 431, 1 << 20: 431} {
		conn := p.dial()
		go io.WriteString(conn, "GET /data/k?"+strings.Repeat("q", size)+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		require.Equal(t, status, p.read(conn, "GET").status, size)
	}
	got := p.get("/data/k?" + strings.Repeat("q", 17<<10))
	require.Contains(t, got.body, "urn:mlcache:header-too-large")
}

// A key is a part of the request line. Those that are kept do not keep the line.
func TestKeysDoNotKeepTheirRequestLines(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_ORACLE_DELAY=0", "MLCACHE_L1_MAX_ENTRIES=20000", "MLCACHE_TTL=1h", "MLCACHE_REFRESH_AHEAD=0")
	query := strings.Repeat("q", 15<<10)
	p.stream(10_000, func(i int) string { return fmt.Sprintf("/data/key%d?%s", i, query) }, func(a answer) { // 150 MB
		require.Equal(t, http.StatusOK, a.status)
	})
	require.GreaterOrEqual(t, p.counted("l1_entries"), 10_000.0)
	require.Less(t, p.counted("l1_bytes"), float64(8*mib))
	require.Less(t, p.peak(), 160*mib)
}

func TestLongRequestLinesHoldNoMemory(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_ORACLE_DELAY=0")
	query := strings.Repeat("q", 500_000)
	for i := range 400 {
		conn := p.dial()
		go func() {
			defer conn.Close()
			io.WriteString(conn, fmt.Sprintf("GET /data/key%d?%s HTTP/1.1\r\nHost: x\r\n\r\n", i, query))
			_, _ = io.Copy(io.Discard, conn)
		}()
	}
	eventually(t, "all are gone", func() bool { return p.get("/health").status == http.StatusOK })
	require.Less(t, p.peak(), 160*mib)
}
