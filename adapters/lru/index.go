package lru

// index finds slots by the hash of their key: open addressing with linear probing,
// at most five eighths full (Knuth, The Art of Computer Programming, section 6.4). A word has the
// hash in its upper half and the slot in its lower; 0 is free.
type index []uint64

func newIndex(slots int) index { return make(index, max(8, slots*8/5)) }

func word(hash, slot uint32) uint64 { return uint64(hash)<<32 | uint64(slot) }
func hashIn(w uint64) uint32        { return uint32(w >> 32) }

// home is where a hash is looked for first.
func (x index) home(hash uint32) int { return int(uint64(hash) * uint64(len(x)) >> 32) }

func (x index) after(at int) int {
	if at++; at == len(x) {
		return 0
	}
	return at
}

// find returns the slot of key, or 0.
func (l *list) find(hash uint32, key string) uint32 {
	x := l.index
	for at := x.home(hash); ; at = x.after(at) {
		w := x[at]
		if w == 0 || hashIn(w) == hash && l.slots[uint32(w)].holds(key) {
			return uint32(w)
		}
	}
}

// insert enters slot i, which is not in the index.
func (x index) insert(hash, i uint32) {
	at := x.home(hash)
	for x[at] != 0 {
		at = x.after(at)
	}
	x[at] = word(hash, i)
}

// remove takes out slot i, which is in the index, and closes the gap: a word further
// on fills it unless the gap is before its home, and leaves the next gap.
func (x index) remove(hash, i uint32) {
	gap := x.home(hash)
	for x[gap] != word(hash, i) {
		gap = x.after(gap)
	}
	for at := x.after(gap); x[at] != 0; at = x.after(at) {
		if x.distance(x.home(hashIn(x[at])), at) >= x.distance(gap, at) {
			x[gap] = x[at]
			gap = at
		}
	}
	x[gap] = 0
}

// distance is how far to is after from, around the end.
func (x index) distance(from, to int) int {
	if to < from {
		to += len(x)
	}
	return to - from
}
