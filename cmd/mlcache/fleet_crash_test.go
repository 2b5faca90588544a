package main

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFleetTakesOverTheLoadOfAnInstanceThatIsKilled(t *testing.T) {
	const lockTTL, load = time.Second, time.Second
	f := startFleet(t, 3, "--lock-ttl=1s")
	f.origin.answer("k", plan{delay: load})
	leader, others := f.members[0], &fleet{members: f.members[1:]}
	cut := make(chan reply, 1)
	go func() { cut <- leader.ask("k") }()
	f.origin.awaitCall(t, "k", 1)
	replies := make(chan []reply, 1)
	go func() { replies <- others.ask(40, "k") }()
	// Long enough that the others wait, and the lease was renewed.
	time.Sleep(500 * time.Millisecond)
	leader.kill()
	killed := time.Now()
	got := <-replies
	require.Less(t, time.Since(killed), lockTTL+load+500*time.Millisecond)
	requireAll(t, got, http.StatusOK, time.Minute)
	require.Zero(t, (<-cut).status)
	require.Equal(t, 2, f.origin.called("k"))
	f.requireNoLeases()
}

func TestFleetKeepsNothingOfALoadThatWasStoppedPastItsLease(t *testing.T) {
	f := startFleet(t, 3, "--lock-ttl=1s", "--source-timeout=30s", "--request-timeout=30s")
	stopped, b, c := f.members[0], f.members[1], f.members[2]
	keys := []string{"deleted", "put", "expired"}
	replies := make(chan reply, len(keys))
	for _, key := range keys {
		f.origin.change(key, 1)
		f.origin.answer(key, plan{delay: 300 * time.Millisecond})
		go func() { replies <- stopped.ask(key) }()
		f.origin.awaitCall(t, key, 1)
	}
	stopped.pause()
	time.Sleep(1200 * time.Millisecond) // the leases have run out
	for _, key := range keys {
		f.origin.change(key, 2)
	}
	b.remove("deleted")
	b.put("put", valueOf("put", 2))
	for _, key := range keys {
		require.Equal(t, valueOf(key, 2), b.ask(key).body)
		require.Equal(t, valueOf(key, 2), c.ask(key).body)
	}
	stopped.resume()
	for range keys {
		r := <-replies
		require.Equal(t, http.StatusOK, r.status, r.body)
	}
	time.Sleep(100 * time.Millisecond) // the news was stopped too
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
				require.Equal(f.t, valueOf(key, version), r.body, r.header.Get("Cache-Status"))
			}
			require.Contains(f.t, f.stored(key), valueOf(key, version))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestFleetGivesTheNewValueToWhoAsksAfterADelete(t *testing.T) {
	for name, at := range map[string]struct{ loads, deletes int }{
		"elsewhere":                  {0, 1},
		"on the instance that loads": {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFleet(t, 3)
			f.origin.change("k", 1)
			f.origin.answer("k", plan{delay: 700 * time.Millisecond})
			early := make(chan reply, 1)
			go func() { early <- f.members[at.loads].ask("k") }()
			f.origin.awaitCall(t, "k", 1)
			f.origin.change("k", 2)
			f.members[at.deletes].remove("k")
			atOnce := make(chan reply, 1)
			go func() { atOnce <- f.members[at.deletes].ask("k") }()
			time.Sleep(100 * time.Millisecond) // the news has reached the others
			for _, r := range f.ask(30, "k") {
				assert.Equal(t, valueOf("k", 2), r.body)
			}
			assert.Equal(t, valueOf("k", 2), (<-atOnce).body)
			old := []string{valueOf("k", 1), valueOf("k", 2)}
			require.True(t, slices.Contains(old, (<-early).body), "who asked before may get either")
			require.Equal(t, 2, f.origin.called("k"))
			f.requireVersionEverywhere(2, "k")
		})
	}
}
