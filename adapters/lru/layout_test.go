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
