package lru

import (
	"fmt"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// entryOverhead is what an entry occupies beside its strings: the node, its
// slot in the map and the struct domain.Entry, rounded up by the allocator.
// Measured with 64-bit Go 1.26; TestCountedBytesAreNearTheHeapThatIsUsed.
const entryOverhead = 200

// Options are the limits of a Cache. Both sizes hold at once; when one of them
// is 0, the cache holds nothing.
type Options struct {
	// MaxEntries is how many entries are held at most.
	MaxEntries int
	// MaxBytes is how much memory the entries may occupy: their keys, their
	// strings and a constant overhead for each.
	MaxBytes int64
	// KeepStale is how long an entry is kept past its life. At 0 an entry is
	// gone as soon as it is stale.
	KeepStale time.Duration
}

var _ ports.L1Store = (*Cache)(nil)

// Cache is an L1Store that evicts the least recently used entry.
type Cache struct {
	opts Options
	// start is the zero of the cache's clock. Times are kept as durations
	// since then: monotonic, and a third of the size of a time.Time.
	start time.Time

	mu    sync.Mutex
	nodes map[domain.Key]*node
	order list // exactly the values of nodes
	bytes int64
}

// New returns an empty cache. It fails on negative options.
func New(opts Options) (*Cache, error) {
	switch {
	case opts.MaxEntries < 0:
		return nil, fmt.Errorf("lru: MaxEntries is %d, must not be negative", opts.MaxEntries)
	case opts.MaxBytes < 0:
		return nil, fmt.Errorf("lru: MaxBytes is %d, must not be negative", opts.MaxBytes)
	case opts.KeepStale < 0:
		return nil, fmt.Errorf("lru: KeepStale is %v, must not be negative", opts.KeepStale)
	}
	c := &Cache{opts: opts, start: time.Now(), nodes: make(map[domain.Key]*node)}
	c.order.init()
	return c, nil
}

// Get returns the copy held for key with the life it has left now. A copy that
// has been stale for KeepStale is not returned, and no longer held.
func (c *Cache) Get(key domain.Key) (domain.Copy, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.nodes[key]
	if !ok {
		return domain.Copy{}, false
	}
	held := domain.Copy{Entry: n.entry, Left: n.deadline - c.now()}
	if c.useless(held) {
		c.removeLocked(n)
		return domain.Copy{}, false
	}
	if held.Fresh() {
		c.order.moveToFront(n)
	}
	return held, true
}

// Set holds copy for key, as ports.L1Store says. A copy that has been stale for
// KeepStale is treated like one that is too large. Replacing an entry or
// refusing the copy evicts nothing.
func (c *Cache) Set(key domain.Key, copy domain.Copy) (evicted int) {
	n := &node{key: key, entry: copy.Entry, size: size(key, copy.Entry)}
	n.deadline = c.now() + copy.Left // may wrap around for an endless life; Get's subtraction wraps back
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.nodes[key]; ok {
		c.removeLocked(old)
	}
	if c.useless(copy) || n.size > c.opts.MaxBytes || c.opts.MaxEntries == 0 {
		return 0
	}
	c.addLocked(n)
	for len(c.nodes) > c.opts.MaxEntries || c.bytes > c.opts.MaxBytes {
		c.removeLocked(c.order.back())
		evicted++
	}
	return evicted
}

// Len returns how many entries are held, stale ones included.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.nodes)
}

// Bytes returns what the held entries count towards MaxBytes.
func (c *Cache) Bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

func (c *Cache) addLocked(n *node) {
	c.nodes[n.key] = n
	c.order.pushFront(n)
	c.bytes += n.size
}

func (c *Cache) removeLocked(n *node) {
	delete(c.nodes, n.key)
	c.order.remove(n)
	c.bytes -= n.size
}

// useless reports whether a copy is stale for so long that it is not kept.
func (c *Cache) useless(held domain.Copy) bool { return held.Left <= -c.opts.KeepStale }

func (c *Cache) now() time.Duration { return time.Since(c.start) }

func size(key domain.Key, e *domain.Entry) int64 {
	return int64(len(key.String()) + e.Size() + entryOverhead)
}
