package app

import (
	"context"
	"errors"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// store fills L2 with what was loaded and then L1, and ends the lease. An entry
// whose lease was lost is stored nowhere: it may be older than what ended the lease.
// If that was a write whose invalidation was received here, nobody has joined the
// call since, and those that had are answered with what was loaded. Otherwise the
// call goes on once more. So it does when the source returned an older version than is
// known of; the second time the older one is the answer, which no layer stores.
func (c *call) store(ctx context.Context, answer domain.Answer, lease ports.Lease, since ports.Epoch) (_ domain.Answer, again bool, _ error) {
	s, began := c.s, time.Now()
	err := s.l2.Fill(context.WithoutCancel(ctx), c.key, answer.Entry, lease)
	answer.Copy = answer.After(time.Since(began)) // its TTL in L2 may have begun at once
	switch {
	case errors.Is(err, domain.ErrLeaseLost):
		s.rec.Event(ports.LeaseLost)
		again = !c.lost && !c.voided.Load() && !c.refresh
		c.lost = true
		if !again { // what is held may be older than the answer
			s.l1.Delete(c.key)
		}
		return answer, again, nil
	case errors.Is(err, domain.ErrOutdated) && !c.outdated:
		c.outdated, c.lease = true, lease
		return answer, true, nil
	case errors.Is(err, domain.ErrOutdated):
		s.release(ctx, c.key, lease, ports.Ending{Entry: answer.Entry})
		return answer, false, nil
	case err != nil:
		s.l2Failed(ctx, "fill", err)
		s.release(ctx, c.key, lease, ports.Ending{})
	}
	near := c.keep(answer.Copy, since)
	answer.Stored = near || err == nil && answer.Fresh()
	return answer, false, nil
}

// keep puts what was loaded into L1, or drops what that has when no layer is to keep
// the key, and reports whether L1 has what was loaded. What has no TTL but can be
// confirmed by the source is kept as expired.
func (c *call) keep(loaded domain.Copy, since ports.Epoch) bool {
	switch {
	case hasNewer(c.s.l1, c.key, loaded.Entry):
		return false
	case loaded.Entry.TTL() > 0:
		return c.s.promote(c.key, loaded, since)
	case loaded.Entry.Validator() != (domain.Validator{}):
		c.s.l1.Set(c.key, loaded, since)
	default:
		c.s.l1.Delete(c.key)
	}
	return false
}

// loadUnleased is for when the locker cannot be used: the call still makes it one
// load for this process. Nothing is written to L2, since nothing would keep it from
// undoing a newer write there.
func (c *call) loadUnleased(ctx context.Context) (domain.Answer, error) {
	c.s.rec.Event(ports.LoadedUnleased)
	since := c.s.l1.Epoch(c.key)
	answer, err := c.loadAlone(ctx)
	switch {
	case err != nil:
		return domain.Answer{}, err
	case c.want == unstored:
		c.s.failed.note(c.leaseKey(), domain.ErrTooSoon, c.untilNext())
	case answer.Entry.TTL() == 0:
		_ = c.s.Delete(ctx, c.key) // counts its failures itself
	default:
		answer.Stored = c.keep(answer.Copy, since)
	}
	return answer, nil
}

// loadBeside loads what another instance loaded and could not share.
func (c *call) loadBeside(ctx context.Context) (domain.Answer, error) {
	if err := c.enter(ctx); err != nil {
		return domain.Answer{}, err
	}
	return c.loadAlone(ctx)
}

// loadAlone calls the source without a lease, unless that has just failed here.
func (c *call) loadAlone(ctx context.Context) (domain.Answer, error) {
	s := c.s
	if _, failure := s.failed.of(c.leaseKey()); failure != nil && !errors.Is(failure, domain.ErrTooSoon) {
		c.access.free()
		return domain.Answer{}, failure
	}
	answer, err := c.callSource(ctx)
	if err == nil {
		return answer, nil
	}
	if errors.Is(err, domain.ErrWithdrawn) {
		_ = s.Delete(ctx, c.key) // counts its failures itself, and forgets that of the load
	}
	s.failed.ending(c.leaseKey(), err, s.opts.FailureCooldown)
	return domain.Answer{}, err
}
