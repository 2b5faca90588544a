package lru

import "sync/atomic"

// stamp is a moment on a clock that counts uses, not time: each insertion and
// each promotion is one. It is kept in steps of which a capacity has 1,024, or
// of single uses in a small cache, and wraps around after 64 capacities; an
// entry that is still held after that only looks younger than it is.
type stamp uint16

func (s stamp) since(before stamp) stamp { return s - before }

// uses counts the uses of all shards. Shards report theirs in lots, so that
// they do not write to the same place all the time.
type uses struct {
	all   atomic.Uint64
	shift uint // from uses to steps
	_     [64]byte
}

const usesLot = 16

// useClock is a shard's reading of uses. The step is published for readers;
// the rest is guarded by the shard's mutex.
type useClock struct {
	uses    *uses
	count   uint64
	pending uint64
	step    atomic.Uint32
}

func (c *useClock) now() stamp { return stamp(c.step.Load()) }

// next counts one use and returns its moment.
func (c *useClock) next(alone bool) stamp {
	c.count++
	if !alone {
		if c.pending++; c.pending == usesLot {
			c.count = max(c.count, c.uses.all.Add(usesLot))
			c.pending = 0
		}
	}
	step := uint32(uint16(c.count >> c.uses.shift))
	if step != c.step.Load() {
		c.step.Store(step)
	}
	return stamp(step)
}
