package lru

// In oldest, above the stamp.
const (
	hasEntry   = 1 << 16
	hasExpired = 1 << 17
)

// makeRoomLocked drops the entry that goes next, of s or of a neighbour whose
// entry has gone unused for clearly longer, and moves what it took to s. It
// reports false if there was nothing to drop, in s or in shards that nobody
// else is using now.
func (c *Cache) makeRoomLocked(s *shard, short cause) bool {
	if o := c.neighbour(s); o != nil && o.evictOlderFor(s, short) {
		return true
	}
	if s.evictLocked(short) {
		return true
	}
	for i := range c.shards {
		if o := &c.shards[i]; o != s && o.evictFor(s, short) {
			return true
		}
	}
	return false
}

// neighbour returns another shard, each in turn, or nil if there is no other.
func (c *Cache) neighbour(s *shard) *shard {
	if !s.tells() {
		return nil
	}
	s.turn++
	o := &c.shards[s.turn%uint32(len(c.shards))]
	if o == s {
		return nil
	}
	return o
}

// tells reports whether other shards ask for the age of the entry that goes next.
func (s *shard) tells() bool { return !s.alone && s.policy == nil }

// tellLocked publishes the age of the entry that goes next.
func (s *shard) tellLocked() {
	if !s.tells() {
		return
	}
	if tell := s.oldestLocked(); s.oldest.Load() != tell {
		s.oldest.Store(tell)
	}
}

func (s *shard) oldestLocked() uint32 {
	i := s.victimLocked()
	if i == 0 {
		return 0
	}
	tell := hasEntry | uint32(s.slab.life(i).used())
	if s.slab.node(i).weight.list() == expiredList {
		tell |= hasExpired
	}
	return tell
}

// older reports whether the entry that goes next in s should go before that of
// own, whose lock is held: because it is stale, or unused for clearly longer.
func (s *shard) older(own *shard) bool {
	theirs, ours := s.oldest.Load(), own.oldestLocked()
	switch {
	case ours&hasExpired != 0 || theirs == 0:
		return false
	case ours == 0 || theirs&hasExpired != 0:
		return true
	}
	now := own.clock.now()
	return now.since(stamp(theirs)) > now.since(stamp(ours))+olderBy
}

// olderBy is a 64th of the capacity.
const olderBy = stepsPerCache / 64

// evictOlderFor is evictFor if the entry that goes next in s should go before
// that of own. What s told may be out of date, since readers that use an entry
// tell nobody.
func (s *shard) evictOlderFor(own *shard, why cause) bool {
	if !s.older(own) || !s.mu.TryLock() {
		return false
	}
	defer s.mu.Unlock()
	if s.index == nil {
		return false
	}
	s.tellLocked()
	return s.older(own) && s.evictForLocked(own, why)
}

// evictFor drops the entry that goes next and hands its room to own, whose lock
// is held. It does not wait for s: two shards that wait for each other would do
// so for ever.
func (s *shard) evictFor(own *shard, why cause) bool {
	if !s.mu.TryLock() {
		return false
	}
	defer s.mu.Unlock()
	return s.index != nil && s.evictForLocked(own, why)
}

func (s *shard) evictForLocked(own *shard, why cause) bool {
	if !s.evictLocked(why) {
		return false
	}
	s.purse.lend(&own.purse)
	s.tidyLocked()
	return true
}
