package trace

// Optimal returns the hits of a cache that has room for capacity keys, knows
// the future and drops the key whose next request is furthest away: algorithm
// MIN of L. A. Belady, "A study of replacement algorithms for a virtual-storage
// computer", IBM Systems Journal 5 (1966). No cache that holds each requested
// key, as MIN does, has more hits.
//
// A cache with an admission policy need not hold a key that missed. It could
// in theory pass this bound, but never that of one more place: whatever it
// lets pass fits there.
//
// The trace must have fewer than 2^32 requests. Time is O(n log capacity);
// memory is 5 bytes a request beside an index of the keys.
func Optimal(trace []uint64, capacity int) (hits int) {
	if capacity <= 0 {
		return 0
	}
	next := nextUses(trace)
	// Held keys are known by the position of their next request, so that
	// whether request i hits is whether position i is awaited.
	awaited := make([]bool, len(trace)+1)
	var uses future
	held := 0
	for i, use := range next {
		switch {
		case awaited[i]:
			hits++
		case held < capacity:
			held++
		default:
			awaited[uses.popFurthest()] = false
		}
		awaited[use] = true
		uses.push(use)
		if len(uses) >= 2*capacity+64 {
			uses.forget(uint32(i))
		}
	}
	return hits
}

// nextUses returns, for each request, the position of the next one for the same
// key, and len(trace) where there is none.
func nextUses(trace []uint64) []uint32 {
	next, seen := make([]uint32, len(trace)), make(map[uint64]uint32)
	for i := len(trace) - 1; i >= 0; i-- {
		use, ok := seen[trace[i]]
		if !ok {
			use = uint32(len(trace))
		}
		next[i], seen[trace[i]] = use, uint32(i)
	}
	return next
}

// future is a heap of the positions at which held keys are requested next, the
// furthest on top. A position that has come to pass is not taken out: it is
// lower than all that have not, hence on top only when no key is held.
type future []uint32

func (f *future) push(use uint32) {
	*f = append(*f, use)
	h := *f
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if h[up] >= h[i] {
			return
		}
		h[up], h[i] = h[i], h[up]
		i = up
	}
}

func (f *future) popFurthest() uint32 {
	h := *f
	top, last := h[0], len(h)-1
	h[0] = h[last]
	*f = h[:last]
	f.sink(0)
	return top
}

// sink moves the position at i down to where no child is greater.
func (f *future) sink(i int) {
	h := *f
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if right := child + 1; right < len(h) && h[right] > h[child] {
			child = right
		}
		if h[i] >= h[child] {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}

// forget takes out the positions up to now. It leaves no more than there are
// held keys.
func (f *future) forget(now uint32) {
	kept := (*f)[:0]
	for _, use := range *f {
		if use > now {
			kept = append(kept, use)
		}
	}
	*f = kept
	for i := len(kept)/2 - 1; i >= 0; i-- {
		f.sink(i)
	}
}
