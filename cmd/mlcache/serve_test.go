package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

func TestTheFirstRequestLoadsAndTheSecondIsAnsweredFromMemory(t *testing.T) {
	in := start(t, "--oracle-delay=50ms")
	first := in.mustGet("/data/test")
	require.Equal(t, 200, first.status)
	require.JSONEq(t, `{"key":"test","value":"Data for test from Oracle"}`, first.body)
	require.Equal(t, "source", detail(first))
	second := in.mustGet("/data/test")
	require.Equal(t, first.body, second.body)
	require.Equal(t, first.header.Get("ETag"), second.header.Get("ETag"))
	require.Equal(t, "l1", detail(second))

	m := in.metrics()
	require.EqualValues(t, 1, m["cache_misses"])
	require.EqualValues(t, 1, m["l1_hits"])
	require.EqualValues(t, 2, m["requests"])
	require.Contains(t, in.mustGet("/health").body, `"l2":"embedded"`)
	require.Equal(t, 200, in.mustGet("/ready").status)
	require.Contains(t, in.log.String(), "MLCACHE_REDIS_URL is empty")
}

func TestThreeEntriesAreKeptAsAnLRUKeepsThem(t *testing.T) {
	in := start(t, "--oracle-delay=0", "--l1-max-entries=3")
	var got []string
	for _, key := range []string{"a", "b", "c", "a", "d", "b"} {
		got = append(got, detail(in.mustGet("/data/"+key)))
	}
	require.Equal(t, []string{"source", "source", "source", "l1", "source", "l2"}, got)
	m := in.metrics()
	require.EqualValues(t, 2, m["l1_evictions"], "d takes the place of b, then b that of c")
	require.EqualValues(t, 3, m["l1_entries"])
	for key, want := range map[string]string{"a": "l1", "d": "l1", "b": "l1"} {
		require.Equal(t, want, detail(in.mustGet("/data/"+key)))
	}
	require.Equal(t, "l2", detail(in.mustGet("/data/c")))
}

func TestThreeInstancesOnOneRedisLoadAColdKeyOnce(t *testing.T) {
	server := redistest.Start(t)
	var fleet []*instance
	for range 3 {
		fleet = append(fleet, start(t, "--redis-url="+server.URL(), "--oracle-delay=500ms", "--l2-timeout=20s", "--lock-ttl=1m"))
	}
	const requests = 300
	replies := make([]reply, requests)
	var all sync.WaitGroup
	for i := range requests {
		all.Go(func() {
			var err error
			replies[i], err = fleet[i%3].get("/data/cold")
			assert.NoError(t, err)
		})
	}
	all.Wait()
	for _, r := range replies {
		require.Equal(t, 200, r.status)
		require.Equal(t, replies[0].body, r.body)
		require.Equal(t, replies[0].header.Get("ETag"), r.header.Get("ETag"))
	}
	var misses, counted float64
	for _, in := range fleet {
		m := in.metrics()
		misses += m["cache_misses"]
		counted += m["requests"]
	}
	require.EqualValues(t, 1, misses)
	require.EqualValues(t, requests, counted)
}

func TestOneThousandRequestsForAColdKeyMakeOneCall(t *testing.T) {
	in := start(t, "--oracle-delay=500ms")
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			r, err := in.get("/data/cold")
			assert.NoError(t, err)
			assert.Equal(t, 200, r.status)
		})
	}
	all.Wait()
	m := in.metrics()
	require.EqualValues(t, 1, m["cache_misses"])
	require.EqualValues(t, 1000, m["requests"])
}

func TestARedisThatIsGoneCostsNoAnswerAndIsUsedAgainWhenItIsBack(t *testing.T) {
	server := redistest.Start(t)
	in := start(t, "--redis-url="+server.URL(), "--oracle-delay=10ms", "--l2-timeout=20s")
	eventually(t, "memory is trusted", func() bool { return in.metrics()["bus_up"] == 1 })
	require.Equal(t, "source", detail(in.mustGet("/data/a")))
	server.Kill()
	eventually(t, "it is noticed", func() bool { return strings.Contains(in.mustGet("/health").body, `"l2":"degraded"`) })
	require.Equal(t, "l1", detail(in.mustGet("/data/a")))
	require.Equal(t, "source", detail(in.mustGet("/data/b")))
	require.Equal(t, "l1", detail(in.mustGet("/data/b")))
	require.EqualValues(t, 1, in.metrics()["loads_unleased"])
	server.Restart()
	eventually(t, "Redis is used again", func() bool { return strings.Contains(in.mustGet("/health").body, `"l2":"ok"`) })
	require.Equal(t, "source", detail(in.mustGet("/data/c")))
	require.EqualValues(t, 1, in.metrics()["loads_unleased"])
}

func TestAnUnreachableRedisAtStartIsSaidAndDoesNotEndTheProgram(t *testing.T) {
	in := start(t, "--redis-url=redis://127.0.0.1:1", "--oracle-delay=0")
	require.Equal(t, 1, strings.Count(in.log.String(), "redis cannot be used"))
	require.Equal(t, 200, in.mustGet("/data/test").status)
	require.Contains(t, in.mustGet("/health").body, `"l2":"degraded","l2_reason":"the connection is refused"`)
	require.Equal(t, 200, in.mustGet("/ready").status)
}

func TestAnyRESTBackendCanBeTheSource(t *testing.T) {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v/missing":
			http.NotFound(w, r)
		case "/v/broken":
			w.WriteHeader(http.StatusInternalServerError)
		default:
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = io.WriteString(w, "value of "+r.URL.EscapedPath())
		}
	}))
	defer origin.Close()
	in := start(t, "--source=http", "--source-url="+origin.URL+"/v/{key}")
	r := in.mustGet("/data/a%2Fb%20c")
	require.Equal(t, "value of /v/a%2Fb%20c", r.body)
	require.Equal(t, "text/plain; charset=utf-8", r.header.Get("Content-Type"))
	require.Equal(t, 404, in.mustGet("/data/missing").status)
	require.Equal(t, 404, in.mustGet("/data/missing").status)
	require.Equal(t, 502, in.mustGet("/data/broken").status)
	require.Equal(t, 502, in.mustGet("/data/broken").status, "from the cool-down")
	require.EqualValues(t, 3, in.metrics()["cache_misses"])
}

func TestASourceThatTakesTooLongIs504(t *testing.T) {
	in := start(t, "--oracle-delay=1m", "--source-timeout=50ms")
	require.Equal(t, 504, in.mustGet("/data/k").status)
}

func TestADataDirectoryKeepsTheCacheOverARestart(t *testing.T) {
	dir := "--data-dir=" + t.TempDir()
	in := start(t, dir, "--oracle-delay=0", "--ttl=10m")
	body := in.mustGet("/data/test").body
	require.NoError(t, in.stop())
	again := start(t, dir, "--oracle-delay=0")
	r := again.mustGet("/data/test")
	require.Equal(t, "l2", detail(r))
	require.Equal(t, body, r.body)
}

func TestOnShutdownLoadsFinishWhileReadySaysNo(t *testing.T) {
	o := cachetest.StartOrigin(t)
	release := o.Hold("slow", cachetest.Plan{})
	in := start(t, "--source=http", "--source-url="+o.URL+"/v/{key}", "--source-timeout=10m", "--request-timeout=10m", "--shutdown-timeout=10m")
	loading := make(chan reply, 1)
	go func() {
		r, err := in.get("/data/slow")
		assert.NoError(t, err)
		loading <- r
	}()
	o.AwaitCall(t, "slow", 1)
	stopped := make(chan error, 1)
	go func() { stopped <- in.stop() }()
	eventually(t, "it is not ready", func() bool {
		r, err := in.get("/ready")
		return err == nil && r.status == 503
	})
	release()
	require.Equal(t, 200, (<-loading).status)
	require.NoError(t, <-stopped)
	_, err := in.get("/ready")
	require.Error(t, err, "nobody listens any more")
}

func TestAShutdownThatLastsTooLongGivesTheLeasesBack(t *testing.T) {
	server := redistest.Start(t)
	flags := []string{"--redis-url=" + server.URL(), "--oracle-delay=1h", "--source-timeout=1h", "--request-timeout=1h", "--shutdown-timeout=50ms", "--l2-timeout=20s", "--lock-ttl=1h"}
	in, other := start(t, flags...), start(t, append(flags, "--oracle-delay=0")...)
	cut := make(chan int, 1)
	go func() {
		r, _ := in.get("/data/k")
		cut <- r.status
	}()
	eventually(t, "the load begins", func() bool { return in.metrics()["cache_misses"] == 1 })
	require.NoError(t, in.stop())
	require.Equal(t, 503, <-cut)
	require.Equal(t, 200, other.mustGet("/data/k").status) // a lease not given back would cost an hour
}

func TestAHeaderHasTheTimeOfARequestAndFiveSecondsAtLeast(t *testing.T) {
	for request, header := range map[time.Duration]time.Duration{time.Millisecond: 5 * time.Second, 5 * time.Second: 5 * time.Second, time.Minute: time.Minute} {
		server := newServer(http.NotFoundHandler(), Config{RequestTimeout: request}, slog.New(slog.DiscardHandler))
		require.Equal(t, header, server.ReadHeaderTimeout)
		require.Equal(t, header+request, server.ReadTimeout, "the body has the time of a request, too")
	}
}

func TestTheHealthcheckCommandAsksTheRunningService(t *testing.T) {
	in := start(t)
	addr := strings.TrimPrefix(in.base, "http://")
	require.NoError(t, run(t.Context(), []string{"healthcheck", "--addr=" + addr}, io.Discard, io.Discard, nil))
	_, port, _ := strings.Cut(addr, ":")
	require.NoError(t, checkHealth(t.Context(), servedAt{addr: ":" + port}))
	require.NoError(t, in.stop())
	require.Error(t, checkHealth(t.Context(), servedAt{addr: addr}))
	require.Error(t, checkHealth(t.Context(), servedAt{addr: "nonsense"}))
}

func TestATakenPortIsOneClearLine(t *testing.T) {
	in := start(t)
	addr := strings.TrimPrefix(in.base, "http://")
	err := run(context.Background(), []string{"serve", "--addr=" + addr}, io.Discard, io.Discard, nil)
	require.ErrorContains(t, err, fmt.Sprintf("MLCACHE_ADDR (--addr): cannot listen on %q", addr))
	require.NotContains(t, err.Error(), "\n")
}

func TestTheHealthcheckAsksWhereTheServiceOfItsContainerListens(t *testing.T) {
	t.Setenv("MLCACHE_ADDR", ":1000")
	for name, c := range map[string]struct {
		process1 []string
		args     []string
		want     string
	}{
		"the environment":               {[]string{"/mlcache", "serve"}, nil, ":1000"},
		"a flag of the service":         {[]string{"/mlcache", "serve", "--ttl=1s", "--addr=:9000"}, nil, ":9000"},
		"a flag in two arguments":       {[]string{"/mlcache", "--addr", ":9000"}, nil, ":9000"},
		"below an init":                 {[]string{"/sbin/docker-init", "--", "/mlcache", "serve", "--addr=:9000"}, nil, ":9000"},
		"its own flag":                  {[]string{"/mlcache", "serve", "--addr=:9000"}, []string{"--addr=:9001"}, ":9001"},
		"itself is process 1":           {[]string{"/mlcache", "healthcheck"}, nil, ":1000"},
		"another program":               {[]string{"/sbin/init", "--addr=:9000"}, nil, ":1000"},
		"another command":               {[]string{"/mlcache", "version", "--addr=:9000"}, nil, ":1000"},
		"a command line that is wrong":  {[]string{"/mlcache", "--nonsense", "--addr=:9000"}, nil, ":1000"},
		"the admin address":             {[]string{"/mlcache", "--admin-addr=:9002"}, nil, ":9002"},
		"its own flag, before that":     {[]string{"/mlcache", "--admin-addr=:9002"}, []string{"--addr=:9001"}, ":9001"},
		"both of the service":           {[]string{"/mlcache", "--addr=:9000", "--admin-addr=:9002"}, nil, ":9002"},
		"TLS":                           {[]string{"/mlcache", "--addr=:9000", "--tls-cert=c", "--tls-key=k"}, nil, ":9000 tls"},
		"settings that are not its own": {[]string{"/mlcache", "--addr=:9000", "--source=http", "--token-file=/nowhere"}, nil, ":9000"},
	} {
		file := filepath.Join(t.TempDir(), "cmdline")
		require.NoError(t, os.WriteFile(file, []byte(strings.Join(c.process1, "\x00")+"\x00"), 0o600))
		check, _, err := parse(append([]string{"healthcheck"}, c.args...), io.Discard)
		require.NoError(t, err, name)
		got := serviceAt(check, "/usr/bin/mlcache", file)
		if got.tls {
			got.addr += " tls"
		}
		require.Equal(t, c.want, got.addr, name)
	}
	check, _, err := parse([]string{"healthcheck"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, ":1000", serviceAt(check, "mlcache", "/no/such/file").addr)
}

func TestAHealthcheckGoesThroughNoProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	in := start(t)
	require.NoError(t, checkHealth(t.Context(), servedAt{addr: strings.TrimPrefix(in.base, "http://")}))
}
