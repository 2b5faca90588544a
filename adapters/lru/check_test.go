package lru

import (
	"errors"
	"fmt"
	"unsafe"
)

// check says what is wrong with a cache in itself, whatever it holds: ring, index,
// slots and sums must tell the same story.
func check(c *Cache) error {
	for i, s := range c.shards {
		s.mu.Lock()
		err := checkList(&s.list)
		s.mu.Unlock()
		if err != nil {
			return fmt.Errorf("shard %d: %w", i, err)
		}
	}
	return nil
}

func checkList(l *list) error {
	if len(l.links) != len(l.slots) || len(l.slots)-1 > max(1, int(l.capacity)) {
		return fmt.Errorf("%d slots have %d links, for %d entries", len(l.slots), len(l.links), l.capacity)
	}
	if l.count > l.capacity || l.bytes > l.maxBytes {
		return fmt.Errorf("%d entries of %d bytes are above the limits of %d and %d", l.count, l.bytes, l.capacity, l.maxBytes)
	}
	return errors.Join(checkRing(l), checkSlots(l), checkIndex(l))
}

// checkRing wants each slot once, those with entries first.
func checkRing(l *list) error {
	i := l.oldest
	for n := range len(l.slots) - 1 {
		next := l.links[i].newer
		switch {
		case l.links[next].older != i:
			return fmt.Errorf("the links between slots %d and %d do not match", i, next)
		case (l.slots[i].entry != nil) != (n < int(l.count)):
			return fmt.Errorf("slot %d, number %d of the ring, holds %v; %d are held", i, n, l.slots[i].entry, l.count)
		case n == int(l.count)-1 && i != l.newest:
			return fmt.Errorf("slot %d is the newest, not %d", i, l.newest)
		}
		if i = next; i == l.oldest && n != len(l.slots)-2 {
			return fmt.Errorf("the ring has %d slots, not %d", n+1, len(l.slots)-1)
		}
	}
	if i != l.oldest || l.count == 0 && l.links[l.newest].newer != l.oldest {
		return errors.New("the ring is not closed")
	}
	return nil
}

func checkSlots(l *list) error {
	bytes := int64(0)
	for i, s := range l.slots {
		if s.entry == nil && s != (slot{}) {
			return fmt.Errorf("the free slot %d still holds %+v", i, s)
		}
		bytes += int64(s.weight)
	}
	if l.slots[0].entry != nil || bytes != l.bytes {
		return fmt.Errorf("slots hold %d bytes, counted %d", bytes, l.bytes)
	}
	return nil
}

// checkIndex wants each entry to be found, and no other words.
func checkIndex(l *list) error {
	words := 0
	for _, w := range l.index {
		if w != 0 {
			words++
		}
	}
	for i := range l.slots {
		s := &l.slots[i]
		if s.entry == nil {
			continue
		}
		if found := l.find(s.hash, keyIn(s)); found != uint32(i) {
			return fmt.Errorf("slot %d has key %q, which leads to slot %d", i, keyIn(s), found)
		}
	}
	if words != int(l.count) || words > len(l.index)*5/8 {
		return fmt.Errorf("the index has %d words of %d in use, for %d entries", words, len(l.index), l.count)
	}
	return nil
}

func keyIn(s *slot) string { return unsafe.String(s.key, s.meta.keyLen()) }

// held returns the keys of a cache of one shard, from the most to the least recently
// used, but for those that a sweep has found stale.
func held(c *Cache) string {
	s := c.shards[0]
	s.mu.Lock()
	defer s.mu.Unlock()
	return heldIn(&s.list)
}

func heldIn(l *list) (names string) {
	for i, n := l.newest, l.count; n > 0; i, n = l.links[i].older, n-1 {
		if l.slots[i].meta&staleBit == 0 {
			names += keyIn(&l.slots[i]) + " "
		}
	}
	return names
}
