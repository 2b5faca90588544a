package app

import (
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// reconfirmed is an L1Store whose copies are Unverified a while after they were set,
// although they are fresh: so L2 has to confirm each from time to time.
type reconfirmed struct {
	ports.L1Store
	after time.Duration
}

// Set tells the store that c expires sooner than it does.
func (r reconfirmed) Set(key domain.Key, c domain.Copy, since ports.Epoch) bool {
	hidden := max(0, c.Remaining-r.after)
	if hidden != c.Entry.Shortening() {
		c.Entry = c.Entry.Shortened(hidden)
	}
	c.Remaining -= hidden
	return r.L1Store.Set(key, c, since)
}

// Get is that of the store.
func (r reconfirmed) Get(key domain.Key) (domain.Copy, bool) {
	c, ok := r.L1Store.Get(key)
	return whole(c), ok
}

// Peek is that of the store.
func (r reconfirmed) Peek(key domain.Key) (domain.Copy, bool) {
	c, ok := r.L1Store.Peek(key)
	return whole(c), ok
}

// whole returns a copy with the TTL that it has.
func whole(c domain.Copy) domain.Copy {
	if c.Entry == nil || c.Entry.Shortening() == 0 {
		return c
	}
	c.Unverified = c.Unverified || c.Remaining <= 0
	c.Remaining += c.Entry.Shortening()
	return c
}
