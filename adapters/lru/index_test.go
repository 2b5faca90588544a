package lru

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Hashes that share a bucket and a tag are what the operations on words could get
// wrong; a map says what is right.
func TestTheIndexFindsWhatIsInIt(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 0))
	for _, spread := range []uint32{1, 3, 1 << 8, 1 << 31} {
		var x index
		for range 8 {
			x = x.larger()
		}
		held := map[uint32]uint32{}
		for range 20_000 {
			i := 1 + random.Uint32N(uint32(x.capacity()))
			if hash, ok := held[i]; ok {
				x.remove(hash, i)
				delete(held, i)
				require.False(t, holds(x, hash, i))
				continue
			}
			held[i] = random.Uint32N(spread) * 0x9e3779b9
			x.insert(held[i], i)
		}
		for i, hash := range held {
			require.True(t, holds(x, hash, i))
			x.remove(hash, i)
		}
		for b := range x {
			assert.Zero(t, x[b].tags.Load(), "and counts nobody that passed by")
		}
	}
}

// holds looks as find does.
func holds(x index, hash, i uint32) bool {
	b := x.home(hash)
	for range x {
		tags := x[b].tags.Load()
		for same := equal(tags, tagOf(hash)); same != 0; same &= same - 1 {
			at := placeOf(same)
			if tags>>(at*tagBits)&(1<<tagBits-1) == tagOf(hash) && x[b].slots[at].Load() == i {
				return true
			}
		}
		if !passed(tags) {
			return false
		}
		b = x.after(b)
	}
	return false
}

func TestNoTagIsThatOfAFreePlace(t *testing.T) {
	for hash := range uint32(1 << 10) {
		tag := tagOf(hash)
		assert.True(t, tag > 0 && tag < 1<<tagBits)
	}
}
