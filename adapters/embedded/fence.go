package embedded

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Each write of a key has the key's lease while it lasts: a fill the one that its
// caller holds, any other write one that it seizes. For that time the lease
// neither expires nor ends in another way. So the entry is written without holding
// mu, there is one write of a key at a time, and waiters that are woken by the end
// of the lease find what was written.

// beginFill reserves the lease for one fill, until endWrite. Where late is allowed, a
// lease that has expired will do while it is remembered: every write, and every other
// lease, replaces it.
func (ls *leases) beginFill(k domain.Key, token string, late bool) (*lease, error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.held[k.String()]
	if l == nil || l.token != token || !late && !l.standsAt(time.Now()) {
		return nil, fmt.Errorf("lease of %q: %w", k, domain.ErrLeaseLost)
	}
	if l.writing != nil {
		return nil, fmt.Errorf("second fill of %q: %w", k, domain.ErrLeaseLost)
	}
	l.writing = make(chan struct{})
	return l, nil
}

// seize takes the lease of k from its holder, for one write, until endWrite, and
// forgets the last failure. It waits for a write in progress, until that ends, or
// ctx.
func (ls *leases) seize(ctx context.Context, k domain.Key) (*lease, error) {
	for {
		l, busy := ls.trySeize(k)
		if l != nil {
			return l, nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// trySeize returns the lease, or what is closed at the end of the write in
// progress. A lease that is there passes to the new holder as it is, so that the
// write wakes those that wait for it.
func (ls *leases) trySeize(k domain.Key) (seized *lease, busy <-chan struct{}) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.held[k.String()]
	switch {
	case l == nil:
		l = &lease{ended: make(chan struct{})}
		ls.held[strings.Clone(k.String())] = l
	case l.writing != nil:
		return nil, l.writing
	}
	l.giveLocked(time.Now().Add(ls.ttl))
	l.writing = make(chan struct{})
	delete(ls.failed, k.String())
	return l, nil
}

// endWrite ends the write, and the lease with it, unless a fill failed: then it
// stands for its remaining TTL, and waiters look again when that is over.
func (ls *leases) endWrite(k domain.Key, l *lease, endsLease bool, e ports.Ending) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	close(l.writing)
	l.writing = nil
	if endsLease {
		ls.endLocked(k, l, e)
	}
}
