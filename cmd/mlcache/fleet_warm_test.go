//go:build fleet || measure

package main

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hotKeys is how many keys are hot.
const hotKeys = 200

func hotKey(i int) string { return fmt.Sprint("hot-", i%hotKeys) }

// restarts is a fleet under load of which one instance after the other restarts.
type restarts struct {
	*fleet
	inUse []sync.RWMutex // of each member; held while it restarts
}

// startRestarts starts the load, and returns when the hot keys are on the list if there
// is one.
func startRestarts(f *fleet, listed bool) (r *restarts, stop func()) {
	f.t.Helper()
	r = &restarts{fleet: f, inUse: make([]sync.RWMutex, len(f.members))}
	for member := range f.members {
		for i := range hotKeys {
			r.askOne(member, hotKey(i))
		}
	}
	over := make(chan struct{})
	var clients sync.WaitGroup
	for client := range 2 {
		clients.Go(func() {
			for i := client; ; i += 7 {
				select {
				case <-over:
					return
				default:
					r.askOne(i%len(f.members), hotKey(i))
				}
			}
		})
	}
	if listed {
		eventually(f.t, "the hot keys are on the list", func() bool {
			n, _ := strconv.Atoi(f.redis.Command("ZCARD", "mlc:hot"))
			return n >= hotKeys
		})
	}
	return r, func() {
		close(over)
		clients.Wait()
	}
}

// askOne asks a member, unless it restarts.
func (r *restarts) askOne(member int, key string) {
	if r.inUse[member].TryRLock() {
		defer r.inUse[member].RUnlock()
		assert.Equal(r.t, http.StatusOK, r.members[member].ask(key).status)
	}
}

// restart restarts a member, and calls check when it is ready, before clients use it.
func (r *restarts) restart(member int, check func(p *process)) {
	r.t.Helper()
	r.inUse[member].Lock()
	defer r.inUse[member].Unlock()
	p := r.members[member]
	p.End()
	p.restart()
	eventually(r.t, "the instance is ready", func() bool { return p.mustGet("/ready").status == http.StatusOK })
	check(p)
}

func TestFleetRestartsWithHotKeysInMemory(t *testing.T) {
	for name, warm := range map[string]bool{"with warm-up": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flags := []string{}
			if warm {
				flags = append(flags, "--warm-timeout=10m")
			}
			f := startFleet(t, 3, flags...)
			r, stop := startRestarts(f, warm)
			defer stop()
			for member := range f.members {
				r.restart(member, func(p *process) {
					for i := range hotKeys {
						require.Equal(t, http.StatusOK, p.ask(hotKey(i)).status)
					}
					m := p.metrics()
					if warm {
						require.Equal(t, []float64{hotKeys, 0, 0}, []float64{m["l1_hits"], m["l2_hits"], m["cache_misses"]})
					} else {
						require.Equal(t, []float64{0, hotKeys, 0}, []float64{m["l1_hits"], m["l2_hits"], m["cache_misses"]})
					}
				})
			}
			for i := range hotKeys {
				require.Equal(t, 1, f.origin.Called(hotKey(i)), "no restart costs a call of the source")
			}
		})
	}
}
