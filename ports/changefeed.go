package ports

import (
	"context"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// ChangeFeed says which keys of a source have changed. At most one instance follows
// it at a time.
type ChangeFeed interface {
	// Follow calls apply with one Change after the other, in the order in which they
	// were committed, until ctx ends, the feed fails, or apply returns an error, which
	// Follow then returns. A Change is acknowledged, so that no later Follow repeats it,
	// only after apply has returned nil for it; it may be repeated all the same.
	//
	// A Change is applied no earlier than the source has it: a load that begins when
	// apply is called, or later, sees what was committed.
	//
	// The first Change has All set unless the feed is certain to continue where the
	// last one that was acknowledged ended. While nothing changes, apply is called about
	// once a second with a Change that has no keys. Follow returns after all that it
	// began has ended.
	Follow(ctx context.Context, apply func(context.Context, Change) error) error
}

// RetainingFeed is a ChangeFeed for which the database retains something.
type RetainingFeed interface {
	ChangeFeed

	// Retained returns how many bytes the database retains for the feed now.
	Retained(ctx context.Context) (int64, error)
}

// Change is what one or more transactions changed together.
type Change struct {
	// Keys are those whose values may differ now, each once, without the prefix of
	// their route. Of a row that has another key now, both are there.
	Keys []domain.Key
	// All says that any key may have changed: a table was emptied, there are too many
	// keys to name, or changes may have been missed.
	All bool
	// Version is that of the changed values: no older one may be stored any more. It
	// compares with domain.Value.Version; 0 when there is none.
	Version uint64
	// Behind is how long ago it was committed, by the clock of the database; without
	// keys, how far behind the feed is at most.
	Behind time.Duration
}
