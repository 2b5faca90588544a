//go:build measure

package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// TestLoadForTheProfile is what "make pgo" profiles: most requests are answered
// from memory, the rest from Redis, and some load. The clients are as bare as can
// be, since they are in the profile too.
func TestLoadForTheProfile(t *testing.T) {
	in := start(t, "--redis-url="+redistest.Start(t).URL(), "--oracle-delay=1ms", "--l1-max-entries=1000", "--ttl=5s", "--l2-timeout=1s")
	const clients, keys, lasts = 32, 5000, 20 * time.Second
	until := time.Now().Add(lasts)
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			conn, err := net.Dial("tcp", strings.TrimPrefix(in.base, "http://"))
			if !assert.NoError(t, err) {
				return
			}
			defer conn.Close()
			zipf := rand.NewZipf(rand.New(rand.NewPCG(uint64(client), 0)), 1.01, 1, keys)
			answers := bufio.NewReader(conn)
			for time.Now().Before(until) {
				if _, err := fmt.Fprintf(conn, "GET /data/key-%d HTTP/1.1\r\nHost: x\r\n\r\n", zipf.Uint64()); !assert.NoError(t, err) {
					return
				}
				answer, err := http.ReadResponse(answers, nil)
				if !assert.NoError(t, err) || !assert.Equal(t, 200, answer.StatusCode) {
					return
				}
				_, err = io.Copy(io.Discard, answer.Body)
				if !assert.NoError(t, err) {
					return
				}
			}
		})
	}
	all.Wait()
	m := in.metrics()
	require.Positive(t, m["l1_hits"])
	require.Positive(t, m["l2_hits"])
}
