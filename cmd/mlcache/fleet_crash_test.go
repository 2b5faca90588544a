package main

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
)

func TestFleetKeepsNothingOfALoadThatWasStoppedPastItsLease(t *testing.T) {
	t.Parallel()
	f := startFleet(t, 3, "--lock-ttl=1s")
	stopped, b, c := f.members[0], f.members[1], f.members[2]
	keys := []string{"deleted", "put", "expired"}
	replies := make(chan reply, len(keys))
	var releases []func()
	for _, key := range keys {
		f.origin.Change(key, 1)
		releases = append(releases, f.origin.Hold(key, cachetest.Plan{}))
		go func() { replies <- stopped.ask(key) }()
		f.origin.AwaitCall(t, key, 1)
	}
	stopped.Pause()
	f.requireNoLeases() // they have run out
	for _, key := range keys {
		f.origin.Change(key, 2)
		f.origin.Answer(key, cachetest.Plan{})
	}
	b.remove("deleted")
	b.put("put", cachetest.ValueOf("put", 2))
	for _, key := range keys {
		require.Equal(t, cachetest.ValueOf(key, 2), b.ask(key).body)
		require.Equal(t, cachetest.ValueOf(key, 2), c.ask(key).body)
	}
	for _, release := range releases {
		release()
	}
	stopped.Resume()
	for range keys {
		r := <-replies
		require.Equal(t, http.StatusOK, r.status, r.body)
	}
	// The invalidations were stopped too.
	eventually(t, "the stopped instance catches up", func() bool {
		for _, key := range keys {
			if stopped.ask(key).body != cachetest.ValueOf(key, 2) {
				return false
			}
		}
		return true
	})
	f.requireVersionEverywhere(2, keys...)
}

// requireVersionEverywhere looks again and again, since what goes wrong may do
// so a little later.
func (f *fleet) requireVersionEverywhere(version int, keys ...string) {
	f.t.Helper()
	for range 20 {
		for _, key := range keys {
			for _, p := range f.members {
				r := p.ask(key)
				require.Equal(f.t, cachetest.ValueOf(key, version), r.body, r.header.Get("Cache-Status"))
			}
			require.Contains(f.t, f.stored(key), cachetest.ValueOf(key, version))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestFleetGivesTheNewValueToWhoAsksAfterADelete(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]struct{ loads, deletes int }{
		"elsewhere":                  {0, 1},
		"on the instance that loads": {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFleet(t, 3)
			f.origin.Change("k", 1)
			release := f.origin.Hold("k", cachetest.Plan{})
			early := make(chan reply, 1)
			go func() { early <- f.members[at.loads].ask("k") }()
			f.origin.AwaitCall(t, "k", 1)
			f.origin.Change("k", 2)
			f.members[at.deletes].remove("k")
			late := make(chan []reply, 1)
			go func() { late <- []reply{f.members[at.deletes].ask("k")} }() // at once
			f.awaitInvalidated(at.deletes)
			go func() { late <- f.ask(30, "k") }()
			f.awaitWaiting(1 + 1 + 30)
			release()
			for range 2 {
				for _, r := range <-late {
					assert.Equal(t, cachetest.ValueOf("k", 2), r.body)
				}
			}
			old := []string{cachetest.ValueOf("k", 1), cachetest.ValueOf("k", 2)}
			require.True(t, slices.Contains(old, (<-early).body), "who asked before may get either")
			require.Equal(t, 2, f.origin.Called("k"))
			f.requireVersionEverywhere(2, "k")
		})
	}
}
