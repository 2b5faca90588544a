package ports

import (
	"context"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// BatchSource is a Source that loads many keys in one call.
type BatchSource interface {
	Source

	// LoadMany does what Load does for each of the keys, which are distinct. The
	// results are in the order of the keys. A key that fails does not fail the others.
	LoadMany(ctx context.Context, keys []domain.Key) []Loaded

	// Batch returns for how many keys LoadMany is called at most, and how long a key
	// waits for others. It always returns the same.
	Batch() (keys int, wait time.Duration)
}

// Loaded is what LoadMany says of one key: what Load would return.
type Loaded struct {
	Value domain.Value
	Err   error
}
