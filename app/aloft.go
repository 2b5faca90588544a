package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// void lets requests that come later begin a new flight of key: the value that
// the one under way brings was replaced or deleted.
func (fs *flights) void(key domain.Key) {
	fs.mu.Lock()
	for k := range kinds {
		delete(fs.open, place{key, k})
	}
	fs.mu.Unlock()
}

// outdate does the same for all keys, of which any may have been replaced or
// deleted.
func (fs *flights) outdate() {
	fs.mu.Lock()
	fs.gap++
	fs.mu.Unlock()
}

func (fs *flights) drain(ctx context.Context) error {
	for _, f := range fs.snapshot() {
		select {
		case <-f.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// shut ends all flights and lets no more begin.
func (fs *flights) shut() {
	fs.mu.Lock()
	fs.closed = true
	fs.mu.Unlock()
	for _, f := range fs.snapshot() {
		f.cancel(domain.ErrClosed)
	}
}

func (fs *flights) snapshot() []*flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return slices.Collect(maps.Keys(fs.aloft))
}

func (fs *flights) count() int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return len(fs.aloft)
}

// state returns that of the flight at p that may be joined.
func (fs *flights) state(p place) domain.CallState {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.open[p]
	if f == nil || fs.outdatedLocked(f) {
		return domain.CallState{}
	}
	return domain.CallState{Under: true, Waiters: f.waiters, Since: time.Since(f.began)}
}
