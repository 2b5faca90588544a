package lru

import (
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// shard is a list under a mutex, which guards all of it. It fills three cache lines. A
// hit that leaves a mark needs the first alone: on its way from one processor to
// another, the mutex takes along all that is looked at.
type shard struct {
	mu sync.Mutex
	list
}

// newShard returns shard i of n, each with its share of the limits.
func newShard(opts Options, i, n int) *shard {
	entries := opts.MaxEntries / n
	if i < opts.MaxEntries%n {
		entries++
	}
	s := &shard{}
	s.tells = opts.OnEvict != nil
	s.init(min(entries, maxSlots), opts.MaxBytes/int64(n), n == 1)
	if s.plain = opts.Admission == PlainLRU; !s.plain {
		s.admission = newAdmission(int(min(int64(entries), s.maxBytes/entryOverhead)))
	}
	return s
}

// list is an LRU of limited size: the bare algorithm, not safe for concurrent use.
// Entries lie in slots, which are found by the index and ordered by the ring.
type list struct {
	index index
	slots []slot // slot 0 is not used
	last  uint32 // the slot that was used last; 0 after an eviction
	left  uint16 // of this phase
	phase phase  // never, in an exact list
	plain bool   // there is no admission

	oldest, newest uint32 // of the ring
	count          uint32 // of entries
	tells          bool   // of what is evicted
	bytes          int64
	evicted        [causes]uint64

	links     []link // of each slot in the ring
	maxBytes  int64
	admission *admission // nil: plain LRU
	capacity  uint32     // in entries
	gone      []string   // keys that were evicted, to be told of
	_         [8]byte
}

// The causes of evictions.
const (
	forEntries = iota
	forBytes
	forExpiry
	causes
)

const (
	firstSlots = 16
	maxSlots   = 1<<31 - 1
)

func (l *list) init(capacity int, maxBytes int64, exact bool) {
	l.capacity, l.maxBytes = uint32(capacity), maxBytes
	l.index, l.slots, l.links = newIndex(1), make([]slot, 2), []link{{}, {1, 1}}
	l.oldest, l.newest = 1, 1
	if !exact {
		l.phase, l.left = 1, 1
	}
}

func (l *list) exact() bool { return l.phase == never }

// look returns the entry of key, or nil. If that is fresh, it may be a use of it.
func (l *list) look(hash uint32, key string, now time.Duration, use bool) (*domain.Entry, meta) {
	i := l.find(hash, key)
	s := &l.slots[i] // slot 0, if there is none
	if use && s.meta.deadline() > now {
		l.requested(s.hash)
		l.used(i)
	}
	return s.entry, s.meta
}

// used takes note of a use of slot i: in an exact list at once, else by a mark that
// victim looks for.
func (l *list) used(i uint32) {
	s := &l.slots[i]
	if l.exact() {
		l.renew(i)
		return
	}
	l.last = i
	if before := s.meta.used(); before != l.phase {
		s.meta = s.meta.usedIn(l.phase)
		if !before.within(1, l.phase) {
			l.tick()
		}
	}
}

// set holds put, which is not too large, for key.
func (l *list) set(key string, put slot, now time.Duration) {
	l.requested(put.hash)
	i := l.find(put.hash, key)
	if i == 0 {
		l.insert(put, now)
		return
	}
	more := int64(put.weight) - int64(l.slots[i].weight)
	if l.bytes+more > l.maxBytes { // it must not be what makes room for itself
		l.drop(i)
		l.insert(put, now)
		return
	}
	l.bytes += more
	l.slots[i] = put
	l.used(i)
}

// insert holds put, whose key is not held.
func (l *list) insert(put slot, now time.Duration) {
	evicted := l.makeRoom(int64(put.weight), now)
	i := l.take()
	l.slots[i] = put
	l.index.insert(put.hash, i)
	l.bytes += int64(put.weight)
	switch {
	case !evicted:
	case l.refuses(put.hash, now):
		l.demote(i)
	default:
		l.tick()
	}
}

// requested tells admission, if there is one, of a request.
func (l *list) requested(hash uint32) {
	if !l.plain {
		l.admission.requested(hash)
	}
}

// refuses reports whether a newcomer is to go before the fresh entry that would.
func (l *list) refuses(newcomer uint32, now time.Duration) bool {
	if l.plain {
		return false
	}
	incumbent := &l.slots[l.victim(now)]
	return incumbent.meta.deadline() > now && !l.admission.admits(newcomer, incumbent.hash)
}

// makeRoom sees to it that there is a free slot for an entry of that weight, and
// reports whether others were evicted for it.
func (l *list) makeRoom(weight int64, now time.Duration) (evicted bool) {
	for l.bytes+weight > l.maxBytes {
		l.evict(forBytes, now)
		evicted = true
	}
	if l.count == l.capacity {
		l.evict(forEntries, now)
		evicted = true
	}
	if evicted {
		l.last = 0
	}
	if int(l.count) == len(l.slots)-1 {
		l.grow()
	}
	return evicted
}

func (l *list) evict(cause int, now time.Duration) {
	i := l.victim(now)
	if l.slots[i].meta.deadline() <= now {
		cause = forExpiry
	}
	l.discard(i, cause)
}

// discard evicts the entry in slot i.
func (l *list) discard(i uint32, cause int) {
	l.evicted[cause]++
	if l.tells {
		l.gone = append(l.gone, l.slots[i].text())
	}
	l.drop(i)
}

// drop lets go of the entry in slot i, if i is one.
func (l *list) drop(i uint32) {
	if i == 0 {
		return
	}
	s := &l.slots[i]
	l.index.remove(s.hash, i)
	l.bytes -= int64(s.weight)
	*s = slot{}
	l.free(i)
}

// grow doubles the memory, up to what the capacity needs.
func (l *list) grow() {
	before := len(l.slots)
	n := 1 + min(max(firstSlots, 2*before), int(l.capacity))
	slots, links := make([]slot, n), make([]link, n)
	copy(slots, l.slots)
	copy(links, l.links)
	l.slots, l.links, l.index = slots, links, newIndex(n)
	for i := 1; i < before; i++ {
		l.index.insert(slots[i].hash, uint32(i))
	}
	for i := before; i < n; i++ {
		l.linkAfter(l.links[l.oldest].older, uint32(i))
	}
}

// unverify makes all entries unverified.
func (l *list) unverify() {
	for i := range l.slots {
		if s := &l.slots[i]; s.entry != nil {
			s.meta |= unverifiedBit
		}
	}
}
