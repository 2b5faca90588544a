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
// one, frequency a small one. See duel. With a window as large as the shard,
// this is a plain LRU.
//
// All sizes are in entries. Where bytes run out first, the window is a larger
// share of what is held than it was meant to be.
//
// All fields are guarded by the shard's mutex.
type tinyLFU struct {
	sketch    *sketch
	duel      *duel // nil: this is one of the miniatures
	share     float64
	capacity  int
	window    int // entries there at most
	protected int
	random    uint32
}

const (
	// Of the main part, four fifths are protected at most, as in Caffeine.
	protectedNum, protectedDen = 4, 5
	// When the window changes its size, so many entries move with each request,
	// lest one request waits for all of them.
	movesPerRequest = 4
	// A candidate that was seen this often and still loses is admitted once in
	// a while, so that keys chosen to collide in the sketch cannot lock it out.
	luckyAbove, luckyOnce = 5, 128
)

// newTinyLFU returns the policy of a shard, which follows duel.
func newTinyLFU(capacity int, duel *duel) *tinyLFU {
	p := &tinyLFU{sketch: newSketch(capacity), duel: duel, capacity: capacity, random: 1}
	p.setWindow(duel.window())
	return p
}

// newMiniTinyLFU returns the policy of a miniature. It counts no requests.
func newMiniTinyLFU(capacity int, share float64, counted *sketch) *tinyLFU {
	p := &tinyLFU{sketch: counted, capacity: capacity, random: 1}
	p.setWindow(share)
	return p
}

// setWindow makes the window the given share of the capacity, by and by.
func (p *tinyLFU) setWindow(share float64) {
	p.share = share
	p.window = max(1, int(share*float64(p.capacity)+0.5))
	p.protected = (p.capacity - p.window) * protectedNum / protectedDen
}

// seen takes note that the key of slot i was asked for, or written.
func (p *tinyLFU) seen(s *shard, i uint32) {
	if p.duel == nil {
		return
	}
	hash := s.slab.hash(i)
	p.sketch.add(hash)
	p.duel.request(hash, s.slab.key(i))
	if share := p.duel.window(); share != p.share {
		p.setWindow(share)
	}
}

// used takes note that slot i was asked for or written again.
func (p *tinyLFU) used(s *shard, i uint32) {
	p.seen(s, i)
	in, to := &s.lists[s.slab.node(i).weight.list()], &s.lists[protectedList]
	if in.id == windowList || p.window >= p.capacity {
		to = &s.lists[windowList]
	}
	move(i, in, to)
	p.settle(s)
}

// inserted puts slot i, which is in no list, into the window.
func (p *tinyLFU) inserted(s *shard, i uint32) {
	p.seen(s, i)
	s.lists[windowList].pushFront(i)
	p.settle(s)
}

// settle puts on probation what other lists have too much of.
func (p *tinyLFU) settle(s *shard) {
	shrink(&s.lists[windowList], p.window, &s.lists[mainList])
	shrink(&s.lists[protectedList], p.protected, &s.lists[mainList])
}

func shrink(from *list, most int, to *list) {
	for range min(movesPerRequest, from.len-most) {
		move(from.back(), from, to)
	}
}

func move(i uint32, from, to *list) {
	from.remove(i)
	to.pushFront(i)
}

// victim returns the slot that goes to make room for a new one, or 0. It puts
// the window's oldest entry on probation if that is to stay.
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
	if !p.admits(s.slab.hash(candidate), s.slab.hash(incumbent)) {
		return candidate
	}
	move(candidate, window, &s.lists[mainList])
	return incumbent
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
