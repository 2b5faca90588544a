package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/multi-layer-cache/multi-layer-cache/ports/portstest"
)

// TestMain runs the program instead of the tests where a test started this
// binary for that.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "1" {
		childMain()
	}
	forgetSettings()
	portstest.Main(m,
		// A pool that failed to connect often tries once a second, and notices only
		// then that it was closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// forgetSettings removes what the user's own environment says to the program.
func forgetSettings() {
	ofTests := []string{"MLCACHE_TEST_SOAK", "MLCACHE_TEST_SOAK_SEED", "MLCACHE_TEST_HISTORY_SEED", "MLCACHE_TEST_PICTURES"}
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if (strings.HasPrefix(name, "MLCACHE_") || strings.HasPrefix(name, "OTEL_")) && !slices.Contains(ofTests, name) {
			_ = os.Unsetenv(name)
		}
	}
}

// instance is the real program, run by the test on a port of its own.
type instance struct {
	t      *testing.T
	base   string
	client *http.Client
	stop   func() error // as SIGTERM does; returns what run returned
	log    *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// start runs the program with these flags and ends it with the test. What it stores
// outlasts that unless they say otherwise, however busy the machine is.
func start(t *testing.T, flags ...string) *instance {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	in := &instance{t: t, log: &syncBuffer{}, client: &http.Client{Transport: &http.Transport{}}}
	address, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		args := append([]string{"serve", "--addr=127.0.0.1:0", "--ttl=1h", "--source-timeout=5m", "--request-timeout=10m"}, flags...)
		ended <- run(ctx, args, io.Discard, in.log, func(a net.Addr) { address <- a })
	}()
	in.stop = sync.OnceValue(func() error {
		cancel()
		err := <-ended
		in.client.CloseIdleConnections()
		return err
	})
	t.Cleanup(func() { require.NoError(t, in.stop()) })
	select {
	case a := <-address:
		in.base = "http://" + a.String()
	case err := <-ended:
		ended <- nil
		require.FailNow(t, "the program ended", "%v", err)
	}
	return in
}

type reply struct {
	status int
	header http.Header
	body   string
	took   time.Duration
}

func (in *instance) get(path string) (reply, error) {
	began := time.Now()
	resp, err := in.client.Get(in.base + path)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(body), time.Since(began)}, err
}

func (in *instance) mustGet(path string) reply {
	in.t.Helper()
	r, err := in.get(path)
	require.NoError(in.t, err)
	return r
}

func (in *instance) metrics() map[string]float64 {
	in.t.Helper()
	var all map[string]any
	require.NoError(in.t, json.Unmarshal([]byte(in.mustGet("/metrics").body), &all))
	numbers := make(map[string]float64)
	for name, value := range all {
		if n, ok := value.(float64); ok { // routes are no number
			numbers[name] = n
		}
	}
	return numbers
}

func detail(r reply) string {
	_, d, _ := strings.Cut(r.header.Get("Cache-Status"), "detail=")
	return d
}
