//go:build fleet

package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// What docs/upgrading.md promises, with each of the former versions.
func TestFleetIsUpgradedInstanceByInstance(t *testing.T) {
	for _, former := range formers() {
		t.Run(former.name, func(t *testing.T) {
			program := former.build(t)
			check := func(says string, holds func(f *fleet), flags ...string) {
				t.Run(says, func(t *testing.T) { holds(startMixed(t, program, flags...)) })
			}
			check("what one of them loads or writes is read by the other", (*fleet).requireShared)
			check("requests on both share a load and its failure", (*fleet).requireOneLoad)
			check("a write on one reaches the other", (*fleet).requireWritesReach)
			check("tags, versions and validators are misses to the former", tagged.requireMissed)
			check("so is what is compressed", compressed.requireMissed, "--l2-compress-above=1KiB")
			check("a value that is put on one is not replaced by a load on the other", (*fleet).requirePutStays)
			if former.fences {
				check("a delete on one voids a load on the other", (*fleet).requireDeleteStays)
			}
		})
	}
}

// startMixed starts a former instance, a new one with these flags, and a new one
// without them, which is what the former has become later on.
func startMixed(t *testing.T, program string, flags ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, redis: redistest.Start(t), origin: cachetest.StartOrigin(t)}
	common := f.flags(f.redis.URL(), "--l2-timeout=20s", "--lock-ttl=1m", "--negative-ttl=1h", "--failure-cooldown=1h")
	f.members = launchOf(t, testProgram(program), 1, common)
	f.members = append(f.members, launch(t, 1, append(common, flags...))...)
	f.members = append(f.members, launch(t, 1, common)...)
	f.awaitSubscribed(f.redis)
	return f
}

// bothWays calls check with the former instance and a new one, in either order.
func (f *fleet) bothWays(check func(name string, first, second *process)) {
	check("former-first", f.members[0], f.members[1])
	check("new-first", f.members[1], f.members[0])
}

// requireFrom has p answer key with this value, from this layer.
func (f *fleet) requireFrom(p *process, layer, key, value string) {
	f.t.Helper()
	r := p.ask(key)
	require.Equal(f.t, http.StatusOK, r.status, r.body)
	require.Equal(f.t, value, r.body)
	require.Equal(f.t, layer, detail(r))
}

func (f *fleet) requireShared() {
	f.origin.Answer("none", cachetest.Plan{How: cachetest.NotFound})
	f.bothWays(func(key string, first, second *process) {
		f.requireFrom(first, "source", key, cachetest.ValueOf(key, 0))
		f.requireFrom(second, "l2", key, cachetest.ValueOf(key, 0))
		require.Equal(f.t, 1, f.origin.Called(key))
		first.put(key+"-put", "by hand", "Cache-Control", "max-age=600")
		f.requireFrom(second, "l2", key+"-put", "by hand")
		require.Zero(f.t, f.origin.Called(key+"-put"))
		f.origin.Answer(key+"-none", cachetest.Plan{How: cachetest.NotFound})
		for _, p := range []*process{first, second} {
			require.Equal(f.t, http.StatusNotFound, p.ask(key+"-none").status)
		}
		require.Equal(f.t, 1, f.origin.Called(key+"-none"))
	})
	for _, p := range f.members {
		require.Zero(f.t, p.metrics()["l2_undecodable"])
		require.Zero(f.t, p.metrics()["l2_failures"])
	}
}

func (f *fleet) requireOneLoad() {
	f.bothWays(func(key string, first, _ *process) {
		for key, status := range map[string]int{key: http.StatusOK, key + "-fails": http.StatusBadGateway} {
			p := cachetest.Plan{}
			if status != http.StatusOK {
				p.How = cachetest.Fail
			}
			release := f.origin.Hold(key, p)
			loads := make(chan reply, 1)
			go func() { loads <- first.ask(key) }()
			f.origin.AwaitCall(f.t, key, 1)
			wait := make(chan []reply, 1)
			go func() { wait <- f.ask(30, key) }()
			f.awaitWaiting(31)
			release()
			requireAll(f.t, append(<-wait, <-loads), status)
			require.Equal(f.t, 1, f.origin.Called(key))
		}
	})
	f.requireNoLeases()
}

func (f *fleet) requireWritesReach() {
	f.bothWays(func(key string, first, second *process) {
		for range 2 {
			f.requireEachAnswers(key, http.StatusOK) // so that all have it in memory
		}
		f.origin.Change(key, 1)
		first.put(key, cachetest.ValueOf(key, 1))
		f.requireTold(key, 1, time.Now(), f.members...)
		require.Equal(f.t, 1, f.origin.Called(key))
		f.origin.Change(key, 2)
		second.remove(key)
		f.requireTold(key, 2, time.Now(), f.members...)
		require.Equal(f.t, 2, f.origin.Called(key))
	})
}

func (f *fleet) requirePutStays() {
	f.requireStays(func(writes *process, key string) { writes.put(key, cachetest.ValueOf(key, 1)) })
}

func (f *fleet) requireDeleteStays() { f.requireStays((*process).remove) }

// requireStays has an instance write a key while another loads its old value, which
// must not come back.
func (f *fleet) requireStays(write func(writes *process, key string)) {
	f.bothWays(func(key string, loads, writes *process) {
		release := f.origin.Hold(key, cachetest.Plan{})
		answered := make(chan reply, 1)
		go func() { answered <- loads.ask(key) }()
		f.origin.AwaitCall(f.t, key, 1)
		f.origin.Change(key, 1)
		write(writes, key)
		release()
		require.Equal(f.t, http.StatusOK, (<-answered).status)
		f.requireTold(key, 1, time.Now(), f.members...)
	})
}

// novelty is a kind of value that a new instance stores in a form that the former does
// not know.
type novelty struct {
	prefix string            // of the values
	header map[string]string // of what the origin answers
	put    []string          // headers of what is written
}

var (
	tagged = novelty{
		header: map[string]string{"ETag": `"1"`, "Last-Modified": "Fri, 27 Nov 2026 04:00:00 GMT", "Surrogate-Key": "shop"},
		put:    []string{"Surrogate-Key", "shop", "Version", "7"},
	}
	compressed = novelty{prefix: strings.Repeat("the same again, ", 500)}
)

func (n novelty) value(key string, version int) string {
	return n.prefix + cachetest.ValueOf(key, version)
}

func (n novelty) answer(o *cachetest.Origin, w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/v/")
	for name, value := range n.header {
		w.Header().Set(name, value)
	}
	_, _ = io.WriteString(w, n.value(key, o.Version(key)))
}

func (n novelty) requireMissed(f *fleet) {
	former, stores, reads := f.members[0], f.members[1], f.members[2]
	f.origin.Answer("", cachetest.Plan{How: n.answer})

	f.requireFrom(stores, "source", "k", n.value("k", 0))
	f.requireFrom(reads, "l2", "k", n.value("k", 0))
	require.Equal(f.t, 1, f.origin.Called("k"))
	f.requireFrom(former, "source", "k", n.value("k", 0))
	require.Equal(f.t, 2, f.origin.Called("k"), "one load more")
	require.Positive(f.t, former.metrics()["l2_undecodable"])

	f.requireFrom(former, "source", "l", n.value("l", 0))
	for _, p := range []*process{stores, reads} { // and what the former stored is read by all
		f.requireFrom(p, "l2", "l", n.value("l", 0))
		require.Zero(f.t, p.metrics()["l2_undecodable"])
	}
	require.Equal(f.t, 1, f.origin.Called("l"))

	f.requireFrom(stores, "source", "m", n.value("m", 0))
	require.Equal(f.t, http.StatusOK, former.batch("m")[0].Status)
	require.Equal(f.t, 2, f.origin.Called("m"))

	f.origin.Change("k", 1)
	stores.put("k", n.value("k", 1), n.put...)
	require.True(f.t, n.isUnknown(f.stored("k")))
	f.requireTold("k", 1, time.Now(), f.members...)
	f.origin.Change("k", 2)
	stores.put("k", n.value("k", 2), n.put...)
	former.remove("k")
	f.requireTold("k", 2, time.Now(), f.members...)
	require.Zero(f.t, former.metrics()["l2_failures"])
}

// isUnknown reports whether stored is in a form that the former does not know.
func (n novelty) isUnknown(stored string) bool {
	if n.header == nil {
		return strings.HasPrefix(stored, "mlc\x02")
	}
	return strings.HasPrefix(stored, "mlc\x01") && stored[4] > 3
}
