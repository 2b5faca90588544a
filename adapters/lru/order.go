package lru

// The order of entries has three forms, which share the lists: exact in a small
// cache, late in a large one (ring), and what admission makes of it (tinyLFU).

// promote makes what was found the most recently used, in the order of all but
// a ring. If others are at work in the shard, it is left to the next who reads
// the entry.
func (s *shard) promote(f found) {
	if !s.mu.TryLock() {
		return
	}
	// Else it went or was replaced meanwhile, or its life is over.
	if f.at.mark.Load() == f.mark && s.slab.node(f.slot).weight.list() != expiredList {
		s.usedLocked(f.slot)
	}
	s.mu.Unlock()
}

// usedLocked moves slot i to where its use brings it.
func (s *shard) usedLocked(i uint32) {
	switch {
	case s.policy != nil:
		s.policy.used(s, i)
	case !s.late:
		s.lists[mainList].moveToFront(i)
	}
}

// insertedLocked puts slot i, which is in no list, where new entries belong.
func (s *shard) insertedLocked(i uint32) {
	switch {
	case s.policy != nil:
		s.policy.inserted(s, i)
	case s.late:
		s.ring.inserted(i, s.clock.step())
	default:
		s.lists[mainList].pushFront(i)
	}
}

// victimLocked returns the slot that goes next, or 0. A policy may see to it
// that another one stays.
func (s *shard) victimLocked() uint32 {
	switch {
	case s.lists[expiredList].len > 0:
		return s.lists[expiredList].back()
	case s.policy != nil:
		return s.policy.victim(s)
	case s.late:
		return s.ring.victim(s.clock.step())
	case s.lists[mainList].len > 0:
		return s.lists[mainList].back()
	}
	return 0
}
