package edge

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// pause is between what a slow client does, not for something to have happened.
func pause(ms int) { time.Sleep(time.Duration(ms) * time.Millisecond) }

// originOf answers each key with a value of that many bytes.
func originOf(t *testing.T, bytes int) string {
	t.Helper()
	value := []byte(`"` + strings.Repeat("v", bytes-2) + `"`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(value)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// counted returns a number of /metrics.
func (p *program) counted(name string) float64 {
	p.t.Helper()
	var all map[string]float64
	require.NoError(p.t, json.Unmarshal([]byte(p.get("/metrics").body), &all))
	return all[name]
}

// modest requires that the process never was large, L1 and an embedded L2 with
// their overhead included.
func (p *program) modest() {
	p.t.Helper()
	require.Less(p.t, p.peak(), 192*mib)
}

func setLimit(t *testing.T, p *program, files uint64) {
	t.Helper()
	limit := unix.Rlimit{Cur: files, Max: files}
	require.NoError(t, unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_NOFILE, &limit, nil))
}
