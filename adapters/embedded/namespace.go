package embedded

import (
	"context"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var (
	_ ports.L2Store = Namespace{}
	_ ports.Locker  = Namespace{}
	_ ports.Purger  = Namespace{}
	_ ports.HotList = Namespace{}
)

// Namespace is what one of several caches in a program has of a Layer. Its keys and
// leases are its own; the room and the file are shared.
type Namespace struct {
	layer *Layer
	name  string
}

// Namespace returns that of the cache with a name, which has no control characters.
// It is not closed.
func (l *Layer) Namespace(name string) Namespace { return Namespace{l, name} }

// Get is that of the Layer.
func (n Namespace) Get(ctx context.Context, key domain.Key) (domain.Copy, bool, error) {
	return n.layer.Get(ctx, key.In(n.name))
}

// GetMany is that of the Layer.
func (n Namespace) GetMany(ctx context.Context, keys []domain.Key) []ports.Found {
	own := make([]domain.Key, len(keys))
	for i, key := range keys {
		own[i] = key.In(n.name)
	}
	return n.layer.GetMany(ctx, own)
}

// Fill is that of the Layer.
func (n Namespace) Fill(ctx context.Context, key domain.Key, e *domain.Entry, lease ports.Lease) error {
	return n.layer.Fill(ctx, key.In(n.name), e, lease)
}

// Put is that of the Layer.
func (n Namespace) Put(ctx context.Context, key domain.Key, e *domain.Entry) error {
	return n.layer.Put(ctx, key.In(n.name), e)
}

// Invalidate is that of the Layer.
func (n Namespace) Invalidate(ctx context.Context, key domain.Key, i domain.Invalidation) error {
	return n.layer.Invalidate(ctx, key.In(n.name), i)
}

// Purge records a purge for the cache.
func (n Namespace) Purge(ctx context.Context, p domain.Purge, known domain.Mark, remembered time.Duration) (domain.Purges, error) {
	return n.layer.purge(ctx, n.name, p, known, remembered)
}

// Purges returns those for the cache.
func (n Namespace) Purges(ctx context.Context, known domain.Mark) (domain.Purges, error) {
	return n.layer.purges(ctx, n.name, known)
}

// Publish adds keys to the list of the cache.
func (n Namespace) Publish(ctx context.Context, keys []domain.HotKey) error {
	return n.layer.publish(ctx, n.name, keys)
}

// Hottest returns those of that list.
func (n Namespace) Hottest(ctx context.Context, most int) ([]domain.HotKey, error) {
	return n.layer.hottest(ctx, n.name, most)
}

// Acquire is that of the Layer.
func (n Namespace) Acquire(ctx context.Context, key domain.Key) (ports.Lease, error) {
	return n.layer.Acquire(ctx, key.In(n.name))
}

// Await is that of the Layer.
func (n Namespace) Await(ctx context.Context, key domain.Key) (ports.Ending, error) {
	return n.layer.Await(ctx, key.In(n.name))
}

// Renew is that of the Layer.
func (n Namespace) Renew(ctx context.Context, key domain.Key, lease ports.Lease) error {
	return n.layer.Renew(ctx, key.In(n.name), lease)
}

// Awaited is that of the Layer.
func (n Namespace) Awaited(ctx context.Context, key domain.Key) (bool, error) {
	return n.layer.Awaited(ctx, key.In(n.name))
}

// State is that of the Layer.
func (n Namespace) State(ctx context.Context, key domain.Key) domain.LeaseState {
	return n.layer.State(ctx, key.In(n.name))
}

// Release is that of the Layer.
func (n Namespace) Release(ctx context.Context, key domain.Key, lease ports.Lease, e ports.Ending) error {
	return n.layer.Release(ctx, key.In(n.name), lease, e)
}
