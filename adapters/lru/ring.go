package lru

// ring is the LRU of a shard in a large cache. It is put in order late: a hit
// only writes its moment into the entry, without the lock, and where the entry
// belongs is looked at when its turn to be evicted has come. If it was used
// since it was put where it is, it goes to where that use belongs.
//
// To make this possible, there is a list for each generation of uses, a sixteenth
// of a capacity; their ends are the slots after those of the other lists. When
// the ring is through, the oldest list is joined to the next one. So the order is
// that of an exact LRU but for entries whose last uses are no further apart than
// a few sixteenths of the capacity, an entry moves once per turnover at most, and
// a cache that only hits moves nothing.
//
// Moving late is what CLOCK does (Corbató, A Paging Experiment with the Multics
// System, 1968), though to the front instead of to the right place.
type ring struct {
	list           *list
	newest, oldest generation // those that have a list of their own
}

// generation counts sixteenths of a capacity on the clock of uses.
type generation uint32

const (
	generationShift = 6
	generations     = 64 // of which there are lists
	ageMask         = 1<<(stampBits-generationShift) - 1
	// ahead is how far the clock of another shard may be before ours.
	ahead = 16
)

// age returns how many generations before g a moment was.
func (g generation) age(used stamp) generation {
	age := (g - generation(used>>generationShift)) & ageMask
	if age > ageMask-ahead {
		return 0
	}
	return age
}

func (g generation) root() uint32 { return uint32(lists) + uint32(g%generations) }

func (r *ring) init() {
	for g := range generation(generations) {
		r.list.initRoot(g.root())
	}
}

// turn brings the ring to the step now of the clock.
func (r *ring) turn(now uint32) {
	to := generation(now >> generationShift)
	if to == r.newest {
		return
	}
	if behind := to - r.newest; behind > 2*generations {
		// Once round would do, and each list be where it is now.
		skipped := behind/generations*generations - generations
		r.newest, r.oldest = r.newest+skipped, r.oldest+skipped
	}
	for r.newest != to {
		r.newest++
		r.list.splice(r.newest.root(), (r.newest + 1).root())
	}
	if r.newest-r.oldest >= generations {
		r.oldest = r.newest - generations + 1
	}
}

// inserted puts slot i, which is in no list, where it belongs at the step now.
func (r *ring) inserted(i uint32, now uint32) {
	r.turn(now)
	r.list.push((r.newest - r.ageOf(i)).root(), i)
}

func (r *ring) ageOf(i uint32) generation { return r.newest.age(r.list.slab.life(i).used()) }

// victim returns the slot that was used longest ago, or 0.
func (r *ring) victim(now uint32) uint32 {
	if r.list.len == 0 {
		return 0
	}
	r.turn(now)
	for {
		i := r.list.last(r.oldest.root())
		if i == 0 {
			r.oldest++
			continue
		}
		age := r.ageOf(i)
		if age >= r.newest-r.oldest {
			return i
		}
		r.list.remove(i)
		r.list.push((r.newest - age).root(), i)
	}
}
