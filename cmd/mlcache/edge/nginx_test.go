package edge

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// nginx is a real one that serves files, and what it logs of each request.
type nginx struct {
	t    *testing.T
	addr string
	dir  string
}

// nginxConfig has all files in the folder given with -p. It logs how it answered, and
// the conditions of the request.
const nginxConfig = `daemon off;
master_process off;
pid nginx.pid;
error_log stderr error;
events { worker_connections 64; }
http {
	log_format asked escape=none '$status $uri [$http_if_none_match] [$http_if_modified_since] $body_bytes_sent';
	access_log asked.log asked;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	root files;
	server {
		listen %s;
		location /hour { expires 1h; }
		location /each { expires epoch; }
		location /dated { etag off; add_header Cache-Control "s-maxage=300, max-age=3600"; }
		location /private { add_header Cache-Control private; }
		location /tagged { add_header Surrogate-Key "b a"; add_header Cache-Tag "c"; }
	}
}
`

// startNginx starts one that has these files, all with the body "old", and ends it
// with the test. Where there is no nginx the test is left out.
func startNginx(t *testing.T, files ...string) *nginx {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		skipAloud(t, "no nginx (Debian: apt-get install nginx)")
	}
	n := &nginx{t: t, dir: t.TempDir(), addr: net.JoinHostPort("127.0.0.1", fmt.Sprint(redistest.FreePort(t)))}
	require.NoError(t, os.Mkdir(filepath.Join(n.dir, "files"), 0o755))
	for _, file := range files {
		n.write(file, "old", time.Now().Add(-time.Hour))
	}
	config := filepath.Join(n.dir, "nginx.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, nginxConfig, n.addr), 0o600))
	cmd := exec.Command(program, "-e", "stderr", "-p", n.dir, "-c", config)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, "nginx listens", func() bool {
		conn, err := net.Dial("tcp", n.addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return n
}

// write makes or changes a file, as of that time.
func (n *nginx) write(file, body string, modified time.Time) {
	n.t.Helper()
	path := filepath.Join(n.dir, "files", file)
	require.NoError(n.t, os.WriteFile(path, []byte(body), 0o644))
	require.NoError(n.t, os.Chtimes(path, modified, modified))
}

// asked returns what nginx has logged of its answers for a file, the count of which is
// known. It logs them after it has sent them.
func (n *nginx) asked(file string, answers int) (lines []string) {
	n.t.Helper()
	eventually(n.t, fmt.Sprint("nginx logs ", answers, " answers for ", file), func() bool {
		log, err := os.ReadFile(filepath.Join(n.dir, "asked.log"))
		require.NoError(n.t, err)
		lines = nil
		for line := range strings.Lines(string(log)) {
			if strings.Contains(line, " /"+file+" ") {
				lines = append(lines, line)
			}
		}
		return len(lines) >= answers
	})
	require.Len(n.t, lines, answers)
	return lines
}

func TestNginxConfirmsWhatDidNotChangeWithoutABody(t *testing.T) {
	t.Parallel()
	n := startNginx(t, "hour", "each", "dated", "private", "tagged")
	p := start(t, "MLCACHE_SOURCE_URL=http://"+n.addr+"/{key}", "MLCACHE_SOURCE_FRESHNESS=follow", "MLCACHE_TTL=10m", "MLCACHE_REFRESH_AHEAD=0")
	read := func(file, body, status string, lines ...string) answer {
		t.Helper()
		got := p.get("/data/"+file, lines...)
		require.Equal(t, http.StatusOK, got.status)
		require.Equal(t, body, got.body)
		require.Contains(t, got.header.Get("Cache-Status"), status, file)
		return got
	}
	for file, ttl := range map[string]int{"hour": 3600, "dated": 300, "tagged": 600} {
		require.Equal(t, ttl, wholeTTL(t, read(file, "old", "fwd-status=200; stored")), file)
		read(file, "old", "; hit; ")
		require.Equal(t, ttl, wholeTTL(t, read(file, "old", "fwd=request; fwd-status=304; stored", reload, authorized)), file)
		n.write(file, "new", time.Now().Add(-time.Minute))
		read(file, "new", "fwd=request; fwd-status=200; stored", reload, authorized)
		read(file, "new", "fwd=request; fwd-status=304; stored", reload, authorized)

		asked := n.asked(file, 4)
		for i, status := range []string{"200", "304", "200", "304"} {
			require.Equal(t, status, asked[i][:3], asked[i])
			require.Equal(t, i == 0, strings.Contains(asked[i], " [] [] "), "all but the first are conditional: %s", asked[i])
			require.Equal(t, file != "dated" && i > 0, strings.Contains(asked[i], `"`), asked[i])
			if status == "304" {
				require.True(t, strings.HasSuffix(asked[i], " 0\n"), "without a body: %s", asked[i])
			}
		}
	}
	require.Contains(t, p.get("/explain/tagged").body, `"tags":["a","b","c"]`)

	read("each", "old", "fwd=uri-miss; fwd-status=200; ttl")
	for range 3 {
		read("each", "old", "fwd=stale; fwd-status=304; ttl")
	}
	n.asked("each", 4)
	for range 3 {
		read("private", "old", "fwd=uri-miss; fwd-status=200; ttl")
	}
	for _, line := range n.asked("private", 3) {
		require.Contains(t, line, "200 /private [] [] 3")
	}
}
