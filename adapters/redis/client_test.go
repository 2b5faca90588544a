package redis

import (
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

func options(url string) Options {
	return Options{URL: url, Prefix: prefix, Timeout: time.Second, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

func TestTheURLSaysWhichKindOfServerItIs(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]any{
		"redis://localhost:6379/2":                                    &redis.Client{},
		"rediss://user:pw@localhost":                                  &redis.Client{},
		"unix:///tmp/redis.sock?db=1":                                 &redis.Client{},
		"redis://a:1,b:2,c:3":                                         &redis.ClusterClient{},
		"redis://a:1?addr=b:2":                                        &redis.ClusterClient{},
		"redis://localhost:26379?master_name=main&addr=other:26379":   &redis.Client{},
		"redis://localhost:6379?max_retries=2&dial_timeout=2s":        &redis.Client{},
		"redis://user:p%40ss@localhost:6379/0?read_timeout=1s&db=0":   &redis.Client{},
		"redis://localhost:6379?min_retry_backoff=2ms&pool_size=1000": &redis.Client{},
	} {
		c, err := NewClient(options(url))
		require.NoError(t, err, url)
		require.IsType(t, want, c.rdb, url)
		require.NoError(t, c.Close())
	}
}

func TestABadURLIsRefusedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"localhost:6379", "http://u:hunter2@localhost", "redis://u:hunter2@localhost/x", "redis://u:hunter2@local host",
		"redis://u:hunter2@localhost?nonsense=1", "://hunter2", "redis://u:hunter2@localhost:port",
		"redis://localhost,redis://:hunter2@other", "redis://:1/hunter2@localhost", "redis://:1?hunter2@localhost", "redis://localhost?db=hunter2",
		"redis://localhost?max_retries=hunter2", "redis://localhost/a/hunter2", "redis://localhost?master_name=m&addr=x:hunter2@y:1", "hunter2://localhost",
	} {
		_, err := NewClient(options(url))
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), "hunter2")
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestOptionsOutOfRangeAreRefused(t *testing.T) {
	t.Parallel()
	o := options("redis://localhost")
	o.Prefix = "a{b"
	_, err := NewClient(o)
	require.ErrorContains(t, err, "brace")
	o = options("redis://localhost")
	o.Timeout = 0
	_, err = NewClient(o)
	require.ErrorContains(t, err, "timeout")
	o = options("redis://localhost")
	o.WaitReplicas = -1
	_, err = NewClient(o)
	require.ErrorContains(t, err, "WaitReplicas")
	o = options("redis://localhost")
	o.CompressAbove = -1
	_, err = NewClient(o)
	require.ErrorContains(t, err, "CompressAbove")
	_, err = NewLocker(nil, LockerOptions{})
	require.ErrorContains(t, err, "lock TTL")
}

// newClient returns a client that is used from the beginning.
func newClient(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := NewClient(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	eventually(t, "all servers are used", func() bool { return c.Fault() == nil })
	return c
}

func TestHealthFollowsTheServerAndEachChangeIsLoggedOnce(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	log := &syncLog{}
	o := options(server.URL())
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	c := newClient(t, o)
	require.Equal(t, "ok", c.Health(t.Context()))
	require.Empty(t, c.Reason())
	for range 2 {
		server.Kill()
		eventually(t, "degraded", func() bool { return c.Health(t.Context()) == "degraded" })
		eventually(t, "the reason", func() bool { return c.Reason() == "the connection is refused" })
		server.Restart()
		eventually(t, "ok", func() bool { return c.Health(t.Context()) == "ok" })
	}
	eventually(t, "the log has it", func() bool { return strings.Count(log.String(), "usable again") == 2 })
	require.Equal(t, 2, strings.Count(log.String(), "redis cannot be used"), log)
}

// syncLog is what was logged.
type syncLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *syncLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *syncLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A probe is one script, and one exchange for both commands of a read.
func TestAProbeTakesTwoRoundTrips(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	c := newClient(t, options(proxy.URL()))
	held := proxy.HoldReply(c.id + "{}:value") // of the script
	c.nodes.suspect()
	awaitClosed(t, held.Begun)
	life := proxy.HoldReply("pttl\r\n$")
	value := proxy.HoldRequest("get\r\n$")
	held.Deliver()
	awaitClosed(t, life.Begun)
	awaitClosed(t, value.Begun) // although the reply to the first has not come
	life.Deliver()
	value.Deliver()
}
