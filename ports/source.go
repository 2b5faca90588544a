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
	//
	// held is the validator of a value that the cache still has; it may be zero. When
	// the value is that one, Load may return domain.ErrNotModified with a Value that
	// has no body: what else it says holds from now on.
	Load(ctx context.Context, key domain.Key, held domain.Validator) (domain.Value, error)
}

// Reserve waits until there is memory for a value of that many bytes, or until ctx
// ends: the error is then domain.ErrOverloaded. A Source that reads from elsewhere
// calls it with the ctx of Load, once, before it takes more than LargeBytes. The
// caller of Load frees the memory.
func Reserve(ctx context.Context, bytes int64) error {
	if reserve, ok := ctx.Value(reserveKey{}).(func(context.Context, int64) error); ok && bytes > LargeBytes {
		return reserve(ctx, bytes)
	}
	return nil
}

type reserveKey struct{}

// WithReserve returns a context in which Reserve calls f.
func WithReserve(ctx context.Context, f func(ctx context.Context, bytes int64) error) context.Context {
	return context.WithValue(ctx, reserveKey{}, f)
}
