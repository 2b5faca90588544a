package ports

import "github.com/multi-layer-cache/multi-layer-cache/domain"

// L1Store is the nearest layer: this process's memory, bounded. Its methods
// neither block nor fail. Entries are shared with the caller and immutable.
type L1Store interface {
	// Get returns the copy that is held for key, which may be stale, and
	// whether there is one.
	Get(key domain.Key) (domain.Copy, bool)

	// Peek does what Get does, and leaves no trace of it: it is no use of the
	// entry.
	Peek(key domain.Key) (domain.Copy, bool)

	// Epoch returns the epoch of key. A caller that reads a farther layer to fill
	// this one takes the epoch before, so that what was read before a Delete does
	// not come back after it.
	Epoch(key domain.Key) Epoch

	// Set holds c for key in place of what was held before, and reports
	// whether it does. It does not if the epoch has ended since; a copy that is
	// Unverified is dropped then, and nothing else is changed: what the caller
	// has read must not be followed by something older. Nor if the entry is too
	// large for the store or no longer of use; its predecessor is not held
	// either then.
	Set(key domain.Key, c domain.Copy, since Epoch) bool

	// Delete drops what is held for key and ends its epoch. A Set with an
	// earlier epoch that begins or is under way is void.
	Delete(key domain.Key)

	// Unverify makes every copy that is held Unverified until a Set replaces it, and
	// ends all epochs: invalidations may have been missed.
	Unverify()
}

// Epoch is a time between two deletions of a key. A store may end it without
// one, since that only costs a fill. The first epoch of each key is 0.
type Epoch uint64

// Next returns the epoch that begins when e ends.
func (e Epoch) Next() Epoch { return e + 1 }

// L1Stats is what an L1Store holds at one moment, stale entries included, and
// how many entries it evicted since it began.
type L1Stats struct {
	Entries int
	Bytes   int64

	EvictedForEntries uint64 // fresh ones, because there were too many
	EvictedForBytes   uint64 // fresh ones, because they took too much room
	EvictedExpired    uint64 // expired, to make room or because their time as stale was over
}

// Evicted returns how many entries were evicted, for whatever reason.
func (s L1Stats) Evicted() uint64 {
	return s.EvictedForEntries + s.EvictedForBytes + s.EvictedExpired
}
