package ports

import (
	"context"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// BatchSource is a Source that also loads many keys in one call.
type BatchSource interface {
	Source

	// Batch returns how many keys a call of LoadMany is meant for at most, and how
	// long the first of them may wait for the others. With less than two keys nothing
	// is gained by LoadMany.
	Batch() (keys int, wait time.Duration)

	// LoadMany does what Load does without a validator for each key. It returns as
	// many results as there are keys, in their order; what fails for one key does not
	// fail for the others if that can be told apart. It takes more keys than Batch
	// says, in several calls of the source one after the other. It may call Reserve
	// with ctx once for each key.
	LoadMany(ctx context.Context, keys []domain.Key) []Loaded
}

// Loaded is what LoadMany says of one key: what Load returns.
type Loaded struct {
	Value domain.Value
	Err   error
}
