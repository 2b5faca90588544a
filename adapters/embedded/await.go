package embedded

import (
	"context"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// await waits until the lease of k that stands now has ended or expired, and returns
// how it ended.
func (ls *leases) await(ctx context.Context, k domain.Key) (ports.Ending, error) {
	l := ls.join(k)
	if l == nil {
		return ports.Ending{}, nil
	}
	defer ls.leave(l)
	for {
		left := ls.left(l)
		if left <= 0 {
			return l.outcome(), nil
		}
		expiry := time.NewTimer(left)
		select {
		case <-l.ended:
			expiry.Stop()
			return l.ending, nil
		case <-ctx.Done():
			expiry.Stop()
			return ports.Ending{}, ctx.Err()
		case <-expiry.C:
		}
	}
}

// join returns the lease of k with one waiter more, or nil when nobody holds it.
func (ls *leases) join(k domain.Key) *lease {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.held[k.String()]
	if l == nil || !l.standsAt(time.Now()) {
		return nil
	}
	l.waiters++
	return l
}

func (ls *leases) leave(l *lease) {
	ls.mu.Lock()
	l.waiters--
	ls.mu.Unlock()
}

// left is the time until l may have expired. While a write holds it past its deadline
// that is not known: the write ends it and wakes the waiters, which look again only in
// case the fill fails.
func (ls *leases) left(l *lease) time.Duration {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	left := time.Until(l.deadline)
	if left <= 0 && l.writing != nil {
		return ls.ttl / 8
	}
	return left
}

// outcome is how l ended, or nothing when it expired.
func (l *lease) outcome() ports.Ending {
	select {
	case <-l.ended:
		return l.ending
	default:
		return ports.Ending{}
	}
}
