package lru

import (
	"time"
	"unsafe"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// slot holds one entry, in half a cache line. Slots are named by their numbers, so
// that a link costs four bytes and the collector follows none; 0 names none. The
// length of the key is in meta. Since the allocator may put eight bytes in front of a
// slice, every other slot may lie across two cache lines, but for what a Get needs:
// the first three words.
type slot struct {
	meta   meta
	key    *byte
	entry  *domain.Entry // nil: the slot is free
	hash   uint32
	weight uint32 // the bytes that the entry counts
}

func (s *slot) holds(key string) bool {
	return s.meta.keyLen() == len(key) && unsafe.String(s.key, len(key)) == key
}

// text returns the key.
func (s *slot) text() string { return unsafe.String(s.key, s.meta.keyLen()) }

// meta packs the deadline of an entry, the phase of its last use since it became the
// newest, whether a sweep has found it stale, whether it is unverified, and the length
// of its key.
type meta uint64

const (
	keyLenBits    = 10
	maxKeyLen     = 1<<keyLenBits - 1
	unverifiedBit = 1 << keyLenBits
	staleBit      = 1 << (keyLenBits + 1)
	phaseShift    = keyLenBits + 2
	phaseMask     = phases << phaseShift
	deadlineShift = phaseShift + phaseBits
	// unitShift makes deadlines count units of 2^16 ns, of which there are 36 years.
	unitShift = 16
)

func newMeta(deadline time.Duration, keyLen int) meta {
	return meta(deadline>>unitShift<<deadlineShift) | meta(keyLen)
}

func (m meta) deadline() time.Duration { return time.Duration(m >> deadlineShift << unitShift) }
func (m meta) unverified() bool        { return m&unverifiedBit != 0 }
func (m meta) keyLen() int             { return int(m & maxKeyLen) }
func (m meta) used() phase             { return phase(m >> phaseShift & phases) }
func (m meta) usedIn(p phase) meta     { return m&^phaseMask | meta(p)<<phaseShift }
