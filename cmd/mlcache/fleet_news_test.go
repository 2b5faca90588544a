//go:build fleet

package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// cutOff is a fleet whose first instance reaches Redis another way than the
// others, which stays open.
func startCutOff(t *testing.T, way func(target string) (url string)) *fleet {
	t.Helper()
	f := &fleet{t: t, redis: redistest.Start(t), origin: cachetest.StartOrigin(t)}
	f.members = append(
		launch(t, 1, f.flags(way(f.redis.Addr()), "--l2-timeout=500ms")),
		launch(t, 2, f.flags(f.redis.URL(), "--l2-timeout=500ms"))...,
	)
	f.awaitSubscribed(f.redis)
	return f
}

// requireTold returns when the instances answer a version of key, which they do
// from then on, and how long each answered an older one after that was replaced.
func (f *fleet) requireTold(key string, version int, replaced time.Time, members ...*process) []time.Duration {
	f.t.Helper()
	late := make([]time.Duration, len(members))
	old := func(p *process) bool {
		r := p.ask(key)
		require.Equal(f.t, http.StatusOK, r.status, r.body)
		return cachetest.VersionOf(r.body) < version
	}
	for i, p := range members {
		eventually(f.t, "the instance answers the new value", func() bool {
			begun := time.Now()
			if !old(p) {
				return true
			}
			late[i] = begun.Sub(replaced)
			return false
		})
	}
	for range 100 {
		for _, p := range members {
			require.False(f.t, old(p), "an old value came back")
		}
	}
	return late
}

// replaceWhile has all instances hold version 1 of key, then calls what, makes
// version 2 the value at the origin and deletes key on the last instance.
func (f *fleet) replaceWhile(key string, what func()) (removed time.Time) {
	f.t.Helper()
	f.origin.Change(key, 1)
	for range 2 {
		f.requireEachAnswers(key, http.StatusOK)
	}
	what()
	f.origin.Change(key, 2)
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
		t.Log("the old value was served for", f.requireTold(key, 2, removed, f.members...))
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
			})
			removed := f.replaceWhile("k", proxy.Silence)
			f.requireTold("k", 2, removed, f.members[1:]...)
			for time.Since(removed) < silence {
				require.Equal(t, cachetest.ValueOf("k", 1), f.members[0].ask("k").body, "the first cannot know")
			}
			proxy.Resume()
			resumed := time.Now()
			t.Log("the old value was served after the silence for", f.requireTold("k", 2, resumed, f.members...))
			eventually(t, "memory is used again", func() bool { return detail(f.members[0].ask("k")) == "l1" })
		})
	}
}

func TestFleetServesNothingOldAfterASubscriptionFellSilent(t *testing.T) {
	var d *deafener
	f := startCutOff(t, func(target string) string {
		d = startDeafener(t, target)
		return d.url()
	})
	removed := f.replaceWhile("k", func() { d.withhold(true) })
	late := f.requireTold("k", 2, removed, f.members...)
	t.Log("the old value was served for", late)
	require.Positive(t, late[0], "if not, it was not deaf")

	// Deaf as it is, it asks Redis, which it reaches.
	f.origin.Change("k", 3)
	f.members[1].remove("k")
	for range 100 {
		require.Equal(t, cachetest.ValueOf("k", 3), f.members[0].ask("k").body)
	}
	d.withhold(false)
	eventually(t, "memory is used again", func() bool { return detail(f.members[0].ask("k")) == "l1" })
	require.Equal(t, cachetest.ValueOf("k", 3), f.members[0].ask("k").body)
}
