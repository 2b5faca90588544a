package lru

import (
	"errors"
	"fmt"
)

// check says what is wrong with a cache in itself, whatever it holds: lists,
// index, wheel, slots and sums must tell the same story.
func check(c *Cache) error {
	entries, bytes := c.budget.entries.Load(), c.budget.bytes.Load()
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		if err := checkShard(s); err != nil {
			s.mu.Unlock()
			return fmt.Errorf("shard %d: %w", i, err)
		}
		entries += int64(s.count) + s.purse.entries
		bytes += s.bytes + s.purse.bytes
		s.mu.Unlock()
	}
	if entries != int64(c.opts.MaxEntries) || bytes != c.opts.MaxBytes {
		return fmt.Errorf("%d entries and %d bytes are held or free, not %d and %d",
			entries, bytes, c.opts.MaxEntries, c.opts.MaxBytes)
	}
	return nil
}

func checkShard(s *shard) error {
	if s.index == nil {
		return nil
	}
	listed := map[uint32]listID{}
	var bytes int64
	for id := range s.lists {
		if err := checkList(&s.lists[id], ends(s, listID(id)), listed); err != nil {
			return err
		}
	}
	for i := range listed {
		bytes += s.slab.node(i).weight.bytes()
	}
	if len(listed) != s.count || bytes != s.bytes || s.spare != 0 || s.purse.entries != 0 {
		return fmt.Errorf("%d entries of %d bytes, counted %d of %d; spare %d, purse %d",
			len(listed), bytes, s.count, s.bytes, s.spare, s.purse.entries)
	}
	return errors.Join(checkIndex(s, listed), checkRing(s), checkWheel(s, listed), checkFree(s))
}

// checkList wants ends, the roots of all parts of the list, from the newest on.
func checkList(l *list, ends []uint32, listed map[uint32]listID) error {
	n := 0
	for _, root := range ends {
		for i := l.slab.node(root).next; i != root; i = l.slab.node(i).next {
			s := l.slab.node(i)
			if l.slab.node(s.next).prev != i || l.slab.node(s.prev).next != i {
				return fmt.Errorf("the links around slot %d do not match", i)
			}
			if _, twice := listed[i]; twice || s.weight.list() != l.id {
				return fmt.Errorf("slot %d is in list %d, and says %d", i, l.id, s.weight.list())
			}
			listed[i] = l.id
			n++
		}
		if l.slab.node(l.slab.node(root).prev).next != root {
			return fmt.Errorf("the end %d of list %d is not closed", root, l.id)
		}
	}
	if n != l.len {
		return fmt.Errorf("list %d has %d entries, counts %d", l.id, n, l.len)
	}
	return nil
}

// ends returns the roots of a list's parts.
func ends(s *shard, id listID) (roots []uint32) {
	if id != mainList || !s.late {
		return []uint32{uint32(id)}
	}
	for age := range generation(generations) {
		roots = append(roots, (s.ring.newest - age).root())
	}
	return roots
}

// checkRing looks for entries that are in the list of a later generation than
// that of their use, or older than what the ring takes for the oldest.
func checkRing(s *shard) error {
	if !s.late {
		return nil
	}
	s.ring.turn(s.clock.step()) // readers know of later uses than the ring
	span := s.ring.newest - s.ring.oldest
	if span >= generations {
		return fmt.Errorf("the ring has %d generations", span+1)
	}
	for age, root := range ends(s, mainList) {
		for i := s.slab.node(root).next; i != root; i = s.slab.node(i).next {
			used := s.ring.newest.age(s.slab.life(i).used())
			if generation(age) > span || used > generation(age) && generation(age) < span {
				return fmt.Errorf("slot %d, used %d generations ago, is in the list of %d ago, of %d", i, used, age, span)
			}
		}
	}
	return nil
}

// checkIndex looks for each entry in its place, and nothing else, and compares
// how many passed by each bucket with how many did.
func checkIndex(s *shard, listed map[uint32]listID) error {
	seen, passed := map[uint32]bool{}, make([]uint64, len(s.index))
	for b := range s.index {
		tags := s.index[b].tags.Load()
		for at := range bucketSlots {
			tag := tags >> (at * tagBits) & (1<<tagBits - 1)
			if tag == 0 {
				continue
			}
			i := s.index[b].slots[at].Load()
			hash := s.slab.hash(i)
			if _, ok := listed[i]; !ok || seen[i] || beingWritten(s.slab.at(i).mark.Load()) || tag != tagOf(hash) {
				return fmt.Errorf("slot %d does not belong into bucket %d of the index", i, b)
			}
			seen[i] = true
			for by := s.index.home(hash); by != b; by = s.index.after(by) {
				passed[by]++
			}
		}
	}
	for b, want := range passed {
		if got := s.index[b].tags.Load() >> passedShift; got != want {
			return fmt.Errorf("%d entries passed by bucket %d of the index, counted %d", want, b, got)
		}
	}
	if len(seen) != len(listed) || s.count > s.index.capacity() {
		return fmt.Errorf("the index holds %d of %d entries, and should %d at most", len(seen), len(listed), s.index.capacity())
	}
	if v := s.view.Load(); len(v.chunks) != len(s.slab.chunks) || &v.index[0] != &s.index[0] {
		return errors.New("readers see something else")
	}
	return nil
}

func checkWheel(s *shard, listed map[uint32]listID) error {
	turning := 0
	for b, first := range s.wheel.buckets {
		before := isBucket | uint32(b)
		for i := first; i != 0; i = s.slab.node(i).wheelNext {
			if _, ok := listed[i]; !ok || s.slab.node(i).wheelPrev != before {
				return fmt.Errorf("slot %d does not belong into bucket %d", i, b)
			}
			before = i
			turning++
		}
	}
	if turning != len(listed) {
		return fmt.Errorf("the wheel has %d entries, of %d", turning, len(listed))
	}
	return nil
}

func checkFree(s *shard) error {
	free := 0
	for i := s.slab.free; i != 0; i = s.slab.node(i).next {
		sl := s.slab.at(i)
		if sl.entry.Load() != nil || sl.key.Load() != nil || !beingWritten(sl.mark.Load()) {
			return fmt.Errorf("the free slot %d still holds something", i)
		}
		free++
	}
	if free+s.count+int(s.slab.first) != int(s.slab.fresh) {
		return fmt.Errorf("%d slots are free and %d held, of %d", free, s.count, s.slab.fresh)
	}
	return nil
}
