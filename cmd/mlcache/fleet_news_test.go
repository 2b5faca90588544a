//go:build fleet

package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// cutOff is a fleet whose first instance reaches Redis another way than the
// others, which stays open.
func startCutOff(t *testing.T, way func(target string) (url string), flags ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, redis: redistest.Start(t), origin: startOrigin(t)}
	f.members = append(
		launch(t, 1, f.flags(way(f.redis.Addr()), flags...)),
		launch(t, 2, f.flags(f.redis.URL(), flags...))...,
	)
	f.awaitSubscribed(f.redis)
	return f
}

// watch asks all instances for key until end, and returns for each when the
// last request began that got an older version.
func (f *fleet) watch(key string, version int, end time.Time) []time.Time {
	f.t.Helper()
	last := make([]time.Time, len(f.members))
	for time.Now().Before(end) {
		for i, p := range f.members {
			begun := time.Now()
			r := p.ask(key)
			require.Equal(f.t, http.StatusOK, r.status, r.body)
			if versionOf(r.body) < version {
				last[i] = begun
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	return last
}

// replaceWhile has all instances hold version 1 of key, then calls what, makes
// version 2 the value at the origin and deletes key on the last instance.
func (f *fleet) replaceWhile(key string, what func()) (removed time.Time) {
	f.t.Helper()
	f.origin.change(key, 1)
	for range 2 {
		f.requireEachAnswers(key, http.StatusOK)
	}
	what()
	f.origin.change(key, 2)
	f.members[len(f.members)-1].remove(key)
	return time.Now()
}

func TestFleetServesNothingOldAfterItsSubscriptionsWereCut(t *testing.T) {
	f := startFleet(t, 3)
	for round := range 10 {
		key := fmt.Sprintf("k%d", round)
		removed := f.replaceWhile(key, func() { f.redis.Command("CLIENT", "KILL", "TYPE", "pubsub") })
		if round%2 == 0 { // nobody reads until all hear again, which alone must not restore trust
			f.awaitSubscribed(f.redis)
		}
		for i, last := range f.watch(key, 2, removed.Add(1500*time.Millisecond)) {
			require.Less(t, last.Sub(removed), time.Second, "instance %d", i)
			if last.After(removed) {
				t.Logf("round %d: instance %d served the old value for %v", round, i, last.Sub(removed))
			}
		}
		f.awaitSubscribed(f.redis)
	}
}

func TestFleetServesNothingOldAfterAnInstanceWasCutOffInSilence(t *testing.T) {
	for name, silence := range map[string]time.Duration{
		"too short to be noticed": time.Second,
		"noticed":                 6 * time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			var proxy *redistest.Proxy
			f := startCutOff(t, func(target string) string {
				proxy = redistest.StartProxy(t, target)
				return proxy.URL()
			}, "--ttl=5m")
			removed := f.replaceWhile("k", proxy.Silence)
			last := f.watch("k", 2, removed.Add(silence))
			for i := 1; i < len(last); i++ {
				require.Less(t, last[i].Sub(removed), 100*time.Millisecond, "the others hear of it")
			}
			require.Less(t, removed.Add(silence-time.Second), last[0], "the first cannot")
			proxy.Resume()
			resumed := time.Now()
			last = f.watch("k", 2, resumed.Add(4*time.Second))
			t.Logf("the old value was served for %v after the silence", max(0, last[0].Sub(resumed)))
			require.Less(t, last[0].Sub(resumed), 2*time.Second)
			require.Equal(t, "l1", detail(f.members[0].ask("k")), "memory is used again")
		})
	}
}

func TestFleetServesNothingOldAfterASubscriptionFellSilent(t *testing.T) {
	const noticed = 4500 * time.Millisecond
	var d *deafener
	f := startCutOff(t, func(target string) string {
		d = startDeafener(t, target)
		return d.url()
	}, "--ttl=5m")
	removed := f.replaceWhile("k", func() { d.withhold(true) })
	last := f.watch("k", 2, removed.Add(8*time.Second))
	t.Logf("the old value was served for %v", last[0].Sub(removed))
	require.Less(t, last[0].Sub(removed), noticed)
	require.Greater(t, last[0].Sub(removed), time.Second, "if not, it was not deaf")

	// Deaf as it is, it asks Redis, which it reaches.
	f.origin.change("k", 3)
	f.members[1].remove("k")
	last = f.watch("k", 3, time.Now().Add(time.Second))
	require.True(t, last[0].IsZero())
	d.withhold(false)
	eventually(t, "memory is used again", func() bool {
		f.requireEachAnswers("k", http.StatusOK)
		return detail(f.members[0].ask("k")) == "l1"
	})
	require.True(t, strings.HasSuffix(f.members[0].ask("k").body, " v3"))
}
