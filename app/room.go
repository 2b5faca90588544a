package app

import (
	"context"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

const (
	// roomUnit is what memory for values that are being loaded is counted in, and
	// roomUnits is how much of it there is.
	roomUnit  = 64 << 10
	roomUnits = 32 << 20 / roomUnit
)

// memory bounds what all services of a process hold of values that are on their way.
type memory struct {
	room   *room
	reads  slots // of batches' calls of L2
	loaded int   // bytes that each service may have loaded for batches
	keys   int   // that each may load for them in any case, see keysAtOnce
}

// newMemory returns that of a number of services, none of which has larger values.
func newMemory(maxValueBytes, services int) memory {
	return memory{newRoom(maxValueBytes), make(slots, readsAtOnce), loadedAtOnce / services, keysAtOnce / services}
}

// batchedLoads returns how many keys a service with those options loads at once for
// batches, from a source that loads that many in a call.
func (m memory) batchedLoads(o Options, keysPerCall int) int {
	most := m.loaded / o.MaxValueBytes
	if keysPerCall > 1 {
		most = max(most, m.keys)
	}
	return max(1, min(o.SourceConcurrency*keysPerCall/2, most))
}

// room is the memory for large values that are being loaded.
type room struct {
	turn  slots // one, of the load that takes: so nobody waits with half of what it needs
	units slots
}

// newRoom returns a room for at least one value of the size allowed.
func newRoom(maxValueBytes int) *room {
	size := max(roomUnits, units(int64(maxValueBytes)))
	return &room{turn: make(slots, 1), units: make(slots, size)}
}

// units returns what a value needs, which is in memory twice while it is read and
// while it is written to L2.
func units(bytes int64) int { return int((2*bytes + roomUnit - 1) / roomUnit) }

// reservation is the part of a room that one load has. One for many values has the
// turn from the first large one on until all are read: others that wait for memory
// then have none of it, or have read all that they will, and so end.
type reservation struct {
	room *room
	many slots // nil: for one value; else one, of the caller that takes the turn
	// patience is how long a load waits for memory. It is shorter than the source
	// may take, since that would be a failure of the source.
	patience time.Duration

	mu    sync.Mutex
	turn  bool
	units int
	over  bool
}

// in returns a context for calls of the source.
func (r *reservation) in(ctx context.Context) context.Context {
	return ports.WithReserve(ctx, r.take)
}

func (r *reservation) take(ctx context.Context, bytes int64) error {
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	if !r.takeTurn(ctx) {
		return domain.ErrOverloaded
	}
	if r.many == nil {
		defer r.freeTurn()
	}
	for range min(units(bytes), cap(r.room.units)) {
		if !r.room.units.take(ctx) {
			return domain.ErrOverloaded
		}
		if !r.add() {
			r.room.units.free()
			return domain.ErrOverloaded
		}
	}
	return nil
}

// takeTurn reports whether the load has the turn.
func (r *reservation) takeTurn(ctx context.Context) bool {
	if r.many != nil {
		if !r.many.take(ctx) {
			return false
		}
		defer r.many.free()
	}
	r.mu.Lock()
	has := r.turn
	r.mu.Unlock()
	if has {
		return true
	}
	if !r.room.turn.take(ctx) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		r.room.turn.free()
	}
	r.turn = !r.over
	return r.turn
}

// freeTurn lets others take memory. There may be nothing to free.
func (r *reservation) freeTurn() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.freeTurnLocked()
}

func (r *reservation) freeTurnLocked() {
	if r.turn {
		r.turn = false
		r.room.turn.free()
	}
}

// add reports false when the load is over, which gave back all that it had.
func (r *reservation) add() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.units++
	}
	return !r.over
}

func (r *reservation) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	for range r.units {
		r.room.units.free()
	}
	r.units = 0
	r.freeTurnLocked()
}
