package app

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/app/flight"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ flight.Work[result] = (*call)(nil)

// call is the work of one call: it finds or loads one key for all requests of this
// process that want the same. See load.go for what it does.
type call struct {
	s    *Service
	key  domain.Key
	want want
	d    domain.Constraints // of the request that starts it
	came time.Time          // that request

	refresh bool          // for nobody, ahead of time
	draw    float64       // why now, see domain.Copy.RefreshDue
	held    *domain.Entry // what L1 had; may be nil
	access  access        // to the source; may be nil
	seen    *seen         // what a batch saw in L2 just before; may be nil
	arrived func()        // see gate.expect

	lookedAt time.Time   // when the last look in L2 began
	found    domain.Copy // what L2 had that did not do
	foundAt  time.Time   // when it had that
	refused  bool        // it was fresh
	expired  bool        // it was not
	// waitBegan and waitEnded are those of the first wait for another's lease.
	waitBegan, waitEnded time.Time
	lost                 bool // a lease, once
	// outdated says that the source returned an older version than is known of, and lease
	// is what the call kept then to load once more.
	outdated bool
	lease    ports.Lease

	leased    atomic.Bool               // other instances may wait for what it loads
	loadBegan atomic.Pointer[time.Time] // nil before that is known
	voided    atomic.Bool
}

// seen is that L2 had nothing when it was read.
type seen struct {
	at    time.Time
	epoch ports.Epoch // before it was read
	err   error       // why L2 said nothing
}

// result is what a call comes to.
type result struct {
	domain.Answer
	at        time.Time // when the call ended
	loadBegan time.Time // when the load began whose value this is, or earlier; zero: unknown
	looked    time.Time // when the copy was looked for in L2; zero: it was not
}

// newCall returns the call that a request starts if there is none to share.
func (s *Service) newCall(key domain.Key, d domain.Constraints) *call {
	c := &call{s: s, key: key, d: d, came: time.Now(), arrived: notExpected}
	switch {
	case d.NoStore:
		c.want = unstored
	case d.Strict():
		c.want = newLoad
	default:
		c.d = domain.Constraints{} // nothing that those who share it do not ask for
	}
	return c
}

func (c *call) result(a domain.Answer) result {
	a.Refused, a.Expired = c.refused, c.expired
	r := result{Answer: a, at: time.Now(), loadBegan: c.began()}
	if a.Outcome != domain.Loaded {
		r.looked = c.lookedAt
	}
	return r
}

// reaches reports whether the result is what a request with constraints d wants that
// came at the given time.
func (r result) reaches(d domain.Constraints, came time.Time) bool {
	return d.Meets(r.Copy) || !r.loadBegan.Before(came.Add(-d.Within))
}

// lookedBefore reports whether L2 was asked before the given time: what it has may
// have been replaced since.
func (r result) lookedBefore(t time.Time) bool { return !r.looked.IsZero() && r.looked.Before(t) }

// serves reports whether found, which another call stored, is what the call is for.
func (c *call) serves(found domain.Copy) bool { return found.Fresh() && c.isLateEnough(found) }

// isLateEnough reports whether found is what the request asks for, or its load began
// after the request came, or d.Within before, if that is wanted. There are two ways to tell. If the call waited
// for a lease and the copy is younger than the end of that wait, it was stored under a
// later lease, which was not held yet when the wait began: so its load began after
// that, however long the network took. Its age and load time are an estimate, short by
// the time that the value took to reach L2.
func (c *call) isLateEnough(found domain.Copy) bool {
	switch {
	case !c.d.Strict(), c.d.Meets(found):
		return true
	case !c.waitEnded.IsZero() && found.Age() < time.Since(c.waitEnded):
		c.begins(c.waitBegan)
		return true
	case c.d.Within == 0:
		return false
	}
	c.begins(time.Now().Add(-found.LoadAge()))
	return !c.began().Before(c.came.Add(-c.d.Within))
}

// begins notes that the load began at t, or later.
func (c *call) begins(t time.Time) { c.loadBegan.Store(&t) }

// began returns the time that was noted last, or the zero time.
func (c *call) began() time.Time {
	if t := c.loadBegan.Load(); t != nil {
		return *t
	}
	return time.Time{}
}

// awaitedEvery is how often a call that nobody waits for here asks whether other
// instances wait for its lease.
const awaitedEvery = time.Second

// Keep keeps a call whose load has just begun, so that clients that leave and come
// back cause no more loads, and one that other instances wait for.
func (c *call) Keep() time.Duration {
	if left := c.s.opts.ReloadInterval - time.Since(c.began()); left > 0 {
		return left
	}
	if c.leased.Load() && c.awaited() {
		return awaitedEvery
	}
	return 0
}

// awaited reports whether other instances wait for the lease. If that cannot be found
// out, they cannot be told of its end either.
func (c *call) awaited() bool {
	ctx := context.Background()
	awaited, err := c.s.locker.Awaited(ctx, c.leaseKey())
	if err != nil {
		c.s.l2Failed(ctx, "awaited", err)
	}
	return awaited
}

// notExpected is for calls that no batch starts.
func notExpected() {}

// Spare notes that another call for the key is in flight.
func (c *call) Spare() { c.arrived() }

// Void notes that an invalidation of the key was received.
func (c *call) Void() { c.voided.Store(true) }

// domainError returns what an error of a Group means to callers.
func domainError(err error) error {
	switch {
	case errors.Is(err, flight.ErrClosed):
		return domain.ErrClosed
	case errors.Is(err, flight.ErrLimit):
		return domain.ErrOverloaded
	case errors.Is(err, flight.ErrDetached):
		return domain.ErrStillLoading
	case errors.Is(err, flight.ErrNoResult):
		return errors.Join(domain.ErrSourceFailed, err)
	}
	return err
}
