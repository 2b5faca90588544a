//go:build measure

package main

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
)

func TestMeasureTakeover(t *testing.T) {
	printHead()
	const lockTTL, trials, keys = 500 * time.Millisecond, 200, 20
	f := startFleet(t, 2, "--lock-ttl="+lockTTL.String(), "--l2-timeout=500ms")
	var takeover figures
	for round := range trials / keys {
		second := f.loadAndKill(round, keys)
		for _, after := range second {
			takeover.add(after)
		}
		f.members[0].restart()
		f.awaitSubscribed(f.redis)
	}
	takeover.print(fmt.Sprintf("from kill -9 of the loading process until another calls the source (lock TTL %v)", lockTTL), 0, lockTTL)
}

// loadAndKill kills the first process while it loads keys that requests on the
// second wait for, and returns after how long each was loaded again.
func (f *fleet) loadAndKill(round, keys int) (after []time.Duration) {
	name := func(i int) string { return fmt.Sprintf("t%d-%d", round, i) }
	calls := make(chan time.Time, 2*keys)
	for i := range keys {
		f.origin.Answer(name(i), cachetest.Plan{Delay: 0, How: func(o *cachetest.Origin, w http.ResponseWriter, r *http.Request) {
			calls <- time.Now()
			if o.Called(name(i)) == 1 {
				o.Pass(time.Minute, r)
				return
			}
			_, _ = io.WriteString(w, cachetest.ValueOf(name(i), 0))
		}})
	}
	var all sync.WaitGroup
	ask := func(p *process, want int) {
		for i := range keys {
			all.Go(func() { assert.Equal(f.t, want, p.ask(name(i)).status) })
		}
	}
	ask(f.members[0], 0) // gets no answer
	for range keys {
		<-calls
	}
	ask(f.members[1], http.StatusOK)
	time.Sleep(50 * time.Millisecond) // until they wait
	killed := time.Now()
	f.members[0].Kill()
	for range keys {
		after = append(after, (<-calls).Sub(killed))
	}
	all.Wait()
	for i := range keys {
		require.Equal(f.t, 2, f.origin.Called(name(i)))
	}
	return after
}
