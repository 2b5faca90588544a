package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// A load begins, a DELETE elsewhere succeeds, and Redis loses its data, the mark of the
// DELETE with it. Then the load ends, and its fill finds neither its lease nor the mark:
// as if the lease had expired without a write.
func TestFleetKeepsNothingOfALoadThatBeganBeforeADeleteThatRedisForgot(t *testing.T) {
	for name, forget := range map[string]func(*trial){
		"a restart": func(t *trial) { t.cut(cachetest.Everywhere, func() { t.redis.Kill(); t.redis.Restart() }) },
		"FLUSHALL":  func(t *trial) { t.redis.Command("FLUSHALL") },
	} {
		t.Run(name, func(t *testing.T) {
			tr := startTrial(t, redistest.Network{RTT: 2 * time.Millisecond, Seed: trialSeed(t)}, false)
			const key = "k"
			ended := make(chan struct{})
			tr.observed(func() {
				release := tr.origin.Hold(key, cachetest.Plan{})
				go func() {
					defer close(ended)
					tr.readOne(tr.History, 0, key)
				}()
				tr.origin.AwaitCall(t, key, 1)
				tr.writeOne(tr.History, 1, http.MethodDelete, key)
				forget(tr)
				tr.settle()
				release()
				<-ended
				time.Sleep(100 * time.Millisecond)
				tr.readAll(tr.History, []string{key})
			})
		})
	}
}
