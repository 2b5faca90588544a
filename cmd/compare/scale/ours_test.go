package main

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// A bubble has virtual time, but only in a test.
func TestTheRealL1HitsAsOftenAsTheList(t *testing.T) {
	traffic := small.traffic()
	for _, l1 := range []int{300, 5_000} { // where the real one is one list, and several whose order is not exact
		want := fleet{1, l1, noBound}.serve(traffic).hitRatio()
		synctest.Test(t, func(t *testing.T) {
			assert.InDelta(t, want, realHitRatio(t, traffic, l1), 0.005, "L1 of %d", l1)
		})
	}
}

// realHitRatio is that of an instance alone with the cache of package lru.
func realHitRatio(t *testing.T, traffic *traffic, l1 int) float64 {
	cache, err := lru.New(lru.Options{MaxEntries: l1, MaxBytes: 1 << 40, KeepStale: 5 * time.Minute})
	require.NoError(t, err)
	defer cache.Close()
	entry := domain.NewEntry(domain.Value{}, traffic.ttl, 0)
	l2, start := newLayer(noBound), time.Now()
	for _, b := range traffic.begun {
		l2.set(b.key, b.deadline, 0)
	}
	hits, first := 0, len(traffic.key)/3
	for i, id := range traffic.key {
		now := traffic.at[i]
		time.Sleep(time.Until(start.Add(seconds(now))))
		key, _ := domain.ParseKey(strconv.FormatUint(uint64(id), 10))
		if held, _ := cache.Get(key); held.Fresh() {
			if i >= first {
				hits++
			}
			continue
		}
		deadline, ok := l2.get(id, now)
		if !ok {
			deadline = now + traffic.ttl.Seconds()
			l2.set(id, deadline, now)
		}
		cache.Set(key, domain.Copy{Entry: entry, Remaining: seconds(deadline - now)}, cache.Epoch(key))
	}
	return float64(hits) / float64(len(traffic.key)-first)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
