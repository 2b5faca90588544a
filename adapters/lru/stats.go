package lru

import "github.com/multi-layer-cache/multi-layer-cache/ports"

// Stats returns what is held now, stale entries included, and what had to go.
// All shards are locked for it, so that the sums are those of one moment.
func (c *Cache) Stats() ports.L1Stats {
	var sum ports.L1Stats
	for i := range c.shards {
		c.shards[i].mu.Lock()
		defer c.shards[i].mu.Unlock()
		c.shards[i].addStatsLocked(&sum)
	}
	return sum
}
