package app

import (
	"context"
	"errors"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// This file is how an instance knows whether the feed is followed, here or elsewhere.

// prove holds the proof while the feed gives signs.
func (f *follower) prove(ctx context.Context, ttl time.Duration) {
	tick := time.NewTicker(max(min(ttl, feedProof)/3, time.Millisecond))
	defer tick.Stop()
	var proof ports.Lease
	for ctx.Err() == nil {
		held, follows := proof != (ports.Lease{}), f.heard.Load() != 0 && f.age()-f.heard.Load() < int64(feedProof)
		switch {
		case follows && !held:
			proof, _ = f.s.locker.Acquire(ctx, f.lease.Turn())
		case follows && errors.Is(f.s.locker.Renew(ctx, f.lease.Turn(), proof), domain.ErrLeaseLost):
			proof = ports.Lease{}
		case !follows && held:
			f.s.release(ctx, f.lease.Turn(), proof, ports.Ending{})
			proof = ports.Lease{}
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	if proof != (ports.Lease{}) {
		f.s.release(ctx, f.lease.Turn(), proof, ports.Ending{})
	}
}

// listen looks whether another instance has the proof.
func (f *follower) listen(ctx context.Context) {
	for ; ctx.Err() == nil; pause(ctx, time.Second) {
		if looked := f.age(); !f.leads.Load() && f.s.locker.State(ctx, f.lease.Turn()).Held {
			f.isFollowed(looked - int64(feedProof))
		}
	}
}

// isFollowed notes that the feed was followed at that time.
func (f *follower) isFollowed(at int64) {
	for {
		last := f.healthy.Load()
		if max(1, at) <= last || f.healthy.CompareAndSwap(last, max(1, at)) {
			return
		}
	}
}

// silence is how long ago the feed was known to be followed.
func (f *follower) silence() time.Duration {
	return time.Since(f.began) - time.Duration(f.healthy.Load())
}

// isDown reports whether changes may have been missed for too long.
func (f *follower) isDown() bool {
	return f.healthy.Load() == 0 || f.silence() > feedPatience
}

// watch bounds how old values may be while the feed is down.
func (f *follower) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		f.judge()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (f *follower) judge() {
	limit := time.Duration(0)
	if f.isDown() {
		limit = f.s.opts.TTLWithoutChanges
	}
	f.s.purges.limit.Store(int64(limit))
}
