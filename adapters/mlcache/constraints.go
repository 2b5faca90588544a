package mlcache

import (
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// GetOption says what one Get wants. Without any it takes what the cache has.
type GetOption func(*domain.Constraints)

// Fresh wants a value whose load begins after the Get. Callers that want it at the same
// time share a load.
func Fresh() GetOption { return func(d *domain.Constraints) { d.NoCache = true } }

// MaxAge wants a value that was loaded no longer ago; with 0 or less it is Fresh.
func MaxAge(age time.Duration) GetOption {
	if age <= 0 {
		return Fresh()
	}
	return func(d *domain.Constraints) { d.MaxAge = age }
}

// AtLeast wants a value with this version or a later one: one that is older is reloaded
// once, and what that brings is the answer.
func AtLeast(version uint64) GetOption {
	return func(d *domain.Constraints) { d.MinVersion = version }
}

// MinFresh wants a value that stays fresh for that long.
func MinFresh(ttl time.Duration) GetOption {
	return func(d *domain.Constraints) { d.MinFresh = max(0, ttl) }
}

// MaxStale takes a value that expired less than that ago, too, if a layer still has it.
func MaxStale(age time.Duration) GetOption {
	return func(d *domain.Constraints) { d.MaxStale = max(0, age) }
}

// OnlyCached loads nothing: the error is ErrNotCached when no layer has what is wanted.
func OnlyCached() GetOption { return func(d *domain.Constraints) { d.OnlyIfCached = true } }

// Wait waits no longer for a load: the error is ErrStillLoading then.
func Wait(d time.Duration) GetOption {
	return func(c *domain.Constraints) { c.Wait = max(time.Nanosecond, d) }
}

// constraints returns what options want. It allocates only if there are any.
func constraints(options []GetOption) domain.Constraints {
	if len(options) == 0 {
		return domain.Constraints{}
	}
	var d domain.Constraints
	for _, option := range options {
		option(&d)
	}
	return d
}
