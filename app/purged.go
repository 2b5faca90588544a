package app

import (
	"context"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// purgedL1 is an L1Store without what has been purged.
type purgedL1 struct {
	ports.L1Store
	purges *routePurges
}

// Get is that of the store.
func (l purgedL1) Get(key domain.Key) (domain.Copy, bool) {
	c, _ := l.L1Store.Get(key)
	c = l.purges.judge(c)
	return c, c.Entry != nil
}

// Peek is that of the store.
func (l purgedL1) Peek(key domain.Key) (domain.Copy, bool) {
	c, _ := l.L1Store.Peek(key)
	c = l.purges.judge(c)
	return c, c.Entry != nil
}

// purgedL2 is an L2Store without what has been purged.
type purgedL2 struct {
	ports.L2Store
	purges *routePurges
}

// Get is that of the store. It takes no longer when the record of purges has to be read.
func (l purgedL2) Get(ctx context.Context, key domain.Key) (domain.Copy, bool, error) {
	current := l.purges.read(ctx)
	c, _, err := l.L2Store.Get(ctx, key)
	if failed := current(); failed != nil {
		return domain.Copy{}, false, failed
	}
	c = l.purges.judge(c)
	return c, c.Entry != nil, err
}

// GetMany is that of the store.
func (l purgedL2) GetMany(ctx context.Context, keys []domain.Key) []ports.Found {
	current := l.purges.read(ctx)
	found := l.L2Store.GetMany(ctx, keys)
	failed := current()
	for i := range found {
		f := &found[i]
		if failed != nil {
			*f = ports.Found{Err: failed}
			continue
		}
		f.Copy = l.purges.judge(f.Copy)
		f.OK = f.Copy.Entry != nil
	}
	return found
}
