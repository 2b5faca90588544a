package lru

import (
	"errors"
	"fmt"
)

// check says what is wrong with a cache in itself, whatever it holds: lists,
// hash chains, wheel, slots and sums must tell the same story.
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
	if s.heads == nil {
		return nil
	}
	listed := map[uint32]listID{}
	var bytes int64
	for id := range s.lists {
		if err := checkList(&s.lists[id], listed); err != nil {
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
	return errors.Join(checkChains(s, listed), checkWheel(s, listed), checkFree(s))
}

func checkList(l *list, listed map[uint32]listID) error {
	n, root := 0, uint32(l.id)
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
	if n != l.len || l.slab.node(l.slab.node(root).prev).next != root {
		return fmt.Errorf("list %d has %d entries, counts %d", l.id, n, l.len)
	}
	return nil
}

func checkChains(s *shard, listed map[uint32]listID) error {
	seen := map[uint32]bool{}
	for b := range s.heads {
		for i := s.heads[b].Load(); i != 0; i = nextOf(s.slab.at(i).link.Load()) {
			sl := s.slab.at(i)
			if _, ok := listed[i]; !ok || seen[i] || int(s.slab.node(i).hash)&(len(s.heads)-1) != b || beingWritten(sl.link.Load()) {
				return fmt.Errorf("slot %d does not belong into chain %d", i, b)
			}
			seen[i] = true
		}
	}
	if len(seen) != len(listed) {
		return fmt.Errorf("the chains hold %d of %d entries", len(seen), len(listed))
	}
	if v := s.view.Load(); len(v.chunks) != len(s.slab.chunks) || &v.heads[0] != &s.heads[0] {
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
		if sl.entry.Load() != nil || sl.key.Load() != nil || !beingWritten(sl.link.Load()) {
			return fmt.Errorf("the free slot %d still holds something", i)
		}
		free++
	}
	if free+s.count+int(lists) != int(s.slab.fresh) {
		return fmt.Errorf("%d slots are free and %d held, of %d", free, s.count, s.slab.fresh)
	}
	return nil
}
