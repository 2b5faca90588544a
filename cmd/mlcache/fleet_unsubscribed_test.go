package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// unsubscribe ends the subscriptions of all instances. They stand again only when
// resubscribe is called.
func (f *fleet) unsubscribe(proxy *redistest.Proxy) (resubscribe func()) {
	f.t.Helper()
	held := make([]*redistest.Accident, 100) // one for each time that an instance tries
	for i := range held {
		held[i] = proxy.HoldMessage("subscribe")
	}
	f.redis.Command("CLIENT", "KILL", "TYPE", "pubsub")
	f.awaitBus(0)
	return func() {
		for _, confirmation := range held {
			confirmation.Deliver()
		}
		f.awaitBus(1)
	}
}

// awaitBus returns when the subscriptions of all instances stand (1), or when none does.
func (f *fleet) awaitBus(up float64) {
	f.t.Helper()
	for _, p := range f.members {
		eventually(f.t, "the subscription changes", func() bool { return p.metrics()["bus_up"] == up })
	}
}

// While it may miss invalidations, an instance answers with nothing that was replaced
// on another before the request came, whatever the request shares.
func TestFleetSharesNothingOldWhileItsSubscriptionIsDown(t *testing.T) {
	t.Parallel()
	f, proxy := startFarFleet(t, farAway, 2)
	writer, reader := f.members[0], f.members[1]
	writes := map[string]func(key string){
		"delete": writer.remove,
		"put":    func(key string) { writer.put(key, cachetest.ValueOf(key, 2)) },
	}
	var keys []string
	for write := range writes {
		for _, key := range []string{"held-" + write, "looked-" + write, "loaded-" + write} {
			keys = append(keys, key)
			f.origin.Change(key, 1)
		}
		require.Equal(t, "source", detail(reader.ask("held-"+write)))
		require.Equal(t, "source", detail(writer.ask("looked-"+write)))
	}
	resubscribe := f.unsubscribe(proxy)
	for name, write := range writes {
		replace := func(key string) {
			f.origin.Change(key, 2)
			write(key)
		}
		replace("held-" + name)
		require.Equal(t, cachetest.ValueOf("held-"+name, 2), reader.ask("held-"+name).body)
		f.requireLookIsNotShared("looked-"+name, proxy, replace)
		f.requireLoadIsNotShared("loaded-"+name, replace)
	}
	resubscribe()
	for _, key := range keys {
		for _, r := range f.ask(2, key) {
			require.Equal(t, cachetest.ValueOf(key, 2), r.body, r.header.Get("Cache-Status"))
		}
	}
}

// requireLookIsNotShared has key replaced while the second instance reads it in Redis.
func (f *fleet) requireLookIsNotShared(key string, proxy *redistest.Proxy, replace func(key string)) {
	f.t.Helper()
	name := "mlc:{" + key + "}"
	found := proxy.HoldReply(fmt.Sprintf("get\r\n$%d\r\n%s\r\n", len(name), name))
	early := f.members[1].later(key)
	<-found.Begun
	replace(key)
	f.requireNewWhenJoined(key, early, found.Deliver)
}

// requireLoadIsNotShared has key replaced while the second instance loads it.
func (f *fleet) requireLoadIsNotShared(key string, replace func(key string)) {
	f.t.Helper()
	release := f.origin.Hold(key, cachetest.Plan{})
	early := f.members[1].later(key)
	f.origin.AwaitCall(f.t, key, 1)
	replace(key)
	f.requireNewWhenJoined(key, early, release)
}

// requireNewWhenJoined has another request join what the early one waits for, and ends
// that. The early one may get either value.
func (f *fleet) requireNewWhenJoined(key string, early <-chan reply, end func()) {
	f.t.Helper()
	late := f.members[1].later(key)
	f.awaitWaiting(2)
	end()
	require.Equal(f.t, cachetest.ValueOf(key, 2), (<-late).body)
	require.Equal(f.t, http.StatusOK, (<-early).status)
}
