package app

import (
	"context"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// hasNewer reports whether l1 has a later version than e is, expired or not.
func hasNewer(l1 ports.L1Store, key domain.Key, e *domain.Entry) bool {
	if e == nil || e.Version() == 0 {
		return false
	}
	held, ok := l1.Peek(key)
	return ok && held.Entry.Version() > e.Version()
}

// newestL2 is an L2Store without versions that are older than those in L1. It has some
// when it was away, or has lost what it knew: meanwhile L1 had its values from the source.
type newestL2 struct {
	ports.L2Store
	l1 ports.L1Store
}

// Get is that of the store.
func (l newestL2) Get(ctx context.Context, key domain.Key) (domain.Copy, bool, error) {
	c, ok, err := l.L2Store.Get(ctx, key)
	if hasNewer(l.l1, key, c.Entry) {
		return domain.Copy{}, false, err
	}
	return c, ok, err
}

// GetMany is that of the store.
func (l newestL2) GetMany(ctx context.Context, keys []domain.Key) []ports.Found {
	found := l.L2Store.GetMany(ctx, keys)
	for i := range found {
		if hasNewer(l.l1, keys[i], found[i].Copy.Entry) {
			found[i] = ports.Found{}
		}
	}
	return found
}
