package redis

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

func options(url string) Options {
	return Options{URL: url, Prefix: prefix, Timeout: time.Second, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

func TestTheURLSaysWhichKindOfServerItIs(t *testing.T) {
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
	o := options("redis://localhost")
	o.Prefix = "a{b"
	_, err := NewClient(o)
	require.ErrorContains(t, err, "brace")
	o = options("redis://localhost")
	o.Timeout = 0
	_, err = NewClient(o)
	require.ErrorContains(t, err, "timeout")
	_, err = NewLocker(nil, LockerOptions{})
	require.ErrorContains(t, err, "lock TTL")
}

func TestHealthFollowsTheServerAndEachChangeIsLoggedOnce(t *testing.T) {
	server := redistest.Start(t)
	var log strings.Builder
	o := options(server.URL())
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	c, err := NewClient(o)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()

	require.Equal(t, "ok", c.Health(t.Context()))
	server.Kill()
	for range 3 {
		require.Equal(t, "degraded", c.Health(t.Context()))
	}
	server.Restart()
	eventually(t, "the server is used again", func() bool { return c.Health(t.Context()) == "ok" })
	require.Equal(t, 1, strings.Count(log.String(), "redis cannot be used"))
	require.Equal(t, 1, strings.Count(log.String(), "usable again"))
}

func TestACallOfAServerThatHangsEndsWithinItsBudget(t *testing.T) {
	server := redistest.Start(t)
	o := options(server.URL())
	o.Timeout = 50 * time.Millisecond
	c, err := NewClient(o)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	require.Equal(t, "ok", c.Health(t.Context()))
	server.Pause()
	defer server.Resume()
	require.Equal(t, "degraded", c.Health(t.Context())) // without a budget it would hang
	_, _, err = NewStore(c).Get(t.Context(), parse(t, "k"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestABudgetWhoseEndThisProcessNoticedLateIsNoFailureOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Client{timeout: 50 * time.Millisecond}
		for _, busy := range []int{0, 1, 2, 3, 5} { // tries during which this process did not get to run
			tries := 0
			err := c.within(t.Context(), func(ctx context.Context) error {
				if tries++; tries <= busy {
					time.Sleep(100 * time.Millisecond)
					return ctx.Err()
				}
				return nil
			})
			require.Equal(t, busy >= triesWhenBusy, err != nil)
			require.Equal(t, min(busy+1, triesWhenBusy), tries)
		}
		tries := 0
		err := c.within(t.Context(), func(ctx context.Context) error {
			tries++
			<-ctx.Done()
			return ctx.Err()
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 1, tries, "a server that hangs gets its time once")
		gone, leave := context.WithCancel(t.Context())
		require.ErrorIs(t, c.within(gone, func(ctx context.Context) error {
			leave()
			time.Sleep(100 * time.Millisecond)
			return ctx.Err()
		}), context.Canceled)
	})
}

func TestCallsThatFailAtTheSameTimeAreOneFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := NewClient(options("redis://localhost:1"))
		require.NoError(t, err)
		defer func() { require.NoError(t, c.Close()) }()
		hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		for range failuresInARow {
			require.Equal(t, "closed", c.Breaker())
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() { assert.ErrorIs(t, c.call(t.Context(), hangs), context.DeadlineExceeded) })
			}
			all.Wait()
			time.Sleep(time.Millisecond) // the next calls begin later
		}
		require.Equal(t, "open", c.Breaker())
		require.ErrorIs(t, c.call(t.Context(), hangs), errBroken)
	})
}

func TestWhileTheBreakerIsOpenOneCallInAboutASecondIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := NewClient(options("redis://localhost:1"))
		require.NoError(t, err)
		defer func() { require.NoError(t, c.Close()) }()
		made := 0
		hangs := func(ctx context.Context) error { made++; <-ctx.Done(); return ctx.Err() }
		for range failuresInARow {
			require.ErrorIs(t, c.call(t.Context(), hangs), context.DeadlineExceeded)
		}
		made = 0
		for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(time.Millisecond) {
			if err := c.call(t.Context(), hangs); !errors.Is(err, errBroken) {
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
		}
		each := breakFor + c.timeout
		require.InDelta(t, time.Minute/each, made, 5)
		require.NoError(t, func() error {
			time.Sleep(time.Second)
			return c.call(t.Context(), func(context.Context) error { return nil })
		}())
		require.Equal(t, "closed", c.Breaker())
	})
}
