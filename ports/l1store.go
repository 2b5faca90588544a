package ports

import "github.com/multi-layer-cache/multi-layer-cache/domain"

// L1Store is the nearest layer: this process's memory, bounded. Its methods
// neither block nor fail. Entries are shared with the caller and immutable.
type L1Store interface {
	// Get returns the copy that is held for key, which may be stale, and
	// whether there is one.
	Get(key domain.Key) (domain.Copy, bool)

	// Set holds c for key in place of what was held before and returns how
	// many other entries had to go to make room. An entry too large for the
	// store is not held, and neither is its predecessor.
	Set(key domain.Key, c domain.Copy) (evicted int)
}
