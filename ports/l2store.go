package ports

import (
	"context"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// L2Store is the layer that all instances share. Each call ends within a
// budget of the store's own, or earlier with ctx. Every error is a failure of
// the layer, but for those named here; callers go on without it.
type L2Store interface {
	// Get returns the copy that is stored for key, with its remaining TTL,
	// and whether there is one. An expired copy is returned for as long as its
	// entry's Keep says, as stale.
	// The error wraps domain.ErrUndecodable when what is stored cannot be read.
	Get(ctx context.Context, key domain.Key) (domain.Copy, bool, error)

	// GetMany does what Get does for each key, with many in a round trip. The results
	// are in the order of the keys. It leaves out what is stored in more than
	// LargeBytes, which the caller has to Get: a call returns no more than that for
	// each key.
	GetMany(ctx context.Context, keys []domain.Key) []Found

	// Fill stores e for its whole TTL and Keep, ends the lease and wakes its waiters:
	// all of it at once and only while lease stands. When lease has expired, and no
	// write has voided it, e may still be stored where nothing is. Otherwise Fill does
	// nothing and the error wraps domain.ErrLeaseLost. After any other error the lease
	// may still stand.
	//
	// An entry with a version below the floor of key (see Invalidate) is not stored: the
	// error wraps domain.ErrOutdated and the lease stands. One with another version
	// becomes the floor for as long as it is stored.
	//
	// An entry without TTL is not stored: what is stored for key is removed, the other
	// instances are told (Bus), and callers that wait for the lease receive the entry
	// (Ending).
	Fill(ctx context.Context, key domain.Key, e *domain.Entry, lease Lease) error

	// Put stores e in place of whatever is there, as Fill does but without a
	// lease: it ends the one that stands, and with it the right to fill, wakes
	// who waits for it, forgets the last failure, and tells the other instances
	// (see Bus). All of it happens at once. After an error the value may be
	// stored or not. An entry without TTL removes what is stored. Versions are treated
	// as by Fill, but that domain.ErrOutdated means that nothing has changed.
	Put(ctx context.Context, key domain.Key, e *domain.Entry) error

	// Invalidate removes what is stored, or makes it stale if i is Soft, and else does
	// what Put does. If i has a version, that becomes the floor of key for as long as i
	// says, unless there is a higher one.
	Invalidate(ctx context.Context, key domain.Key, i domain.Invalidation) error
}

// LargeBytes is the longest stored form that GetMany returns.
const LargeBytes = 32 << 10

// Found is what GetMany says of one key: what Get returns, or that there is
// something Large, which is left out.
type Found struct {
	Copy  domain.Copy
	OK    bool
	Large bool
	Err   error
}
