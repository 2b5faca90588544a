package ports

import (
	"context"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// L2Store is the layer that all instances share. Each call ends within a
// budget of the store's own, or earlier with ctx. Every error is a failure of
// the layer, but for those named here; callers go on without it.
type L2Store interface {
	// Get returns the copy that is stored for key, with the life that it has
	// left, and whether there is one. A copy is never returned past its life.
	// The error wraps domain.ErrUndecodable when what is stored cannot be read.
	Get(ctx context.Context, key domain.Key) (domain.Copy, bool, error)

	// Fill stores e for its whole TTL, ends the lease and wakes those who wait
	// for it: all of it at once and only while lease stands. Otherwise it does
	// nothing and the error wraps domain.ErrLeaseLost. An entry without life
	// is not stored, and neither is its predecessor. After any other error the
	// lease may still stand.
	Fill(ctx context.Context, key domain.Key, e *domain.Entry, lease Lease) error
}
