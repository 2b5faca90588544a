package lru

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
)

const cacheLine = 64

func TestTheLayoutIsWhatTheCommentsSay(t *testing.T) {
	assert.EqualValues(t, cacheLine/2, unsafe.Sizeof(slot{}))
	assert.EqualValues(t, 8, unsafe.Sizeof(link{}))
	assert.EqualValues(t, 3*cacheLine, unsafe.Sizeof(shard{}))
	var s shard
	assert.Less(t, unsafe.Offsetof(s.plain), uintptr(cacheLine), "what a Get needs is in the mutex's line")
	assert.EqualValues(t, cacheLine, unsafe.Offsetof(s.oldest), "what a Set writes is in the next")
	assert.LessOrEqual(t, unsafe.Offsetof(s.links), uintptr(2*cacheLine))
	assert.Less(t, unsafe.Offsetof(slot{}.entry)+8, uintptr(cacheLine/2), "see slot")
}

// The allocator puts a header in front of large objects with pointers, which would
// move a slice of shards by eight bytes.
func TestNoShardSharesACacheLineWithAnother(t *testing.T) {
	for _, entries := range []int{100, 10_000, 1_000_000} {
		for _, s := range newCache(t, Options{MaxEntries: entries, MaxBytes: 1 << 40}).shards {
			assert.Zero(t, uintptr(unsafe.Pointer(s))%cacheLine)
		}
	}
}

func TestTheWordOfASlotKeepsItsPartsApart(t *testing.T) {
	const deadline = 3 * maxTTL
	m := newMeta(deadline, maxKeyLen)
	for p := range phase(phases) {
		for _, bits := range []meta{0, unverifiedBit, staleBit, unverifiedBit | staleBit} {
			got := (m | bits).usedIn(p)
			assert.Equal(t, p, got.used())
			assert.Equal(t, maxKeyLen, got.keyLen())
			assert.Equal(t, deadline>>unitShift<<unitShift, got.deadline())
			assert.Equal(t, bits&unverifiedBit != 0, got.unverified())
			assert.Equal(t, bits, got&(unverifiedBit|staleBit))
		}
	}
}
