package lru

import (
	"math"
	"sync"
	"sync/atomic"
)

// duel finds out which window suits a cache's traffic, by miniature simulation
// (Waldspurger, Saemundsson, Ahmad, Park, USENIX ATC 2017): for each choice it
// runs a cache of keys alone, so much smaller than the real one as the share of
// keys that it is shown, and follows the one with the most hits lately. One of
// the choices is the plain LRU; so where frequency tells nothing, little is
// lost to it. A hill climber, as in Einziger, Eytan, Friedman, Manes
// (Middleware 2018), sees one window at a time and cannot tell its own effect
// from a change of the traffic.
//
// It is safe for concurrent use.
type duel struct {
	shift uint         // of all keys, those whose hash begins with so many zeros are shown
	best  atomic.Int32 // of windows

	mu               sync.Mutex // guards what follows
	sketch           *sketch
	minis            [len(windows)]*mini
	requests, period int // since the last choice; from one to the next
}

// The constants were chosen by replaying 28 traces; the smallest fall below the
// LRU mattered as much as the mean gain.
const (
	// A miniature has room for so many keys at least, or for all of a smaller
	// cache. Fewer miss rarely the better window, but then by far.
	miniCapacity = 512
	// choicesPerCapacity is how many choices are made in as many requests as a
	// miniature has room for.
	choicesPerCapacity = 4
	// duelDecay is what remains at each choice of the hits before: half of them
	// after 22 choices.
	duelDecay = 1 - 1.0/32
	// A challenger has to be better by this part of the standard error that a
	// count of independent hits has. Those of two miniatures depend on the same
	// requests, and differ less by chance.
	duelMargin = 0.35
)

// windows are the choices, as shares of the capacity. The last is the LRU.
var windows = [...]float64{0.02, 0.15, 0.5, 1}

// newDuel returns the duel for a cache of the given capacity. It takes a third
// of a megabyte at most.
func newDuel(capacity int) *duel {
	d := &duel{}
	for capacity>>d.shift >= 2*miniCapacity {
		d.shift++
	}
	size := max(1, capacity>>d.shift)
	d.period = max(1, size/choicesPerCapacity)
	d.sketch = newSketch(size)
	for i, share := range windows {
		d.minis[i] = newMini(size, share, d.sketch)
	}
	d.best.Store(int32(len(windows) - 1)) // until there is a reason for another
	return d
}

// window returns the share of the capacity that the window should have now.
func (d *duel) window() float64 { return windows[d.best.Load()] }

// request shows a request to the miniatures, if its key is in the sample and no
// other request is being shown.
func (d *duel) request(hash uint32, key string) {
	if hash>>(32-d.shift) != 0 || !d.mu.TryLock() {
		return
	}
	defer d.mu.Unlock()
	d.sketch.add(hash)
	for _, m := range d.minis {
		m.request(hash, key)
	}
	if d.requests++; d.requests == d.period {
		d.requests = 0
		d.choose()
	}
}

// choose takes the window whose miniature had the most hits of late, the larger
// of equal ones.
func (d *duel) choose() {
	best := len(windows) - 1
	for i, m := range d.minis {
		if m.hits > d.minis[best].hits {
			best = i
		}
	}
	now := d.minis[d.best.Load()].hits
	if d.minis[best].hits > now+duelMargin*math.Sqrt(now+1) {
		d.best.Store(int32(best))
	}
	for _, m := range d.minis {
		m.hits *= duelDecay
	}
}

// mini is a shard that holds keys alone.
type mini struct {
	shard  shard
	budget budget
	uses   uses
	hits   float64 // those long ago discounted
}

func newMini(capacity int, share float64, counted *sketch) *mini {
	m := &mini{}
	m.budget.entries.Store(int64(capacity))
	m.budget.bytes.Store(int64(capacity))
	m.shard.init(&m.budget, &m.uses, 0, true, false)
	m.shard.policy = newMiniTinyLFU(capacity, share, counted)
	return m
}

// request does to the miniature what a read-through does to a cache.
func (m *mini) request(hash uint32, key string) {
	s := &m.shard
	if s.index == nil {
		s.open()
	}
	if i := s.locate(hash, key); i != 0 {
		m.hits++
		s.usedLocked(i)
		return
	}
	for {
		if paid, short := s.purse.pay(1); paid {
			break
		} else if !s.evictLocked(short) {
			return
		}
	}
	s.addLocked(&item{key: key, hash: hash, weight: 1, deadline: maxTime})
	s.tidyLocked()
}
