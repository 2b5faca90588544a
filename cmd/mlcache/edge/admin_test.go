package edge

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// admin returns the program at its admin address.
func (p *program) admin() *program {
	p.t.Helper()
	var found []string
	eventually(p.t, "it listens there, too", func() bool {
		found = regexp.MustCompile(`for those that run the service" addr=([0-9.:]+)\s`).FindStringSubmatch(p.log.String())
		return found != nil
	})
	other := *p
	other.addr = found[1]
	return &other
}

func TestTheAdminAddressServesWhatThePublicOneDoesNot(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_ADMIN_ADDR=127.0.0.1:0")
	admin := p.admin()
	for _, target := range []string{"/metrics", "/dashboard", "/explain/k", "/debug/pprof/", "/debug/pprof/goroutine"} {
		require.Equal(t, http.StatusNotFound, p.get(target).status, target)
		require.Equal(t, http.StatusOK, admin.get(target).status, target)
	}
	require.Equal(t, http.StatusOK, p.get("/ready").status)
	require.Equal(t, http.StatusOK, admin.get("/ready").status)
	p.signal(syscall.SIGTERM)
	require.NoError(t, p.wait())
}

func TestTheAdminAddressAnswersWhileClientsTakeAllConnections(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_ADMIN_ADDR=127.0.0.1:0", "MLCACHE_MAX_CONNECTIONS=1")
	admin := p.admin()
	kept := p.dial()
	_, err := io.WriteString(kept, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, p.read(kept, "GET").status)
	require.Equal(t, http.StatusServiceUnavailable, p.get("/health").status)
	require.Equal(t, http.StatusOK, admin.get("/health").status)
	require.Zero(t, ends(t, []string{"MLCACHE_ADDR=" + p.addr, "MLCACHE_ADMIN_ADDR=" + admin.addr}, "healthcheck").status)
	require.Equal(t, 1, ends(t, []string{"MLCACHE_ADDR=" + p.addr}, "healthcheck").status)
}

func TestTheHealthcheckAsksByTLS(t *testing.T) {
	t.Parallel()
	settings := certified(t)
	p := start(t, append(settings, "MLCACHE_ADMIN_ADDR=127.0.0.1:0")...)
	for _, addr := range []string{"MLCACHE_ADDR=" + p.addr, "MLCACHE_ADMIN_ADDR=" + p.admin().addr} {
		require.Equal(t, outcome{}, ends(t, append(settings, addr), "healthcheck"))
	}
	require.Equal(t, 1, ends(t, []string{"MLCACHE_ADDR=" + p.addr}, "healthcheck").status, "without TLS")
}

// A profile may take longer than a request may take to arrive.
func TestAProfileLastsAsLongAsItIsAskedTo(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_ADMIN_ADDR=127.0.0.1:0", "MLCACHE_REQUEST_TIMEOUT=1s")
	began := time.Now()
	a := p.admin().get("/debug/pprof/profile?seconds=7")
	require.Equal(t, http.StatusOK, a.status)
	require.True(t, strings.HasPrefix(a.body, "\x1f\x8b"), "it is compressed")
	require.GreaterOrEqual(t, time.Since(began), 7*time.Second)
}

func TestReadingNeedsTheTokenThatIsSet(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_READ_TOKEN=a-token-for-reading-values", "MLCACHE_ORACLE_DELAY=0")
	for authorization, status := range map[string]int{
		"X: y": 401, withinIt: 200, "Authorization: Bearer a-token-for-reading-values": 200, "Authorization: Bearer nonsense": 401,
	} {
		require.Equal(t, status, p.get("/data/k", authorization).status, authorization)
		require.Equal(t, status, p.get("/explain/k", authorization).status, authorization)
		require.Equal(t, status, p.do("POST", "/batch", `{"keys":["k"]}`, asJSON, authorization).status, authorization)
	}
	require.Equal(t, http.StatusOK, p.get("/metrics").status)
	require.NotContains(t, p.log.String(), "reading-values")
}

func TestWrongSettingsOfAddressesAndTokensStopTheStart(t *testing.T) {
	t.Parallel()
	pair := certified(t)
	for _, c := range []struct {
		settings []string
		says     string
	}{
		{[]string{"MLCACHE_ADMIN_ADDR=9000"}, "MLCACHE_ADMIN_ADDR (--admin-addr)"},
		{[]string{"MLCACHE_ADMIN_ADDR=127.0.0.1:8000"}, "another port"},
		{pair[:1], "MLCACHE_TLS_KEY (--tls-key)"},
		{pair[1:], "MLCACHE_TLS_KEY (--tls-key)"},
		{[]string{"MLCACHE_TLS_CERT=/no/such", pair[1]}, "MLCACHE_TLS_CERT (--tls-cert)"},
		{[]string{pair[0], "MLCACHE_TLS_KEY=" + strings.TrimPrefix(pair[0], "MLCACHE_TLS_CERT=")}, "MLCACHE_TLS_CERT (--tls-cert)"},
		{[]string{"MLCACHE_READ_TOKEN=hun ter2"}, "MLCACHE_READ_TOKEN (--read-token)"},
		{[]string{"MLCACHE_READ_TOKEN_FILE=hunter2"}, "MLCACHE_READ_TOKEN_FILE (--read-token-file)"},
		{[]string{"MLCACHE_READ_TOKEN=hunter2", "MLCACHE_READ_TOKEN_FILE=x"}, "MLCACHE_READ_TOKEN_FILE (--read-token-file)"},
	} {
		got := ends(t, c.settings)
		require.Equal(t, 2, got.status, c)
		require.Contains(t, got.stderr, c.says)
		require.NotContains(t, got.stderr, "ter2", c)
	}
}
