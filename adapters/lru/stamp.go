package lru

import "sync/atomic"

// stamp is a moment on a clock that counts uses, not time: each insertion and
// each promotion is one. It is kept in steps of which a capacity has 1,024, or
// of single uses in a small cache, and wraps around after 64 capacities; an
// entry that is still held after that only looks younger than it is.
type stamp uint16

// since returns the steps from before to s, less than zero if before is later:
// the clocks of two shards are a little apart.
func (s stamp) since(before stamp) int { return int(int16(s - before)) }

// uses counts the uses of all shards, which report theirs in lots. The step is
// written only when it changes, since each Get reads it.
type uses struct {
	step  atomic.Uint32
	shift uint // from uses to steps
	_     [48]byte
	all   atomic.Uint64
	_     [56]byte
}

const (
	usesLotBits = 4
	usesLot     = 1 << usesLotBits
)

func (u *uses) now() stamp { return stamp(u.step.Load()) }

func (u *uses) add(n uint64) (all uint64) {
	all = u.all.Add(n)
	if step := uint32(uint16(all >> u.shift)); u.step.Load() != step {
		u.step.Store(step)
	}
	return all
}

// sample counts one use out of usesLot, for all of them: which ones, the hash of
// the key decides, and the moment, so that it is another key's turn each time.
func (u *uses) sample(hash uint32, now stamp) {
	const golden = 0x9e3779b9 // spreads the moments over all numbers (Knuth, section 6.4)
	if (hash^uint32(now)*golden)>>(32-usesLotBits) == 0 {
		u.add(usesLot)
	}
}

// useClock is a shard's reading of uses, guarded by the shard's mutex.
type useClock struct {
	uses    *uses
	count   uint64
	pending uint64
}

// step is that of all shards if that is later. The two are so far apart as to
// wrap around never: each step is four uses at least.
func (c *useClock) step() uint32 {
	return uint32(max(c.count, c.uses.all.Load()) >> c.uses.shift)
}

func (c *useClock) now() stamp { return stamp(c.step()) }

// next counts one use and returns its moment.
func (c *useClock) next() stamp {
	c.count++
	if c.pending++; c.pending == usesLot {
		c.count = max(c.count, c.uses.add(usesLot))
		c.pending = 0
	}
	return c.now()
}
