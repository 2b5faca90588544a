package main

import (
	"context"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newTestBench is ready for all subjects that this machine can measure.
func newTestBench(t *testing.T) (*bench, []subject) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the service and starts servers")
	}
	b, err := newBench(t.Context(), config{duration: time.Second, connections: 4, threads: 2})
	if err != nil && strings.Contains(err.Error(), missingTool(toolWrk)) {
		require.NotEqual(t, "true", os.Getenv("CI"), "CI has wrk")
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, b.close())
		assert.NoDirExists(t, b.dir)
	})
	able, missing := b.tools.able(subjects())
	t.Log(missing)
	require.NoError(t, b.prepare(t.Context(), able, io.Discard))
	return b, able
}

func TestEachServerAnswersRightlyAndEndsWithAllItStarted(t *testing.T) {
	b, able := newTestBench(t)
	for _, s := range able {
		pid := 0
		_, err := b.withServer(t.Context(), s, func(_ context.Context, _ subject, it server) (outcome, error) {
			pid = it.PID()
			return outcome{}, nil
		})
		require.NoError(t, err, s.name)
		assert.ErrorIs(t, syscall.Kill(-pid, 0), syscall.ESRCH, "%s has left processes", s.name)
	}
	left, err := os.ReadDir(b.dir)
	require.NoError(t, err)
	for _, file := range left {
		assert.False(t, strings.HasPrefix(file.Name(), "server-"))
	}
}

func TestBareGinAnswersWithTheSameHeadersAsTheService(t *testing.T) {
	b, able := newTestBench(t)
	headers := map[string]http.Header{}
	for _, s := range able {
		_, err := b.withServer(t.Context(), s, func(ctx context.Context, _ subject, it server) (o outcome, err error) {
			client := newClient(1)
			defer client.CloseIdleConnections()
			_, headers[s.name], err = fetch(ctx, client, it.url+prefix+s.asked()[0])
			return o, err
		})
		require.NoError(t, err, s.name)
	}
	ours, bare := headers[nameL1], headers[nameBare]
	assert.Equal(t, slices.Sorted(maps.Keys(ours)), slices.Sorted(maps.Keys(bare)))
	for name := range ours {
		if name != "X-Request-Id" { // ours counts on
			assert.Len(t, bare.Get(name), len(ours.Get(name)), name)
		}
	}
}

func TestAWholeMeasurement(t *testing.T) {
	b, able := newTestBench(t)
	for _, s := range able {
		if s.beside == nil && !s.traced && s.keys == nil {
			continue // the others are like these
		}
		o, err := b.measure(t.Context(), s)
		require.NoError(t, err)
		assert.Positive(t, o.perSecond)
		assert.Positive(t, o.p99)
		assert.Equal(t, s.name == nameBeside, o.loads > 0, s.name)
	}
}
