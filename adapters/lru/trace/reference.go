package trace

// LRU returns the hits of a cache that has room for capacity keys and drops
// the one whose last request is longest ago. It is exact, a single list over
// all keys, and takes constant time for each request.
func LRU(trace []uint64, capacity int) (hits int) {
	if capacity <= 0 {
		return 0
	}
	r := ring{places: make([]place, 1)}
	index := make(map[uint64]int, min(capacity, len(trace)))
	for _, id := range trace {
		at, held := index[id]
		switch {
		case held:
			hits++
			r.unlink(at)
		case len(r.places) <= capacity:
			at = len(r.places)
			r.places = append(r.places, place{})
		default:
			at = r.places[0].prev
			r.unlink(at)
			delete(index, r.places[at].id)
		}
		index[id], r.places[at].id = at, id
		r.linkFirst(at)
	}
	return hits
}

// ring orders places from the most to the least recently requested; place 0 is
// the sentinel that closes it.
type ring struct{ places []place }

type place struct {
	id         uint64
	prev, next int
}

func (r *ring) unlink(at int) {
	p := r.places[at]
	r.places[p.prev].next, r.places[p.next].prev = p.next, p.prev
}

func (r *ring) linkFirst(at int) {
	first := r.places[0].next
	r.places[at].prev, r.places[at].next = 0, first
	r.places[first].prev, r.places[0].next = at, at
}
