package lru

import "sync/atomic"

// budget is what of a cache's limits nobody has taken yet. Shards take from it
// when they hold something and give back when they drop it; so a shard may grow
// while others are small, and the sum never exceeds the limits.
type budget struct {
	entries atomic.Int64
	bytes   atomic.Int64
	// lot is how many bytes a shard takes at once, and may keep in hand, so
	// that it does not come back for each entry. Entries are taken one by one.
	lot int64
	_   [64]byte // the neighbours in memory are read on each Get
}

// take looks before it writes: most of the time there is nothing to be had.
func take(from *atomic.Int64, n int64) bool {
	if from.Load() < n {
		return false
	}
	if from.Add(-n) >= 0 {
		return true
	}
	from.Add(n)
	return false
}

// purse is a shard's part of the budget that it does not use. It is guarded by
// the shard's mutex.
type purse struct {
	budget  *budget
	entries int64
	bytes   int64
}

// pay takes what one entry of the given bytes needs. If that is not to be had,
// it says what is short.
func (p *purse) pay(bytes int64) (ok bool, short cause) {
	if p.entries == 0 {
		if !take(&p.budget.entries, 1) {
			return false, forEntries
		}
		p.entries++
	}
	if !p.fill(bytes) {
		return false, forBytes
	}
	p.entries--
	p.bytes -= bytes
	return true, 0
}

// fill brings the purse to at least the given bytes.
func (p *purse) fill(bytes int64) bool {
	missing := bytes - p.bytes
	switch {
	case missing <= 0:
		return true
	case take(&p.budget.bytes, missing+p.budget.lot):
		missing += p.budget.lot
	case !take(&p.budget.bytes, missing):
		return false
	}
	p.bytes += missing
	return true
}

// settle gives back what others may need.
func (p *purse) settle() {
	if p.entries > 0 {
		p.budget.entries.Add(p.entries)
		p.entries = 0
	}
	if spare := p.bytes - p.budget.lot; spare > p.budget.lot {
		p.budget.bytes.Add(spare)
		p.bytes -= spare
	}
}

// lend moves all that p has to another shard's purse.
func (p *purse) lend(to *purse) {
	to.entries += p.entries
	to.bytes += p.bytes
	p.entries, p.bytes = 0, 0
}
