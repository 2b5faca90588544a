package trace

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAZipfTraceIsItsSeed(t *testing.T) {
	assert.Equal(t, []uint64{1, 7, 0, 6, 26, 10, 0, 0}, Zipf(1, 1, 100, 8), "as on every machine")
	assert.Equal(t, Zipf(1, 1, 100, 1000), Zipf(1, 1, 100, 1000))
	assert.NotEqual(t, Zipf(1, 1, 100, 1000), Zipf(2, 1, 100, 1000))
}

func TestZipfAsksForEachKeyInItsProportion(t *testing.T) {
	const keys, n = 50, 400_000
	for _, s := range []float64{0, 0.7, 1, 1.5} {
		var counts [keys]float64
		for _, id := range Zipf(3, s, keys, n) {
			counts[id]++
		}
		total := 0.0
		for i := range keys {
			total += math.Pow(float64(i+1), -s)
		}
		for _, i := range []int{0, 1, 9, keys - 1} {
			want := n * math.Pow(float64(i+1), -s) / total
			assert.InDelta(t, want, counts[i], 5*math.Sqrt(want), "s = %v, key %d", s, i)
		}
	}
}

func TestALoopGoesRound(t *testing.T) {
	assert.Equal(t, []uint64{0, 1, 2, 0, 1, 2, 0}, Loop(3, 7))
}

func TestAScanComesAfterEachPauseWithKeysOfItsOwn(t *testing.T) {
	const a = scanned
	assert.Equal(t, []uint64{5, 6, a, a + 1, a + 2, 5, 7, a + 3, a + 4, a + 5, 8},
		WithScans([]uint64{5, 6, 5, 7, 8}, 2, 3))
}

func TestTheHotSetMoves(t *testing.T) {
	assert.Equal(t, []uint64{0, 1, 10, 12, 20}, WithShifts([]uint64{0, 1, 0, 2, 0}, 2, 10))
}

func TestReplayAsksInOrderAndCountsHits(t *testing.T) {
	var asked []uint64
	hits := Replay([]uint64{1, 2, 1, 3}, func(id uint64) bool {
		asked = append(asked, id)
		return id == 1
	})
	assert.Equal(t, []uint64{1, 2, 1, 3}, asked)
	assert.Equal(t, 2, hits)
}
