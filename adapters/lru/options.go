package lru

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// entryOverhead is what an entry occupies beside its strings: the slot, the link, its
// part of the index and the struct domain.Entry. Measured with 64-bit Go 1.26;
// TestCountedBytesAreNearTheHeapThatIsUsed.
const entryOverhead = 160

// Admission says who gets a place in a full cache.
type Admission uint8

const (
	// PlainLRU admits every entry.
	PlainLRU Admission = iota
	// TinyLFU has a new entry go next, unless it is used before, if it was not
	// requested more often lately than the one that would go; but only where that
	// has proven right lately.
	TinyLFU
)

// maxTTL is the longest TTL and stale window that are told apart.
const maxTTL = 5 * 365 * 24 * time.Hour

// Options are the limits of a Cache. Both sizes hold at once; when one of them
// is 0, the cache holds nothing.
type Options struct {
	// MaxEntries is how many entries are held at most.
	MaxEntries int
	// MaxBytes is how much memory the entries may occupy: their keys, their
	// strings and a constant overhead for each.
	MaxBytes int64
	// MaxBodyBytes is how large the body of an entry may be that is held, if MaxBytes
	// allow it. There are fewer shards if they would be too small. 0 is about 2 MiB.
	MaxBodyBytes int64
	// KeepStale is how long an entry is kept after it expires. At 0 an entry is
	// gone as soon as it is stale.
	KeepStale time.Duration
	// Tick is how coarse the clock is, see DefaultTick. A TTL may be up to a
	// tick longer or shorter. At 0 each Get reads the system's clock, and the
	// cache has no goroutine.
	Tick time.Duration
	// Admission is PlainLRU unless set.
	Admission Admission
	// OnEvict is called with the key of each entry that was evicted, without a lock
	// held, by the goroutine of the Set that made it go or by that of the clock. Nil
	// is for nobody.
	OnEvict func(domain.Key)
}

func (o Options) validate() error {
	switch {
	case o.MaxEntries < 0:
		return fmt.Errorf("lru: MaxEntries is %d, must not be negative", o.MaxEntries)
	case o.MaxBytes < 0:
		return fmt.Errorf("lru: MaxBytes is %d, must not be negative", o.MaxBytes)
	case o.MaxBodyBytes < 0:
		return fmt.Errorf("lru: MaxBodyBytes is %d, must not be negative", o.MaxBodyBytes)
	case o.KeepStale < 0:
		return fmt.Errorf("lru: KeepStale is %v, must not be negative", o.KeepStale)
	case o.Tick < 0:
		return fmt.Errorf("lru: Tick is %v, must not be negative", o.Tick)
	case o.Admission > TinyLFU:
		return fmt.Errorf("lru: Admission is %d, must be PlainLRU or TinyLFU", o.Admission)
	}
	return nil
}

// How a cache is split. A small one is one shard, and an exact LRU. A larger one has
// shards with fixed shares of its limits, large enough for chance to spread the keys
// evenly and for values of a megabyte.
const (
	exactBelow      = 4096
	entriesPerShard = 256
	bytesPerShard   = 2 << 20
	maxShards       = 128
	// besideBody is more than an entry counts beside its body.
	besideBody = 64 << 10
)

// shards returns how many there are, a power of two.
func (o Options) shards() int {
	if o.MaxEntries < exactBelow {
		return 1
	}
	n := min(int64(o.MaxEntries/entriesPerShard), o.MaxBytes/max(bytesPerShard, o.MaxBodyBytes+besideBody), maxShards)
	return 1 << (bits.Len64(uint64(max(1, n))) - 1)
}
