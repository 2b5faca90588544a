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
func latenesses(h *cachetest.History, instances int) (all []time.Duration) {
	for key, operations := range h.Operations {
		for _, w := range h.Writes(key) {
			late := make([]time.Duration, instances)
			for _, r := range operations {
				if !r.IsWrite() && r.Value.Version < w.Value.Version {
					late[r.At] = max(late[r.At], r.Begun-w.Ended)
				}
			}
			all = append(all, slices.Delete(late, w.At, w.At+1)...)
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
	h := cachetest.NewHistory()
	f.traffic(h, usualLoad([]string{"a", "b", "c", "d", "e", "f"}, 1), after(15*time.Second))
	require.Empty(t, h.Refused)
	require.NoError(t, h.Violation(cachetest.Promises{Invalidated: func(int, time.Duration) time.Duration { return bound }}))
	requireEnough(t, h)
	late := latenesses(h, len(f.members))
	t.Logf("%d reads; a write is heard within p50 %v, p99 %v, max %v",
		h.Reads(), late[len(late)/2], late[len(late)*99/100], late[len(late)-1])
}

// requireEnough checks that the history says something: that all writes were
// done, and that reads saw most of the versions.
func requireEnough(t *testing.T, h *cachetest.History) {
	t.Helper()
	for key, operations := range h.Operations {
		writes, seen := h.Writes(key), make(map[int]bool)
		require.Greater(t, len(writes), 10)
		for _, o := range operations {
			if o.IsWrite() {
				require.True(t, o.Succeeded(), "%v", o)
			} else {
				seen[o.Value.Version] = true
				require.LessOrEqual(t, o.Value.Version, writes[len(writes)-1].Value.Version)
			}
		}
		require.Greater(t, len(seen), len(writes)/2)
	}
}
