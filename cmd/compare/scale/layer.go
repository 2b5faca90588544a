package main

import "math"

// noBound is the capacity of a layer that has room for everything.
const noBound = math.MaxInt

// layer holds deadlines of keys, and has room for so many. When it needs room it
// drops a key past its deadline, else the one that was set or found fresh longest
// ago, as the real L1 does. Redis with allkeys-lru drops not that one but the oldest
// of a few drawn at random, which is near.
type layer struct {
	capacity int
	index    map[uint32]int32
	slots    []slot // slots[0] closes the ring: after it comes the most recently used
	free     []int32
	due      deadlines // of a layer that may become full; some have been replaced since
}

type slot struct {
	key        uint32
	prev, next int32
	deadline   float64 // in seconds
}

func newLayer(capacity int) *layer {
	return &layer{capacity: capacity, index: make(map[uint32]int32), slots: make([]slot, 1)}
}

// get returns the deadline of key, unless that is over. It is a use of the key.
func (l *layer) get(key uint32, now float64) (deadline float64, ok bool) {
	at, held := l.index[key]
	if !held || l.slots[at].deadline <= now {
		return 0, false
	}
	l.unlink(at)
	l.linkFirst(at)
	return l.slots[at].deadline, true
}

// set gives key a deadline, and makes room for it if need be.
func (l *layer) set(key uint32, deadline, now float64) {
	if l.capacity == 0 {
		return
	}
	at, held := l.index[key]
	if held {
		l.unlink(at)
	} else {
		at = l.place(now)
		l.index[key], l.slots[at].key = at, key
	}
	l.slots[at].deadline = deadline
	l.linkFirst(at)
	if l.capacity != noBound {
		l.due.push(due{key, deadline})
	}
}

// place returns a slot that is not in use any more.
func (l *layer) place(now float64) (at int32) {
	if len(l.index) >= l.capacity {
		l.drop(l.victim(now))
	}
	if n := len(l.free); n > 0 {
		at, l.free = l.free[n-1], l.free[:n-1]
		return at
	}
	l.slots = append(l.slots, slot{})
	return int32(len(l.slots) - 1)
}

// victim returns the slot that goes next.
func (l *layer) victim(now float64) int32 {
	for len(l.due) > 0 && l.due[0].deadline <= now {
		d := l.due.pop()
		if at, held := l.index[d.key]; held && l.slots[at].deadline <= now {
			return at
		}
	}
	return l.slots[0].prev
}

func (l *layer) drop(at int32) {
	l.unlink(at)
	delete(l.index, l.slots[at].key)
	l.free = append(l.free, at)
}

func (l *layer) unlink(at int32) {
	s := l.slots[at]
	l.slots[s.prev].next, l.slots[s.next].prev = s.next, s.prev
}

func (l *layer) linkFirst(at int32) {
	first := l.slots[0].next
	l.slots[at].prev, l.slots[at].next = 0, first
	l.slots[first].prev, l.slots[0].next = at, at
}

// due is when the life of a key ends.
type due struct {
	key      uint32
	deadline float64
}

// deadlines is a heap, with the earliest first: container/heap would allocate for
// each.
type deadlines []due

func (d *deadlines) push(added due) {
	*d = append(*d, added)
	h, i := *d, len(*d)-1
	for i > 0 && h[(i-1)/2].deadline > added.deadline {
		h[i] = h[(i-1)/2]
		i = (i - 1) / 2
	}
	h[i] = added
}

func (d *deadlines) pop() due {
	h, n := *d, len(*d)-1
	first, moved := h[0], h[n]
	i := 0
	for {
		next := 2*i + 1
		if next+1 < n && h[next+1].deadline < h[next].deadline {
			next++
		}
		if next >= n || h[next].deadline >= moved.deadline {
			break
		}
		h[i] = h[next]
		i = next
	}
	h[i] = moved
	*d = h[:n]
	return first
}
