package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

const (
	// feedPatience is after how long without a sign of the feed its changes may have
	// been missed, and how far behind it may be.
	feedPatience = 15 * time.Second
	// feedProof is for how long a sign of the feed is a reason to tell the other instances
	// that it is followed.
	feedProof = 3 * time.Second
	// feedPause is how long to wait before a feed that has failed is tried again.
	feedPause = time.Second
)

var errFeedSilent = errors.New("the feed of changes is silent")

// follower applies the changes of a route's source. All instances have one; the one
// with the lease of the feed leads, which means that it follows the feed, and the
// others wait for that lease. It says nothing of the feed: a leader may wait for a
// database that hangs. So the leader has a second lease, the proof, only while the feed
// gives signs, and the others look whether it is held.
type follower struct {
	s     *Service
	route Route
	lease domain.Key

	stop    context.CancelFunc
	running sync.WaitGroup
	leads   atomic.Bool
	behind  atomic.Int64 // ns, of the feed when it was last heard of
	kept    atomic.Int64 // bytes that the database retains for the feed
	heard   atomic.Int64 // ns since began, when the feed gave a sign here; 0: never
	healthy atomic.Int64 // ns since began, when the feed was last known to be followed; 0: never
	began   time.Time
	swept   time.Time // when all was purged because the feed was far behind
}

// follow begins to follow the changes of the route, until end.
func (s *Service) follow(route Route) *follower {
	ctx, stop := context.WithCancel(context.Background())
	f := &follower{s: s, route: route, lease: domain.FeedKey(route.Name), stop: stop, began: time.Now()}
	f.judge()
	f.running.Go(func() { f.run(ctx) })
	f.running.Go(func() { f.watch(ctx) })
	f.running.Go(func() { f.listen(ctx) })
	return f
}

// end stops to follow, and waits for that.
func (f *follower) end() {
	f.stop()
	f.running.Wait()
}

func (f *follower) run(ctx context.Context) {
	for failed := false; ctx.Err() == nil; {
		lease, err := f.s.locker.Acquire(ctx, f.lease)
		switch {
		case err == nil:
			heard := f.heard.Load()
			err = f.lead(ctx, lease)
			if again := f.heard.Load() == heard && failed; !again && ctx.Err() == nil { // once for each outage
				f.s.log.WarnContext(ctx, "changes are not followed any more", "err", err)
			}
			failed = true
		case errors.Is(err, domain.ErrLeaseHeld):
			if _, err := f.s.locker.Await(ctx, f.lease); err == nil {
				continue // at once: the leader has gone
			}
		}
		pause(ctx, feedPause)
	}
}

// lead follows the feed for as long as the lease stands.
func (f *follower) lead(ctx context.Context, lease ports.Lease) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { f.renew(ctx, cancel, lease) })
	renewing.Go(func() { f.prove(ctx, lease.TTL) })
	f.leads.Store(true)
	if measured, ok := f.route.Changes.(ports.RetainingFeed); ok {
		renewing.Go(func() { f.measure(ctx, measured) })
	}
	err := f.route.Changes.Follow(ctx, f.apply)
	f.leads.Store(false)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	cancel(nil)
	renewing.Wait()
	f.s.release(ctx, f.lease, lease, ports.Ending{})
	return err
}

// renew keeps the lease while the feed is heard of, and ends the leadership else.
func (f *follower) renew(ctx context.Context, end context.CancelCauseFunc, lease ports.Lease) {
	began := time.Now()
	tick := time.NewTicker(max(lease.TTL/3, time.Millisecond))
	defer tick.Stop()
	for renewed := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if time.Since(began) > feedPatience && f.silence() > feedPatience {
			end(errFeedSilent)
			return
		}
		err := f.s.locker.Renew(ctx, f.lease, lease)
		switch {
		case err == nil:
			renewed = time.Now()
		case errors.Is(err, domain.ErrLeaseLost), time.Since(renewed) > lease.TTL:
			end(fmt.Errorf("the lease of the feed: %w", err))
			return
		}
	}
}

// measureEvery is how often the leader asks what the database retains for the feed.
const measureEvery = 15 * time.Second

func (f *follower) measure(ctx context.Context, feed ports.RetainingFeed) {
	defer f.kept.Store(0)
	for ctx.Err() == nil {
		if bytes, err := feed.Retained(ctx); err == nil {
			f.kept.Store(bytes)
		}
		pause(ctx, measureEvery)
	}
}

// apply invalidates what has changed. After an error the change is not acknowledged.
func (f *follower) apply(ctx context.Context, c ports.Change) error {
	ctx = context.WithoutCancel(ctx)
	err := f.s.Purge(ctx, f.route.Purge(c))
	if err != nil {
		return err
	}
	f.behind.Store(int64(c.Behind))
	now := f.age()
	f.heard.Store(now)
	f.isFollowed(now)
	if c.Behind > feedPatience && time.Since(f.swept) > f.s.opts.TTLWithoutChanges {
		f.swept = time.Now()
		return f.s.Purge(ctx, f.route.Purge(ports.Change{All: true}))
	}
	return nil
}

// Purge returns what a change of the route's source makes stale: perhaps nothing.
func (r Route) Purge(c ports.Change) (p domain.PurgeRequest) {
	if c.All {
		p.Purge = domain.Purge{Tags: domain.Tags{domain.RouteTag(r.Name)}, Soft: true}
		return p
	}
	for _, key := range c.Keys {
		if whole, err := key.Prefixed(r.Prefix); err == nil { // else there is no such key here
			p.Keys = append(p.Keys, whole)
		}
	}
	if r.ChangeVersions {
		p.Version = c.Version
	}
	return p
}

// age is how long ago the follower began, in ns, never 0.
func (f *follower) age() int64 { return int64(max(1, time.Since(f.began))) }

// activity returns how far the feed is.
func (f *follower) activity() *ports.ChangeActivity {
	if f == nil {
		return nil
	}
	return &ports.ChangeActivity{Up: !f.isDown(), Leads: f.leads.Load(), Behind: time.Duration(f.behind.Load()), Retained: f.kept.Load()}
}
