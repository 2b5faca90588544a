package edge

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// outcome is how the program ended, and what it wrote.
type outcome struct {
	status         int
	stdout, stderr string
}

// ends runs the program with these settings and arguments until it ends by itself.
func ends(t *testing.T, settings []string, args ...string) outcome {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = append(clean(os.Environ()), settings...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func TestAWrongCommandLineOrSettingIsOneLineAndStatusTwo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		settings, args []string
		says           string
	}{
		{nil, []string{"--no-such"}, "unknown flag --no-such"},
		{nil, []string{"nonsense"}, "unexpected argument nonsense"},
		{nil, []string{"version", "nonsense"}, "unexpected argument nonsense"},
		{nil, []string{"help", "nonsense"}, "unexpected argument nonsense"},
		{nil, []string{"--ttl=0s"}, "MLCACHE_TTL (--ttl)"},
		{[]string{"MLCACHE_TTL=soon"}, nil, `MLCACHE_TTL="soon"`},
		{[]string{"MLCACHE_TLL=1s"}, nil, "did you mean MLCACHE_TTL?"},
		{[]string{"MLCACHE_SOURCE=http"}, nil, "MLCACHE_SOURCE_URL"},
		{[]string{"MLCACHE_SOURCE=oracle", "MLCACHE_SOURCE_URL=http://u:hunter2@h/{key}"}, nil, "MLCACHE_SOURCE (--source)"},
		{[]string{"MLCACHE_SOURCE_URL=http://u:hunter2@h/"}, nil, "MLCACHE_SOURCE_URL (--source-url)"},
		{[]string{"MLCACHE_REDIS_URL=redis://:hunter2@h:port"}, nil, "MLCACHE_REDIS_URL (--redis-url)"},
		{[]string{"MLCACHE_TOKEN=hun ter2"}, nil, "MLCACHE_TOKEN (--token)"},
		{[]string{"MLCACHE_TOKEN_FILE=hunter2"}, nil, "MLCACHE_TOKEN_FILE (--token-file)"},
		{[]string{"OTEL_TRACES_EXPORTER=nonsense"}, nil, "OTEL_TRACES_EXPORTER"},
		{nil, []string{"healthcheck", "--addr=nonsense"}, "MLCACHE_ADDR (--addr)"},
	} {
		got := ends(t, c.settings, c.args...)
		require.Equal(t, 2, got.status, c)
		require.Empty(t, got.stdout, c)
		require.Contains(t, got.stderr, "mlcache: ", c)
		require.Contains(t, got.stderr, c.says)
		require.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
		require.NotContains(t, got.stderr, "ter2", c)
	}
}

func TestAnyOtherFailureIsStatusOne(t *testing.T) {
	t.Parallel()
	p := start(t)
	got := ends(t, nil, "--addr="+p.addr, "--log-format=json")
	require.Equal(t, 1, got.status)
	require.Contains(t, got.stderr, "cannot listen")
	requireJSON(t, got.stderr)
	require.Equal(t, 1, ends(t, nil, "healthcheck", "--addr=127.0.0.1:1").status)
	require.Equal(t, outcome{}, ends(t, nil, "healthcheck", "--addr="+p.addr))
	require.Equal(t, outcome{}, ends(t, []string{"MLCACHE_ADDR=" + p.addr}, "healthcheck"))
}

func TestHelpAndVersionGoToStandardOutput(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}, {"help", "healthcheck"}, {"healthcheck", "--help"}} {
		got := ends(t, []string{"MLCACHE_TTL=soon", "MLCACHE_TLL=1s"}, args...)
		require.Zero(t, got.status)
		require.Empty(t, got.stderr)
		require.Contains(t, got.stdout, "Usage: mlcache")
		require.Contains(t, got.stdout, "$MLCACHE_TTL")
	}
	for _, arg := range []string{"version", "-v", "--version"} {
		got := ends(t, []string{"MLCACHE_TTL=soon"}, arg)
		require.Zero(t, got.status)
		require.Empty(t, got.stderr)
		require.Equal(t, 1, strings.Count(got.stdout, "\n"))
	}
}

// guarded answers only requests that come with the password, and not all of them.
func guarded(t *testing.T, password string) *httptest.Server {
	t.Helper()
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, given, _ := r.BasicAuth()
		switch {
		case given != password, strings.HasSuffix(r.URL.Path, "/fails"):
			w.WriteHeader(http.StatusInternalServerError)
		case strings.HasSuffix(r.URL.Path, "/breaks-off"):
			panic(http.ErrAbortHandler)
		default:
			_, _ = io.WriteString(w, "value")
		}
	}))
	t.Cleanup(origin.Close)
	return origin
}

func TestASourceURLIsEnoughForAnHTTPSource(t *testing.T) {
	t.Parallel()
	origin := guarded(t, "")
	p := start(t, "MLCACHE_SOURCE=", "MLCACHE_SOURCE_URL="+origin.URL+"/{key}")
	require.Equal(t, "value", p.get("/data/k").body)
	require.Contains(t, p.get("/health").body, `"source":"http"`)
}

func TestSecretsAreShownNowhere(t *testing.T) {
	t.Parallel()
	const redisPassword, sourcePassword, proxyPassword, traceHeader = "pw-of-redis-1", "pw-of-source-2", "pw-of-proxy-3", "pw-of-traces-4"
	server := redistest.Start(t)
	server.Command("ACL", "SETUSER", "mlcache", "on", ">"+redisPassword, "~*", "&*", "+@all")
	other := redistest.Start(t) // knows no such user
	origin := guarded(t, sourcePassword)
	withPassword := func(url, password string) string { return strings.Replace(url, "://", "://mlcache:"+password+"@", 1) }
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(token+"\n"), 0o600))

	for name, c := range map[string]struct{ redis, source string }{
		"Redis answers":               {server.URL(), origin.URL},
		"Redis refuses the password":  {other.URL(), origin.URL},
		"Redis cannot be reached":     {"redis://127.0.0.1:1", origin.URL},
		"the source cannot be loaded": {server.URL(), "http://127.0.0.1:1"},
		"the proxy cannot be reached": {server.URL(), "http://source.example"}, // nor is the name looked up
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, "MLCACHE_LOG_LEVEL=debug", "MLCACHE_TOKEN=", "MLCACHE_TOKEN_FILE="+file,
				"MLCACHE_REDIS_URL="+withPassword(c.redis, redisPassword), "MLCACHE_SOURCE_URL="+withPassword(c.source, sourcePassword)+"/{key}",
				"HTTP_PROXY=http://mlcache:"+proxyPassword+"@127.0.0.1:1", "NO_PROXY=127.0.0.1",
				"OTEL_EXPORTER_OTLP_ENDPOINT=http://mlcache:"+traceHeader+"@127.0.0.1:1", "OTEL_EXPORTER_OTLP_HEADERS="+traceHeader+",authorization="+traceHeader)
			shown := p.askEverything()
			p.signal(syscall.SIGTERM)
			require.NoError(t, p.wait())
			shown += p.log.String()
			require.Contains(t, shown, "level=DEBUG msg=request")
			for _, secret := range []string{token, redisPassword, sourcePassword, proxyPassword, traceHeader,
				base64.StdEncoding.EncodeToString([]byte("mlcache:" + sourcePassword))} {
				require.NotContains(t, shown, secret)
			}
		})
	}
}

// askEverything sends a request of each kind and returns all answers.
func (p *program) askEverything() string {
	p.t.Helper()
	var shown strings.Builder
	note := func(a answer) {
		require.NoError(p.t, a.header.Write(&shown))
		shown.WriteString(a.body + "\n")
	}
	authorization := "Authorization: Bearer " + token
	for _, key := range []string{"k", "k", "fails", "fails", "breaks-off"} {
		note(p.get("/data/" + key))
		note(p.get("/explain/" + key))
	}
	for _, page := range []string{"/", "/health", "/ready", "/metrics", "/metrics?format=prometheus", "/dashboard", "/docs", "/docs/index.html", "/redoc", "/openapi.json", "/no-such-page"} {
		note(p.get(page, authorization))
	}
	note(p.do(http.MethodPost, "/batch", `{"keys":["k","fails"]}`, "Content-Type: application/json", authorization))
	for _, sent := range []string{authorization, authorization + "x", "Authorization: Basic " + token} {
		note(p.do(http.MethodPut, "/data/k", "by hand", sent))
		note(p.do(http.MethodDelete, "/data/k", "", sent))
	}
	note(p.send("GET /data/%zz HTTP/1.1\r\nHost: x\r\n" + authorization + "\r\nConnection: close\r\n\r\n"))
	return shown.String()
}

func TestTheTokenOfAFileIsTakenAndAShortOneIsWarnedOf(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("\n "+token+" \n"), 0o600))
	p := start(t, "MLCACHE_TOKEN=", "MLCACHE_TOKEN_FILE="+file)
	p.put("k", "by hand")
	require.NotContains(t, p.log.String(), "level=WARN")
	require.Equal(t, http.StatusUnauthorized, p.do(http.MethodDelete, "/data/k", "").status)
	require.Equal(t, http.StatusUnauthorized, p.do(http.MethodDelete, "/data/k", "", "Authorization: Bearer ").status)

	short := start(t, "MLCACHE_TOKEN= 15-bytes-long-- ")
	require.Equal(t, 1, strings.Count(short.log.String(), "level=WARN"), short.log.String())
	require.NotContains(t, short.log.String(), "15-bytes")
	require.Equal(t, http.StatusNoContent, short.do(http.MethodPut, "/data/k", "v", "Authorization: Bearer 15-bytes-long--").status)
}

func TestAfterSIGTERMReadySaysNoWhileTheRestIsServed(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_DRAIN_DELAY=1h", "MLCACHE_ORACLE_DELAY=0")
	eventually(t, "it is ready", func() bool { return p.get("/ready").status == http.StatusOK })
	p.signal(syscall.SIGTERM)
	eventually(t, "/ready says no", func() bool { return p.get("/ready").status == http.StatusServiceUnavailable })
	require.Equal(t, http.StatusOK, p.get("/data/cold").status)
	p.put("k", "by hand")
	require.Equal(t, http.StatusOK, p.get("/health").status)

	eventually(t, "a second signal ends the program", func() bool {
		return errors.Is(p.cmd.Process.Signal(syscall.SIGTERM), os.ErrProcessDone)
	})
	require.Error(t, p.wait())
	require.NotContains(t, p.log.String(), "bye")
}

func TestAfterTheDrainDelayTheProgramShutsDown(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_DRAIN_DELAY=50ms", "MLCACHE_LOG_FORMAT=json")
	p.signal(syscall.SIGTERM)
	require.NoError(t, p.wait())
	draining, over, found := strings.Cut(p.log.String(), `"drain_delay":"50ms"`)
	require.True(t, found)
	require.NotContains(t, draining, "shutting down")
	require.Contains(t, over, `"msg":"bye"`)
}

// requireJSON requires that each line of a log is a JSON object.
func requireJSON(t *testing.T, log string) (lines []map[string]any) {
	t.Helper()
	for line := range strings.Lines(log) {
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &fields), line)
		lines = append(lines, fields)
	}
	return lines
}

func TestEverythingThatIsLoggedIsInTheChosenFormat(t *testing.T) {
	t.Parallel()
	origin := guarded(t, "")
	p := start(t, "MLCACHE_LOG_FORMAT=json", "MLCACHE_LOG_LEVEL=debug", "MLCACHE_REDIS_URL=redis://127.0.0.1:1",
		"MLCACHE_SOURCE_URL="+origin.URL+"/{key}", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_BSP_MAX_QUEUE_SIZE=nonsense")
	require.Equal(t, http.StatusBadGateway, p.get("/data/fails").status)
	p.signal(syscall.SIGTERM)
	require.NoError(t, p.wait())
	about := map[string]map[string]any{}
	for _, fields := range requireJSON(t, p.log.String()) {
		about[fields["msg"].(string)] = fields
	}
	require.Equal(t, "fails", about["load failed"]["key"])
	require.Equal(t, "15s", about["shutting down"]["timeout"])
	require.Contains(t, p.log.String(), `"msg":"opentelemetry: `)
}
