package embedded

import (
	"context"
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
	ttl, cooldown time.Duration

	mu     sync.Mutex
	held   map[string]*lease
	failed map[string]failure
	swept  time.Time
}

// lease is one holder's right. It leaves the map when it ends; callers that wait
// for it keep it.
type lease struct {
	ended chan struct{} // closed when the lease was ended, not when it expired
	cause error         // the failure it ended with; set before ended is closed

	// Guarded by leases.mu.
	token    ports.Lease
	deadline time.Time
	writing  chan struct{} // not nil while a write is under way, closed at its end, see fence.go
	waiters  int
}

type failure struct {
	cause error
	until time.Time
}

func newLeases(ttl, cooldown time.Duration) *leases {
	return &leases{
		ttl: ttl, cooldown: cooldown, swept: time.Now(),
		held: map[string]*lease{}, failed: map[string]failure{},
	}
}

// take gives out the lease of k or says why not: by an error, or by the lease to
// wait for and the time for which to wait before asking again. A caller that asks
// again passes the lease waited for: it may have been ended at the very moment
// when the patience was over, and that end must not be missed.
func (ls *leases) take(k domain.Key, last *lease) (token ports.Lease, holder *lease, patience time.Duration, err error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if last != nil && last.isEnded() {
		return "", nil, 0, last.outcome()
	}
	now := time.Now()
	if f, ok := ls.failed[k.String()]; ok && now.Before(f.until) {
		return "", nil, 0, f.cause
	}
	if l := ls.held[k.String()]; l != nil && l.standsAt(now) {
		return "", l, l.patience(now, ls.ttl), nil
	}
	ls.sweepLocked(now)
	l := &lease{ended: make(chan struct{})}
	l.giveLocked(now.Add(ls.ttl))
	ls.held[strings.Clone(k.String())] = l
	return l.token, nil, 0, nil
}

// giveLocked makes the lease that of a new holder.
func (l *lease) giveLocked(deadline time.Time) {
	l.token, l.deadline = ports.Lease(rand.Text()), deadline
}

func (l *lease) standsAt(now time.Time) bool { return l.writing != nil || now.Before(l.deadline) }

// patience is the time until the lease may have expired. While a write holds it
// past its deadline that is not known: the write ends the lease and wakes the
// waiters, which look again only in case the fill fails.
func (l *lease) patience(now time.Time, ttl time.Duration) time.Duration {
	if left := l.deadline.Sub(now); left > 0 {
		return left
	}
	return ttl / 8
}

// wait returns how the lease ended, the error of ctx, or nil when the lease may
// have expired.
func (l *lease) wait(ctx context.Context, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-l.ended:
		return l.outcome()
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// wait is that of the lease, and counts the waiters.
func (ls *leases) wait(ctx context.Context, l *lease, patience time.Duration) error {
	ls.count(l, 1)
	defer ls.count(l, -1)
	return l.wait(ctx, patience)
}

func (ls *leases) count(l *lease, n int) {
	ls.mu.Lock()
	l.waiters += n
	ls.mu.Unlock()
}

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

func (l *lease) isEnded() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// outcome is what waiters receive. The lease must have been ended.
func (l *lease) outcome() error {
	if l.cause != nil {
		return l.cause
	}
	return domain.ErrLeaseEnded
}

func (ls *leases) renew(k domain.Key, token ports.Lease) error {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l, err := ls.findLocked(k, token)
	if err != nil {
		return err
	}
	l.deadline = time.Now().Add(ls.ttl)
	return nil
}

// release ends the lease, with a failure when the load failed.
func (ls *leases) release(k domain.Key, token ports.Lease, failed error) error {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l, err := ls.findLocked(k, token)
	if err != nil {
		return err
	}
	if l.writing != nil {
		return fmt.Errorf("release %q during its fill: %w", k, domain.ErrLeaseLost)
	}
	ls.failLocked(k, failed)
	ls.endLocked(k, l, remembered(failed))
	return nil
}

// failLocked remembers the failure for the cool-down.
func (ls *leases) failLocked(k domain.Key, failed error) {
	if lasts := domain.Cooldown(failed, ls.cooldown); failed != nil && lasts > 0 {
		now := time.Now()
		ls.sweepLocked(now)
		ls.rememberLocked(k, failure{cause: remembered(failed), until: now.Add(lasts)})
	}
}

func (ls *leases) rememberLocked(k domain.Key, f failure) {
	if _, known := ls.failed[k.String()]; known || len(ls.failed) < maxFailures {
		ls.failed[strings.Clone(k.String())] = f
	}
}

func (ls *leases) findLocked(k domain.Key, token ports.Lease) (*lease, error) {
	l := ls.held[k.String()]
	if l == nil || l.token != token || !l.standsAt(time.Now()) {
		return nil, fmt.Errorf("lease of %q: %w", k, domain.ErrLeaseLost)
	}
	return l, nil
}

func (ls *leases) endLocked(k domain.Key, l *lease, cause error) {
	delete(ls.held, k.String())
	l.cause = cause
	close(l.ended)
}

// sweepLocked forgets what has expired. It runs when something is added, and not
// before all that the last sweep kept has had time to expire: so each item is
// looked at twice at most, unless it is renewed.
func (ls *leases) sweepLocked(now time.Time) {
	if now.Sub(ls.swept) < max(ls.ttl, ls.cooldown) {
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

// remembered reduces a failure to its kind.
func remembered(failure error) error {
	if failure == nil {
		return nil
	}
	return domain.RecallFailure(domain.FailureKind(failure))
}
