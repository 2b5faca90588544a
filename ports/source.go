package ports

import (
	"context"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// Source is the slow system of record.
type Source interface {
	// Load asks for the value of key. It may take long and must end when ctx
	// does. The error wraps domain.ErrNotFound when the source has no such
	// key; every other error is a failure, and so is a panic. Once ctx has
	// ended any error will do: the reason of its end is what counts.
	Load(ctx context.Context, key domain.Key) (domain.Value, error)
}
