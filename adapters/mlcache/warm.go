package mlcache

import (
	"context"
	"errors"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// Warmed says what became of the keys of Warm. Each different one is counted once.
type Warmed = domain.Warmed

// Warm brings the values of keys into memory ahead of Gets: from Redis, else by the
// loader, once for all instances. Its loads have the lowest priority: they take an eighth
// of the slots at most, and none that a Get waits for. It ends with ctx, and after twice
// LoadTimeout at the latest; loads that have begun go on. The error is that of keys that
// are not valid, or ErrClosed.
func (c *Cache[V]) Warm(ctx context.Context, keys []string) (Warmed, error) {
	known := make(map[domain.Key]bool, len(keys))
	var wanted []domain.Key
	var errs []error
	for _, name := range keys {
		key, err := c.key(name)
		switch {
		case err != nil:
			errs = append(errs, c.failed(name, err))
		case !known[key]:
			known[key] = true
			wanted = append(wanted, key)
		}
	}
	return c.service.Warm(ctx, wanted), errors.Join(errs...)
}
