package embedded

import (
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// maxFailures bounds the failures that are remembered, and so their memory to
// some 10 MB. One that is not remembered costs a load.
const maxFailures = 16 << 10

// leases holds the right to load each key, and the loads that failed of late. The
// names in its maps are copies: a key may be part of a much longer string.
type leases struct {
	ttl time.Duration

	mu      sync.Mutex
	held    map[string]*lease
	failed  map[string]failure
	longest time.Duration // the TTL, or a cool-down that is longer
	swept   time.Time
}

// lease is one holder's right. It leaves the map when it ends; callers that wait
// for it keep it.
type lease struct {
	ended  chan struct{} // closed when the lease was ended, not when it expired
	ending ports.Ending  // for callers that waited; set before ended is closed

	// Guarded by leases.mu.
	token    string
	deadline time.Time
	writing  chan struct{} // not nil while a write is under way, closed at its end, see fence.go
	waiters  int
}

type failure struct {
	cause error
	until time.Time
}

func newLeases(ttl time.Duration) *leases {
	return &leases{ttl: ttl, longest: ttl, swept: time.Now(), held: map[string]*lease{}, failed: map[string]failure{}}
}

// take grants the lease of k or says why not.
func (ls *leases) take(k domain.Key) (ports.Lease, error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	now := time.Now()
	if f, ok := ls.failed[k.String()]; ok && now.Before(f.until) {
		return ports.Lease{}, f.cause
	}
	if l := ls.held[k.String()]; l != nil && l.standsAt(now) {
		return ports.Lease{}, domain.ErrLeaseHeld
	}
	ls.sweepLocked(now)
	l := &lease{ended: make(chan struct{})}
	l.giveLocked(now.Add(ls.ttl))
	ls.held[strings.Clone(k.String())] = l
	return ports.Lease{Token: l.token, TTL: ls.ttl}, nil
}

// giveLocked makes the lease that of a new holder.
func (l *lease) giveLocked(deadline time.Time) {
	l.token, l.deadline = rand.Text(), deadline
}

func (l *lease) standsAt(now time.Time) bool { return l.writing != nil || now.Before(l.deadline) }

func (ls *leases) awaited(k domain.Key) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.held[k.String()]
	return l != nil && l.waiters > 0
}

func (ls *leases) state(k domain.Key) (state domain.LeaseState) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	now := time.Now()
	if l := ls.held[k.String()]; l != nil && l.standsAt(now) {
		state.Held, state.Holder, state.Here = true, "embedded", true
		state.Remaining = max(0, l.deadline.Sub(now))
	}
	if f, ok := ls.failed[k.String()]; ok && now.Before(f.until) {
		state.Failure, state.FailureRemaining = f.cause, f.until.Sub(now)
	}
	return state
}

func (ls *leases) renew(k domain.Key, token string) error {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l, err := ls.findLocked(k, token)
	if err != nil {
		return err
	}
	l.deadline = time.Now().Add(ls.ttl)
	return nil
}

func (ls *leases) release(k domain.Key, token string, e ports.Ending) error {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l, err := ls.findLocked(k, token)
	if err != nil {
		return err
	}
	if l.writing != nil {
		return fmt.Errorf("release %q during its fill: %w", k, domain.ErrLeaseLost)
	}
	ls.endLocked(k, l, e)
	return nil
}

func (ls *leases) findLocked(k domain.Key, token string) (*lease, error) {
	l := ls.held[k.String()]
	if l == nil || l.token != token || !l.standsAt(time.Now()) {
		return nil, fmt.Errorf("lease of %q: %w", k, domain.ErrLeaseLost)
	}
	return l, nil
}

// endLocked ends the lease, and remembers the failure for its cool-down.
func (ls *leases) endLocked(k domain.Key, l *lease, e ports.Ending) {
	delete(ls.held, k.String())
	l.ending = e.ForWaiters()
	close(l.ended)
	if e.Failure != nil && e.Cooldown > 0 {
		now := time.Now()
		ls.sweepLocked(now)
		ls.rememberLocked(k, failure{cause: l.ending.Failure, until: now.Add(e.Cooldown)})
		ls.longest = max(ls.longest, e.Cooldown)
	}
}

func (ls *leases) rememberLocked(k domain.Key, f failure) {
	if _, known := ls.failed[k.String()]; known || len(ls.failed) < maxFailures {
		ls.failed[strings.Clone(k.String())] = f
	}
}

// sweepLocked forgets what has expired. It runs when something is added, and not
// before all that the last sweep kept has had time to expire: so each item is
// looked at twice at most, unless it is renewed.
func (ls *leases) sweepLocked(now time.Time) {
	if now.Sub(ls.swept) < ls.longest {
		return
	}
	ls.swept = now
	for k, l := range ls.held {
		if !l.standsAt(now) {
			delete(ls.held, k)
		}
	}
	for k, f := range ls.failed {
		if !now.Before(f.until) {
			delete(ls.failed, k)
		}
	}
}
