//go:build measure

package main

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
)

func TestMeasureLoadsThatLeaveNothing(t *testing.T) {
	const load, loads, goal = 2 * time.Second, 10, 1.3
	fmt.Printf("\n| slowest of 10 instances ÷ the %v of one load | round trip (ms) | loads | calls | p50 | max | goal |\n|--|--:|--:|--:|--:|--:|--:|\n", load)
	eachFleet(t, []int{10}, rememberNothing, func(f *fleet, over network) {
		for _, name := range slices.Sorted(maps.Keys(unshared)) {
			slowest, calls := f.loadUnshared(name, load, loads)
			_, p50, _, most := slowest.summary()
			within := fmt.Sprint(goal)
			if most.Seconds() > goal*load.Seconds() {
				within += ", **missed**"
			}
			fmt.Printf("| %s | %d | %d | %d | %.2f | %.2f | %s |\n",
				name, over.rtt.Milliseconds(), loads, calls, p50.Seconds()/load.Seconds(), most.Seconds()/load.Seconds(), within)
		}
	})
}

// loadUnshared has all instances ask for keys at once, and returns how long the slowest
// answer for each took, and how often the source was called.
func (f *fleet) loadUnshared(name string, load time.Duration, keys int) (slowest *figures, calls int) {
	c := unshared[name]
	slowest = &figures{}
	var all sync.WaitGroup
	for i := range keys {
		key := fmt.Sprint(keyFor(name), i)
		f.origin.Answer(key, cachetest.Plan{Delay: load, How: c.how})
		all.Go(func() {
			var most time.Duration
			for _, r := range f.ask(len(f.members), key, c.headers...) {
				assert.Equal(f.t, c.status, r.status, r.body)
				most = max(most, r.took)
			}
			slowest.add(most)
		})
	}
	all.Wait()
	for i := range keys {
		calls += f.origin.Called(fmt.Sprint(keyFor(name), i))
	}
	return slowest, calls
}
