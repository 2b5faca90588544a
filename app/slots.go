package app

import "context"

// slots is a semaphore: a caller that works has put one in.
type slots chan struct{}

// take waits for a slot until ctx ends, and reports whether it got one.
func (s slots) take(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case s <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// tryTake takes a slot if one is free.
func (s slots) tryTake() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

// free gives back a slot.
func (s slots) free() { <-s }

// awaitFree waits until all slots have been free, each at some moment, or for ctx,
// the cause of whose end it then returns.
func (s slots) awaitFree(ctx context.Context) error {
	for n := range cap(s) {
		if !s.take(ctx) {
			for range n {
				s.free()
			}
			return context.Cause(ctx)
		}
	}
	for range cap(s) {
		s.free()
	}
	return nil
}
