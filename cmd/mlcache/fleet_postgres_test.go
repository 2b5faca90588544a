package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// The lock holds the one statement until all requests wait for it, so that none comes
// too late to be one of those that ask for a cold row.
func TestFleetLoadsAColdRowByOneStatement(t *testing.T) {
	t.Parallel()
	const requests = 300
	server := startProducts(t)
	for _, query := range []string{oneProduct, manyProducts} {
		f := &fleet{t: t, redis: redistest.Start(t)}
		f.members = launch(t, 3, fromPostgres(server, query, "--redis-url="+f.redis.URL(), "--source-timeout=10m", "--lock-ttl=1m",
			"--l2-timeout=20s", "--ttl=1h", "--shutdown-timeout=1s"))
		f.awaitSubscribed(f.redis)
		release, waiting, before := server.Lock("products"), server.Waiting(fromProducts), server.Logged(fromProducts)
		replies := make(chan []reply, 1)
		go func() { replies <- f.ask(requests, "7") }()
		f.awaitWaiting(requests)
		eventually(t, "a statement waits for the lock", func() bool { return waiting() > 0 })
		require.Equal(t, 1, waiting())
		release()
		all := <-replies
		requireAll(t, all, http.StatusOK)
		require.Equal(t, product(7), all[0].body)
		require.Equal(t, 1, server.Logged(fromProducts)-before, query)
		misses := 0.0
		for _, p := range f.members {
			misses += p.metrics()["cache_misses"]
		}
		require.EqualValues(t, 1, misses)
		f.requireNoLeases()
	}
}

// A crash takes the statements in flight, and the rows are gone for a while. The
// service has read those below warm before.
func TestFleetOutlivesACrashOfPostgreSQL(t *testing.T) {
	t.Parallel()
	const warm, cold = 20, 40
	server := startProducts(t)
	in := launch(t, 1, fromPostgres(server, manyProducts, "--ttl=1s", "--stale-if-error=1h", "--source-timeout=5m", "--token="+secret))[0]
	requireProducts(t, in.batch(numbered(1, warm)...), 1)
	for _, key := range numbered(1, warm) {
		eventually(t, "what is held expires", func() bool { return strings.Contains(in.mustGet("/explain/"+key).body, `"l1":{"state":"stale"`) })
	}
	server.Lock("products") // which ends with the server
	waiting, replies := server.Waiting(fromProducts), make([]reply, cold+1)
	var all sync.WaitGroup
	for key := 1; key <= cold; key++ {
		all.Go(func() { replies[key] = in.ask(fmt.Sprint(key)) })
	}
	eventually(t, "all requests wait", func() bool { return in.metrics()["waiting"] == cold && waiting() > 0 })
	server.KillAll()
	all.Wait()
	for key, r := range replies[1:] {
		in.requireOutlived(key+1, warm, r)
		in.requireOutlived(key+1, warm, in.ask(fmt.Sprint(key+1))) // while the server is down
	}
	requireNoSecrets(t, server, in.mustGet("/health").body)
	server.Restart()
	for key := 1; key <= cold; key++ {
		eventually(t, "the service recovers", func() bool {
			r := in.ask(fmt.Sprint(key))
			return r.status == http.StatusOK && r.body == product(key) && detail(r) == "source"
		})
	}
}

// requireOutlived checks the answer for a key during an outage: what was read before
// is served stale, else there is a problem.
func (p *process) requireOutlived(key, warm int, r reply) {
	p.t.Helper()
	if key > warm {
		requireProblem(p.t, r, http.StatusBadGateway)
		return
	}
	require.Equal(p.t, http.StatusOK, r.status, r.body)
	require.Equal(p.t, product(key), r.body)
	require.Regexp(p.t, `^mlcache; hit; ttl=-\d+; detail=stale$`, r.header.Get("Cache-Status"))
}
