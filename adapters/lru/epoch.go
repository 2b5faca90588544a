package lru

import (
	"sync/atomic"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

const epochs = 1024

// Epoch returns the epoch of key, which Delete ends.
func (c *Cache) Epoch(key domain.Key) ports.Epoch {
	_, h := c.locate(key.String())
	return ports.Epoch(c.epoch(h).Load())
}

// epoch is shared by the keys of one in 1,024 parts of all hashes.
func (c *Cache) epoch(h uint64) *atomic.Uint64 { return &c.epochs[h>>32%epochs] }

// Unverify makes all entries unverified and ends all epochs. A Set that is not void
// already has either been seen by it or comes after it. It takes some
// milliseconds for a million entries, during which each shard is locked once.
func (c *Cache) Unverify() {
	for i := range c.epochs {
		c.epochs[i].Add(1)
	}
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.doubtLocked()
		s.mu.Unlock()
	}
}
