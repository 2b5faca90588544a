//go:build fleet

package main

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
)

// usualLoad is one writer for each key, at any instance, and readers that hardly rest.
func usualLoad(keys []string, seed uint64) load {
	l := load{keys: keys, writers: 1, seed: seed}
	l.between.writes, l.between.reads = 60*time.Millisecond, 2*time.Millisecond
	return l
}

// latenesses returns, for each write and each other instance, how long after the
// write's end the last read began there that returned something older. The writes of
// a key come one after the other.
func (h *history) latenesses(instances int) (all []time.Duration) {
	for key, operations := range h.operations {
		for _, w := range h.writes(key) {
			late := make([]time.Duration, instances)
			for _, r := range operations {
				if !r.isWrite() && r.value.version < w.value.version {
					late[r.at] = max(late[r.at], r.begun-w.ended)
				}
			}
			all = append(all, slices.Delete(late, w.at, w.at+1)...)
		}
	}
	slices.Sort(all)
	return all
}

func TestFleetReturnsNothingThatWasReplacedBefore(t *testing.T) {
	// Half of the time for which an invalidation that was lost would show.
	const ttl, bound = 3 * time.Second, 1500 * time.Millisecond
	// A short TTL and refreshes ahead, so that loads of all kinds are under way
	// while it is written.
	f := startFleet(t, 3, "--ttl="+ttl.String(), "--refresh-ahead=20")
	f.origin.Answer("", cachetest.Plan{Delay: 20 * time.Millisecond})
	h := newHistory()
	f.traffic(h, usualLoad([]string{"a", "b", "c", "d", "e", "f"}, 1), after(15*time.Second))
	require.Empty(t, h.refused)
	require.NoError(t, h.violation(promises{invalidated: func(int, time.Duration) time.Duration { return bound }}))
	h.requireEnough(t)
	late := h.latenesses(len(f.members))
	t.Logf("%d reads; a write is heard within p50 %v, p99 %v, max %v",
		h.reads(), late[len(late)/2], late[len(late)*99/100], late[len(late)-1])
}

// requireEnough checks that the history says something: that all writes were
// done, and that reads saw most of the versions.
func (h *history) requireEnough(t *testing.T) {
	t.Helper()
	for key, operations := range h.operations {
		writes, seen := h.writes(key), make(map[int]bool)
		require.Greater(t, len(writes), 10)
		for _, o := range operations {
			if o.isWrite() {
				require.True(t, o.succeeded(), "%v", o)
			} else {
				seen[o.value.version] = true
				require.LessOrEqual(t, o.value.version, writes[len(writes)-1].value.version)
			}
		}
		require.Greater(t, len(seen), len(writes)/2)
	}
}
