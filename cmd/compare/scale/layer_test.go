package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru/trace"
)

func TestALayerIsAnExactLRU(t *testing.T) {
	requests := trace.Zipf(1, 0.9, 5_000, 50_000)
	for _, capacity := range []int{1, 3, 100, 1_000, noBound} {
		l := newLayer(capacity)
		hits := trace.Replay(requests, func(id uint64) bool {
			_, hit := l.get(uint32(id), 0)
			if !hit {
				l.set(uint32(id), 1, 0)
			}
			return hit
		})
		assert.Equal(t, trace.LRU(requests, min(capacity, len(requests))), hits, "capacity %d", capacity)
		assert.LessOrEqual(t, len(l.index), capacity)
	}
}

func TestALifeEndsAtItsDeadline(t *testing.T) {
	l := newLayer(2)
	l.set(1, 10, 0)
	_, ok := l.get(1, 9.999)
	assert.True(t, ok)
	_, ok = l.get(1, 10)
	assert.False(t, ok)
	l.set(1, 20, 10)
	deadline, ok := l.get(1, 10)
	assert.True(t, ok)
	assert.Equal(t, 20.0, deadline)
	assert.Len(t, l.index, 1)
}

func TestWhatIsOverGoesFirst(t *testing.T) {
	l := newLayer(2)
	l.set(2, 20, 0)
	l.set(1, 10, 1)
	l.set(3, 30, 11)
	_, ok := l.get(2, 12)
	assert.True(t, ok, "it was used before 1, whose life was over")
	_, ok = l.get(3, 12)
	assert.True(t, ok)
}

func TestADeadlineThatWasReplacedIsNotTheEnd(t *testing.T) {
	l := newLayer(2)
	l.set(1, 10, 0)
	l.set(2, 40, 1)
	l.set(1, 50, 2)
	l.set(3, 60, 11)
	_, ok := l.get(1, 12)
	assert.True(t, ok, "2 was used longest ago")
	_, ok = l.get(2, 12)
	assert.False(t, ok)
}

func TestALayerWithoutRoomHoldsNothing(t *testing.T) {
	l := newLayer(0)
	l.set(1, 10, 0)
	_, ok := l.get(1, 0)
	assert.False(t, ok)
}

func TestDeadlinesComeInTheirOrder(t *testing.T) {
	var d deadlines
	for _, id := range trace.Zipf(1, 0.2, 500, 1_000) {
		d.push(due{deadline: float64(id)})
	}
	for before := 0.0; len(d) > 0; {
		next := d.pop().deadline
		require.GreaterOrEqual(t, next, before)
		before = next
	}
}
