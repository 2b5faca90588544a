package app

import (
	"context"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// What is loaded for a request with no-store is stored nowhere, so no copy tells
// when that was. Requests that may cause one load per d.Within nevertheless, on all
// instances together, take turns: the turn is a lease of its own, which other requests
// do not wait for. At its end, callers that wait for it receive what was loaded, and
// nobody gets the next turn before d.Within is over.

// endTurn ends the turn with what was loaded.
func (c *call) endTurn(ctx context.Context, lease ports.Lease, loaded *domain.Entry) {
	left := c.untilNext()
	c.s.failed.note(c.leaseKey(), domain.ErrTooSoon, left)
	c.s.release(ctx, c.leaseKey(), lease, ports.Ending{Failure: domain.ErrTooSoon, Cooldown: left, Entry: loaded})
}

// untilNext is how long no other load may begin.
func (c *call) untilNext() time.Duration { return max(0, c.d.Within-time.Since(c.began())) }

// awaitTurn waits until the next load may begin, and reports false if ctx ended first.
func (c *call) awaitTurn(ctx context.Context) bool {
	left, _ := c.s.failed.of(c.leaseKey())
	if left == 0 { // it was another instance that loaded
		left = c.s.locker.State(ctx, c.leaseKey()).FailureRemaining
	}
	timer := time.NewTimer(max(left, time.Millisecond))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
