//go:build fleet

package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// startFleetAt starts three instances on the Redis at url, which consists of
// these servers, and has all of them hold the hot key in memory.
func startFleetAt(t *testing.T, url string, servers ...*redistest.Server) *fleet {
	t.Helper()
	f := &fleet{t: t, redis: servers[0], origin: cachetest.StartOrigin(t)}
	f.members = launch(t, 3, f.flags(url, "--l2-timeout=500ms"))
	f.awaitSubscribed(servers...)
	f.origin.Answer("", cachetest.Plan{Delay: 200 * time.Millisecond})
	f.requireEachAnswers("hot", http.StatusOK)
	return f
}

// outlives checks what is promised while Redis is in trouble, in rounds of a
// second, each with a new key, until the trouble, which is a call of what, is
// over; and that all is well again within two seconds of that.
func (f *fleet) outlives(what func()) {
	f.t.Helper()
	over := make(chan struct{})
	go func() {
		defer close(over)
		what()
	}()
	rounds := 0
	for began := time.Now(); ; rounds++ {
		f.requireEachServesAlone(fmt.Sprintf("cold-%d", rounds))
		select {
		case <-over:
		case <-time.After(time.Until(began.Add(time.Duration(rounds+1) * time.Second))):
			continue
		}
		break
	}
	f.t.Logf("%d rounds", rounds+1)
	require.Equal(f.t, 1, f.origin.Called("hot"), "it was in memory, and is in Redis")
	f.requireRecovery()
	f.requireEachServesAlone("after")
	require.Equal(f.t, 1, f.origin.Called("after"))
}

func TestFleetOutlivesARedisThatHangs(t *testing.T) {
	server := redistest.Start(t)
	f := startFleetAt(t, server.URL(), server)
	f.outlives(func() {
		server.Pause()
		time.Sleep(10 * time.Second)
		server.Resume()
	})
}

func TestFleetOutlivesARedisThatPausesItsClients(t *testing.T) {
	server := redistest.Start(t)
	f := startFleetAt(t, server.URL(), server)
	f.outlives(func() {
		server.Command("CLIENT", "PAUSE", "3000")
		time.Sleep(3 * time.Second)
	})
}

func TestFleetOutlivesARedisThatIsFull(t *testing.T) {
	server := redistest.Start(t)
	f := startFleetAt(t, server.URL(), server)
	f.outlives(func() {
		server.Command("CONFIG", "SET", "maxmemory", "1kb")
		time.Sleep(4 * time.Second)
		server.Command("CONFIG", "SET", "maxmemory", "0")
	})
}

func TestFleetDeletesFromARedisThatIsFull(t *testing.T) {
	server := redistest.Start(t)
	f := startFleetAt(t, server.URL(), server)
	server.Command("CONFIG", "SET", "maxmemory", "1kb")
	f.origin.Change("hot", 1)
	f.members[0].remove("hot")
	f.awaitInvalidated(0)
	for _, r := range f.ask(3, "hot") {
		require.Equal(t, cachetest.ValueOf("hot", 1), r.body)
	}
}

func TestFleetOutlivesASentinelFailover(t *testing.T) {
	sentinel := redistest.StartSentinel(t)
	f := startFleetAt(t, sentinel.URL(), sentinel.Master)
	f.awaitReplica(sentinel.Replica)
	f.outlives(sentinel.KillMaster)
}

func TestFleetOutlivesTheLossOfAMasterOfACluster(t *testing.T) {
	cluster := redistest.StartCluster(t)
	pair := cluster.Of("mlc:{hot}")
	f := startFleetAt(t, cluster.URL(), cluster.Masters()...)
	f.awaitReplica(pair.Replica)
	f.outlives(pair.KillMaster)
}

// awaitReplica returns when the replica has the hot key, which a failover would
// lose otherwise, and may.
func (f *fleet) awaitReplica(replica *redistest.Server) {
	f.t.Helper()
	eventually(f.t, "the hot key is replicated", func() bool {
		return strings.Contains(replica.Command("KEYS", "*"), "mlc:{hot}")
	})
}

func TestFleetLosesNoAnswerWhenRedisIsEmptiedOrFullDuringLoads(t *testing.T) {
	for name, c := range map[string]struct{ trouble, end []string }{
		"emptied": {[]string{"FLUSHALL"}, []string{"PING"}},
		"full":    {[]string{"CONFIG", "SET", "maxmemory", "1kb"}, []string{"CONFIG", "SET", "maxmemory", "0"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			f := startFleetAt(t, server.URL(), server)
			f.loadsThrough(func() { server.Command(c.trouble...) })
			server.Command(c.end...)
			f.requireRecovery()
			require.Equal(t, 1, f.origin.Called("hot"))
		})
	}
}

// loadsThrough has trouble come while all wait for loads under way.
func (f *fleet) loadsThrough(trouble func()) {
	f.t.Helper()
	const keys = 5
	var all sync.WaitGroup
	var releases []func()
	replies := make([][]reply, keys)
	for i := range keys {
		releases = append(releases, f.origin.Hold(fmt.Sprintf("k%d", i), cachetest.Plan{}))
		all.Go(func() { replies[i] = f.ask(60, fmt.Sprintf("k%d", i)) })
	}
	f.awaitWaiting(60 * keys)
	trouble()
	f.requireEachAnswers("hot", http.StatusOK)
	for _, release := range releases {
		release()
	}
	all.Wait()
	for i := range keys {
		// Waiters elsewhere are not woken by a lock that vanishes; they ask again
		// in their own time, and one of them loads once more.
		requireAll(f.t, replies[i], http.StatusOK)
		require.LessOrEqual(f.t, f.origin.Called(fmt.Sprintf("k%d", i)), len(f.members))
	}
	f.requireNoLeases()
}
