package lru

// tinyLFU decides what goes when a shard is full: W-TinyLFU (Einziger,
// Friedman, Manes, ACM Transactions on Storage 2017). New entries come into a
// window, an LRU. One that falls out of it gets a place in the main part only
// if it was asked for more often lately than the entry that would have to go
// there. The main part is a segmented LRU: entries on probation, and those that
// were used again, which are protected. So a scan passes through the window and
// leaves the rest alone.
//
// How large the window should be depends on the traffic: recency wants a large
// one, frequency a small one. See duel.
//
// All fields are guarded by the shard's mutex.
type tinyLFU struct {
	sketch   sketch
	capacity int
	window   int   // entries that the window should have
	duel     *duel // nil: the window stays as it is
	random   uint32
}

const (
	protectedShare = 0.8 // of the main part
	// A candidate that was seen this often and still loses is admitted once in
	// a while, so that keys chosen to collide in the sketch cannot lock it out.
	luckyAbove, luckyOnce = 5, 128
)

func newTinyLFU(capacity int, window float64) *tinyLFU {
	p := &tinyLFU{sketch: newSketch(capacity), capacity: capacity, random: 1}
	p.setWindow(window)
	return p
}

// setWindow makes the window the given share of the capacity.
func (p *tinyLFU) setWindow(share float64) { p.window = max(1, int(share*float64(p.capacity))) }

// seen takes note that the key of slot i was asked for, or written.
func (p *tinyLFU) seen(s *shard, i uint32) {
	sl, hash := s.slab.at(i), s.slab.node(i).hash
	p.sketch.add(hash)
	if p.duel != nil {
		p.setWindow(p.duel.request(hash, keyString(sl.key.Load(), life(sl.life.Load()))))
	}
}

// used takes note that slot i was asked for or written again.
func (p *tinyLFU) used(s *shard, i uint32) {
	p.seen(s, i)
	in := &s.lists[s.slab.node(i).weight.list()]
	if in.id != mainList {
		in.moveToFront(i)
		return
	}
	in.remove(i)
	protected := &s.lists[protectedList]
	protected.pushFront(i)
	if protected.len > int(protectedShare*float64(p.capacity-p.window)) {
		move(protected.back(), protected, in)
	}
}

// inserted puts slot i, which is in no list, into the window.
func (p *tinyLFU) inserted(s *shard, i uint32) {
	p.seen(s, i)
	window := &s.lists[windowList]
	window.pushFront(i)
	for window.len > p.window {
		move(window.back(), window, &s.lists[mainList])
	}
}

// victim returns the slot that goes to make room for a new one, or 0.
func (p *tinyLFU) victim(s *shard) uint32 {
	window, main := &s.lists[windowList], &s.lists[mainList]
	if main.len == 0 {
		main = &s.lists[protectedList]
	}
	switch {
	case main.len == 0 && window.len == 0:
		return 0
	case main.len == 0:
		return window.back()
	case window.len < p.window: // nothing falls out of it
		return main.back()
	}
	candidate, incumbent := window.back(), main.back()
	if p.admits(s.slab.node(candidate).hash, s.slab.node(incumbent).hash) {
		return incumbent
	}
	return candidate
}

func (p *tinyLFU) admits(candidate, incumbent uint32) bool {
	c := p.sketch.count(candidate)
	if c > p.sketch.count(incumbent) {
		return true
	}
	p.random ^= p.random << 13 // xorshift (Marsaglia, Journal of Statistical Software 2003)
	p.random ^= p.random >> 17
	p.random ^= p.random << 5
	return c > luckyAbove && p.random%luckyOnce == 0
}

func move(i uint32, from, to *list) {
	from.remove(i)
	to.pushFront(i)
}
