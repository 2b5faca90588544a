package app

import (
	"context"
	"errors"
	"fmt"

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

// Set is that of the store, which has the copy for when changes are known again.
func (l purgedL1) Set(key domain.Key, c domain.Copy, since ports.Epoch) bool {
	return l.L1Store.Set(key, c.Whole(), since)
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

// errPurgesUnknown: the store has a copy that may have been purged.
var errPurgesUnknown = errors.New("whether it was purged is not known")

// Get is that of the store. It takes no longer when the record of purges has to be read.
// If that fails, the error is errPurgesUnknown and the copy may have been purged; that the
// store has nothing counts.
func (l purgedL2) Get(ctx context.Context, key domain.Key) (domain.Copy, bool, error) {
	current := l.purges.read(ctx)
	c, _, err := l.L2Store.Get(ctx, key)
	failed := current()
	if failed != nil && err == nil && c.Entry != nil {
		return c, true, fmt.Errorf("%w: %w", errPurgesUnknown, failed)
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
		if failed != nil && f.Err == nil && f.Copy.Entry != nil {
			*f = ports.Found{Err: fmt.Errorf("%w: %w", errPurgesUnknown, failed)}
			continue
		}
		f.Copy = l.purges.judge(f.Copy)
		f.OK = f.Copy.Entry != nil
	}
	return found
}
