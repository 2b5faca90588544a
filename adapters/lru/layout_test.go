package lru

import (
	"strconv"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
)

func TestTheLayoutIsWhatTheCommentsSay(t *testing.T) {
	assert.EqualValues(t, 13_568-192, unsafe.Sizeof(chunk{})+mallocHeader)
	assert.EqualValues(t, 64, mallocHeader+unsafe.Offsetof(chunk{}.slots))
	assert.EqualValues(t, 32, unsafe.Sizeof(slot{}))
	assert.EqualValues(t, 20, unsafe.Sizeof(node{}))
	assert.EqualValues(t, 32, unsafe.Sizeof(bucket{}))
	assert.Zero(t, unsafe.Sizeof(shard{})%64, "else shards share cache lines")
	assert.Zero(t, chunkSize%64)
}

func TestNoSlotAndNoBucketLiesAcrossTwoCacheLines(t *testing.T) {
	c := newCache(t, Options{MaxEntries: 10_000, MaxBytes: 1 << 40})
	for i := range 10_000 {
		c.Set(key(strconv.Itoa(i)), fresh("v"), 0)
	}
	for i := range c.shards {
		s := &c.shards[i]
		assert.Zero(t, uintptr(unsafe.Pointer(&s.index[0]))%32)
		for _, chunk := range s.slab.chunks {
			assert.Zero(t, uintptr(unsafe.Pointer(&chunk.slots[0]))%64)
		}
	}
}

// Readers touch without the lock what they saw before: it may have been doubted,
// replaced or dropped since.
func TestTouchingWhatChangedMeanwhileChangesNothing(t *testing.T) {
	var s slot
	seen := newLife(7, 1, 3)
	s.life.Store(uint64(seen))
	s.touch(seen, 5)
	assert.Equal(t, newLife(7, 5, 3), life(s.life.Load()))
	for _, changed := range []life{seen | doubtBit, newLife(8, 1, 3), newLife(7, 2, 3)} {
		s.life.Store(uint64(changed))
		s.touch(seen, 5)
		assert.Equal(t, changed, life(s.life.Load()))
	}
}
