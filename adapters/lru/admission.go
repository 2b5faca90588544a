package lru

import "math/bits"

// admission decides where a new entry begins in a full list: as the newest, as in any
// LRU, or as the oldest, so that it goes next unless it is used before (the LRU
// insertion policy of Qureshi, Jaleel, Patt, Steely, Emer, ISCA 2007). The latter
// keeps what is requested once, as by a scan, from flushing the list. It happens to a
// newcomer that was not requested more often lately than the incumbent, the entry that
// would go next (TinyLFU by Einziger, Friedman, Manes, ACM Transactions on Storage
// 2017), and only where judging by frequency has proven right lately.
//
// That shows in pairs. Of a newcomer and an incumbent, the one that is requested first
// should have stayed (Belady, IBM Systems Journal 1966). Requests for both are seen,
// whichever of them is held, so a pair tells the same under either policy. Some pairs
// are watched at a time, and the balance of their outcomes decides.
type admission struct {
	sketch   sketch
	watched  []watched // a power of two; a key has its place by its hash
	pairs    uint32    // judged so far
	patience uint32    // a pair is given up when so many more have been judged
	balance  int       // of outcomes; those long ago count less
	byCount  bool      // frequency decides, not recency
}

// watched is one key of a pair.
type watched struct {
	hash, other uint32 // other is the place of the other key
	pair        uint32
	outcome     int8 // of the pair, if this key is requested first; 0: nothing is watched
}

const (
	forRecency   int8 = -1
	forFrequency int8 = +1

	maxWatched = 1024
	patience   = 8 // capacities
	// The balance moves by a 32nd of its distance from the newest outcome. It has to
	// exceed a quarter of its range for frequency to decide, and zero to go on.
	balanceShift = 5
	balanceRange = 1 << 16
	enough       = balanceRange / 4
)

func newAdmission(capacity int) *admission {
	n := min(max(capacity, 8), maxWatched)
	return &admission{
		sketch:   newSketch(capacity),
		watched:  make([]watched, 1<<bits.Len(uint(n-1))),
		patience: uint32(patience * max(capacity, 8)),
	}
}

// requested counts a request for a key, whether it is held or not, and settles the
// pair that waited for it.
func (a *admission) requested(hash uint32) {
	a.sketch.add(hash)
	w := &a.watched[a.place(hash)]
	if w.outcome == 0 || w.hash != hash {
		return
	}
	a.balance += (int(w.outcome)*balanceRange - a.balance) >> balanceShift
	a.byCount = a.balance > enough || a.byCount && a.balance > 0
	a.forget(w)
}

// admits reports whether a newcomer begins as the newest.
func (a *admission) admits(newcomer, incumbent uint32) bool {
	if a.sketch.count(newcomer) > a.sketch.count(incumbent) {
		return true
	}
	a.pairs++
	a.watch(newcomer, incumbent)
	return !a.byCount
}

// watch waits for one of two keys to be requested, if there is a place for both.
func (a *admission) watch(newcomer, incumbent uint32) {
	n, i := a.place(newcomer), a.place(incumbent)
	if n == i || !a.vacant(n) || !a.vacant(i) {
		return
	}
	a.watched[n] = watched{newcomer, i, a.pairs, forRecency}
	a.watched[i] = watched{incumbent, n, a.pairs, forFrequency}
}

func (a *admission) place(hash uint32) uint32 { return hash & uint32(len(a.watched)-1) }

// vacant reports whether a place is free, or gives up the pair that is there for long.
func (a *admission) vacant(at uint32) bool {
	w := &a.watched[at]
	if w.outcome != 0 && a.pairs-w.pair < a.patience {
		return false
	}
	a.forget(w)
	return true
}

func (a *admission) forget(w *watched) {
	if w.outcome != 0 {
		a.watched[w.other].outcome = 0
		w.outcome = 0
	}
}
