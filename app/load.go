package app

import (
	"context"
	"errors"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Try looks in the layers. Most of what L1 does not have L2 has: that costs no
// goroutine. It looks in L1 again, because a call may have ended since the request
// did.
func (c *call) Try(ctx context.Context) (result, bool, error) {
	s := c.s
	held, _ := s.l1.Get(c.key)
	c.held = held.Entry
	if c.d.Meets(held) && s.trusts(held) {
		return c.result(hit(held, domain.L1Hit)), true, nil
	}
	if c.d.ByLoadAlone() {
		return result{}, false, nil
	}
	found, err := c.lookFirst(ctx)
	if err != nil && s.needsVerifying(held, c.d) {
		found, err = c.look(ctx)
	}
	switch {
	case c.d.Meets(found):
		s.refreshAhead(ctx, c.key, found, s.opts.Random())
		return c.result(hit(found, domain.L2Hit)), true, nil
	case err != nil && c.d.Meets(held): // nobody can verify it now
		return c.result(hit(held, domain.L1Hit)), true, nil
	case c.want == anyCopy && s.mayServeStale(found):
		s.refreshStale(ctx, c.key, found)
		return c.result(hit(found, domain.L2Hit)), true, nil
	}
	c.passOver(found)
	return result{}, false, nil
}

// lookFirst looks in L2, unless a batch just did.
func (c *call) lookFirst(ctx context.Context) (domain.Copy, error) {
	if c.seen != nil && c.s.l1.Epoch(c.key) == c.seen.epoch {
		c.lookedAt = c.seen.at
		return domain.Copy{}, c.seen.err
	}
	return c.look(ctx)
}

func (c *call) look(ctx context.Context) (domain.Copy, error) {
	asked := time.Now()
	found, err := c.s.look(ctx, c.key, c.held)
	if err == nil {
		c.lookedAt = asked
	}
	return found, err
}

// passOver keeps a copy that does not do, for when the load fails.
func (c *call) passOver(found domain.Copy) {
	if found.Entry != nil {
		c.found, c.foundAt = found, time.Now()
		c.refused = c.refused || found.Fresh()
		c.expired = c.expired || !found.Fresh()
	}
}

// Run loads, or answers with a stale copy when that fails.
func (c *call) Run(ctx context.Context) (result, error) {
	defer c.leave()
	answer, err := c.load(ctx)
	if answer.Outcome == domain.Loaded {
		answer.Load = ctx
	}
	if c.refresh {
		return c.result(answer), c.endRefresh(err)
	}
	if stale := c.found.After(time.Since(c.foundAt)); err != nil && covers(stale, c.s.opts.StaleIfError, err) {
		return c.result(domain.Answer{Copy: stale, Outcome: domain.Stale, Failure: err}), nil
	}
	return c.result(answer), err
}

// load loads the key once among all instances. Exclusivity comes from a lease, which
// is acquired with a slot in hand, so that no instance keeps the lease to itself
// while it waits for one. Whatever the call waited for the right to do may have been
// done meanwhile, so it looks again after each wait.
func (c *call) load(ctx context.Context) (domain.Answer, error) {
	for {
		if err := c.enter(ctx); err != nil {
			if c.lease != (ports.Lease{}) {
				c.s.release(ctx, c.leaseKey(), c.lease, ports.Ending{})
			}
			return domain.Answer{}, err
		}
		if c.want == unstored && c.d.Within == 0 {
			return c.loadAlone(ctx)
		}
		asked := time.Now()
		lease, err := c.acquire(ctx)
		if err != nil {
			c.access.free()
		}
		var answer domain.Answer
		again := false
		switch {
		case err == nil && lease == (ports.Lease{}):
			return c.loadUnleased(ctx)
		case err == nil:
			answer, again, err = c.loadLeased(ctx, lease)
		case errors.Is(err, domain.ErrLeaseHeld):
			answer, again, err = c.awaitLease(ctx, asked)
		case errors.Is(err, domain.ErrTooSoon):
			again = c.awaitTurn(ctx)
		}
		if ctx.Err() != nil && err != nil {
			return domain.Answer{}, context.Cause(ctx)
		}
		if !again {
			c.s.dropIfWithdrawn(c.key, err)
			return answer, err
		}
	}
}

// enter waits for access to the source. A refresh does not wait.
func (c *call) enter(ctx context.Context) (err error) {
	c.leave()
	c.access, err = c.s.gate.enter(ctx, !c.refresh, c.arrived)
	return err
}

// leave ends the access that the call has had.
func (c *call) leave() {
	if c.access != nil {
		c.access.done()
	}
	c.access = nil
}

// leaseKey is the key whose lease the call needs.
func (c *call) leaseKey() domain.Key {
	if c.want == unstored {
		return c.key.Turn()
	}
	return c.key
}

// acquire takes the lease. The zero Lease without an error says that the locker
// cannot be used and that nothing known here speaks against a load.
func (c *call) acquire(ctx context.Context) (ports.Lease, error) {
	if kept := c.lease; kept != (ports.Lease{}) {
		c.lease = ports.Lease{}
		return kept, nil
	}
	lease, err := c.s.locker.Acquire(ctx, c.leaseKey())
	switch {
	case err == nil || errors.Is(err, domain.ErrLeaseHeld) || domain.IsLoadFailure(err) || ctx.Err() != nil:
		return lease, err
	case c.refresh:
		return ports.Lease{}, err
	}
	c.s.l2Failed(ctx, "acquire", err)
	_, failure := c.s.failed.of(c.leaseKey())
	return ports.Lease{}, failure
}

// awaitLease waits for the holder of the lease, and reports again if that is no answer.
func (c *call) awaitLease(ctx context.Context, asked time.Time) (answer domain.Answer, again bool, err error) {
	s := c.s
	first := c.waitBegan.IsZero()
	if first {
		s.rec.Event(ports.LeaseWaited)
		c.waitBegan = asked
	}
	since := s.l1.Epoch(c.key)
	ending, err := s.locker.Await(ctx, c.leaseKey())
	switch {
	case err != nil: // Acquire tells what to do about it
		s.l2Failed(ctx, "await", err)
		return domain.Answer{}, ctx.Err() == nil, err
	case ending.Entry != nil && c.isLateEnough(copyOf(ending.Entry)) && !s.purges.isPurged(ending.Entry) && !hasNewer(s.l1, c.key, ending.Entry):
		s.l1.Delete(c.key) // which may be older
		return domain.Answer{Copy: copyOf(ending.Entry), Outcome: domain.Coalesced}, false, nil
	case ending.Unshared && !c.refresh:
		answer, err = c.loadBeside(ctx)
		return answer, false, err
	case ending.Failure != nil && !errors.Is(ending.Failure, domain.ErrTooSoon):
		return domain.Answer{}, false, ending.Failure
	}
	found := s.purges.judge(ending.Stored)
	if !s.promote(c.key, found, since) { // else L2 may have something newer by now
		found, _ = c.look(ctx)
	}
	switch {
	case c.refresh: // what was found, if anything, has been promoted
		return domain.Answer{}, false, errElsewhere
	case c.serves(found):
		return domain.Answer{Copy: found, Outcome: domain.Coalesced}, false, nil
	case first:
		c.waitEnded = time.Now()
	}
	return domain.Answer{}, true, nil
}

// loadLeased loads the key under the lease and with the slot, which it ends both, if
// the key is not there by now. It reports again when it turns out that what it loaded
// may be older than a write that was not known of here.
func (c *call) loadLeased(ctx context.Context, lease ports.Lease) (answer domain.Answer, again bool, err error) {
	s := c.s
	c.leased.Store(true)
	s.rec.Event(ports.LeaseWon)
	since := s.l1.Epoch(c.key)
	found, unseen := c.look(ctx)
	if c.isThere(found, unseen) {
		c.access.free()
		s.release(ctx, c.leaseKey(), lease, ports.Ending{})
		outcome := domain.L2Hit
		if !c.waitBegan.IsZero() {
			outcome = domain.Coalesced
		}
		return domain.Answer{Copy: found, Outcome: outcome}, false, unseen
	}
	c.passOver(found)
	if c.refresh {
		s.rec.Event(ports.RefreshBegan)
	}
	stopRenewing := s.renewing(ctx, c.leaseKey(), lease)
	answer, err = c.callSource(ctx)
	stopRenewing()
	switch {
	case err != nil:
		s.release(ctx, c.leaseKey(), lease, s.failed.ending(c.leaseKey(), err, s.opts.FailureCooldown))
		return domain.Answer{}, false, err
	case c.want == unstored:
		c.endTurn(ctx, lease, answer.Entry)
		return answer, false, nil
	}
	return c.store(ctx, answer, lease, since)
}

// isThere reports whether nothing is to be loaded: another call did that.
func (c *call) isThere(found domain.Copy, unseen error) bool {
	if c.refresh {
		return unseen != nil || found.Fresh() && !found.RefreshDue(c.s.opts.RefreshAhead, c.draw)
	}
	return c.serves(found)
}
