//go:build measure

package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
)

func TestMeasureInvalidation(t *testing.T) {
	printHead()
	eachFleet(t, []int{2, 10}, nil, func(f *fleet, over network) {
		n := len(f.members)
		reader := func(i int) *process { return f.members[1+i%(n-1)] }
		key := func(i int) string { return fmt.Sprint("d", i) }
		over.try(func(i int) { f.holdOn(reader(i), key(i)) })
		var old, reloaded figures
		told := f.invalidations()
		for i := range over.trials { // one by one, since a client that reads all the time needs a core
			f.oneInvalidation(reader(i), key(i), told, &old, &reloaded)
		}
		old.print(fmt.Sprintf("from a DELETE in Redis to the last old answer of another of %d processes", n), over.rtt, over.rtt/2+10*time.Millisecond)
		reloaded.print(fmt.Sprintf("from sending a DELETE to the first new answer of another of %d processes", n), over.rtt, 0)
	})
}

// holdOn has the reader hold version 1 of key in memory.
func (f *fleet) holdOn(reader *process, key string) {
	f.origin.Change(key, 1)
	assert.Equal(f.t, "source", detail(f.members[0].ask(key)))
	reader.ask(key)
	assert.Equal(f.t, "l1", detail(reader.ask(key)))
}

// invalidations tells when Redis has carried out each of the writes that follow, as one
// knows who is next to it.
func (f *fleet) invalidations() <-chan time.Time {
	client := goredis.NewClient(&goredis.Options{Addr: f.redis.Addr()})
	subscription := client.Subscribe(f.t.Context(), "mlc:changes")
	_, err := subscription.Receive(f.t.Context())
	require.NoError(f.t, err)
	told := make(chan time.Time, 1)
	go func() {
		for range subscription.Channel() {
			told <- time.Now()
		}
	}()
	f.t.Cleanup(func() {
		_ = subscription.Close()
		_ = client.Close()
	})
	return told
}

// oneInvalidation has key deleted on the first process while the reader is asked for it
// all the time.
func (f *fleet) oneInvalidation(reader *process, key string, told <-chan time.Time, old, reloaded *figures) {
	f.origin.Change(key, 2)
	began, removed := time.Now(), make(chan reply, 1)
	go func() { removed <- f.members[0].send(http.MethodDelete, key, "") }()
	last := began
	for cachetest.VersionOf(reader.ask(key).body) != 2 {
		last = time.Now()
	}
	reloaded.add(time.Since(began))
	old.add(last.Sub(<-told))
	require.Equal(f.t, http.StatusNoContent, (<-removed).status)
}
