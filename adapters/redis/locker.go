package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.Locker = (*Locker)(nil)

const (
	// pollEvery is how often, at least, a waiter asks by itself; half as much
	// again is added at random, so that waiters do not ask in step.
	pollEvery = time.Second
	// staggered is up to how long after a lease ran out a waiter asks for it.
	staggered = 20 * time.Millisecond
	// waitersTTL is how long a waiter's channel is remembered; each poll
	// renews it.
	waitersTTL = 10 * time.Second
	// filledWithin is how long after a lease has expired it may still fill.
	filledWithin = time.Minute
)

// LockerOptions are the times of a Locker.
type LockerOptions struct {
	TTL time.Duration // of a lease that is not renewed, at least 1 ms
}

// Locker grants leases on the server. It is safe for concurrent use.
type Locker struct {
	client *Client
	opts   LockerOptions
	bus    *Bus
}

// NewLocker returns a Locker that is woken through b.
func NewLocker(b *Bus, o LockerOptions) (*Locker, error) {
	if o.TTL < time.Millisecond {
		return nil, fmt.Errorf("redis: lock TTL %v is below 1ms", o.TTL)
	}
	return &Locker{client: b.client, opts: o, bus: b}, nil
}

// Acquire asks once for the lease of key.
func (l *Locker) Acquire(ctx context.Context, key domain.Key) (ports.Lease, error) {
	if err := ctx.Err(); err != nil {
		return ports.Lease{}, err
	}
	token := l.client.id + holderEnds + rand.Text()
	// The question is not taken back when ctx ends: the lease may be ours by then.
	lease, err := l.ask(context.WithoutCancel(ctx), key, token)
	if errors.Is(err, errNoReply) || err == nil && ctx.Err() != nil {
		l.giveBack(key, token)
	}
	if ctx.Err() != nil {
		return ports.Lease{}, ctx.Err()
	}
	return lease, err
}

// ask tries once to take the lease.
func (l *Locker) ask(ctx context.Context, key domain.Key, token string) (ports.Lease, error) {
	n := namesOf(l.client.prefix, key)
	cmd, err := l.client.run(ctx, acquireScript, leases, []string{n.lock, n.failure, n.grant},
		token, l.opts.TTL.Milliseconds(), l.grantTTL().Milliseconds())
	if err != nil {
		return ports.Lease{}, fmt.Errorf("redis acquire: %w", err)
	}
	reply, _ := cmd.Slice()
	switch {
	case len(reply) == 2 && reply[0] == "won":
		won, _ := reply[1].(string)
		return ports.Lease{Token: won, TTL: l.opts.TTL}, nil
	case len(reply) == 2 && reply[0] == "failed":
		return ports.Lease{}, recalled(reply[1])
	case len(reply) == 1 && reply[0] == "held":
		return ports.Lease{}, domain.ErrLeaseHeld
	case isLate(reply):
		return ports.Lease{}, fmt.Errorf("redis acquire: %w", errNotSent)
	}
	return ports.Lease{}, fmt.Errorf("redis acquire: unexpected reply %v", reply)
}

// giveBack releases in the background a token that may still have the lease: nobody has
// to wait for a lease that nobody holds. It tries until the server has answered, or the
// lease has expired.
func (l *Locker) giveBack(key domain.Key, token string) {
	if l.client.ctx.Err() != nil { // it waits for what goes on already
		return
	}
	l.client.running.Go(func() {
		ctx, cancel := context.WithTimeout(l.client.ctx, l.opts.TTL)
		defer cancel()
		for wait := (backoff{}); ctx.Err() == nil; wait.pause(ctx) {
			err := l.release(ctx, key, ports.Lease{Token: token}, ports.Ending{})
			if err == nil || errors.Is(err, domain.ErrLeaseLost) {
				return
			}
		}
	})
}

// wonAt returns when a lease was won, by the server's clock in Unix milliseconds.
func wonAt(lease ports.Lease) int64 {
	_, at, _ := strings.Cut(lease.Token, "@")
	ms, _ := strconv.ParseInt(at, 10, 64)
	return ms
}

func (l *Locker) grantTTL() time.Duration { return l.opts.TTL + filledWithin }

// Renew gives the lease its full TTL again.
func (l *Locker) Renew(ctx context.Context, key domain.Key, lease ports.Lease) error {
	n := namesOf(l.client.prefix, key)
	cmd, err := l.client.run(ctx, renewScript, leases, []string{n.lock, n.grant}, lease.Token, l.opts.TTL.Milliseconds(), l.grantTTL().Milliseconds())
	if err == nil {
		err = inTime(cmd)
	}
	if err != nil {
		return fmt.Errorf("redis renew: %w", err)
	}
	if stands, _ := cmd.Int(); stands == 0 {
		return domain.ErrLeaseLost
	}
	return nil
}

// Awaited reports whether any instance has left its channel to be woken.
func (l *Locker) Awaited(ctx context.Context, key domain.Key) (bool, error) {
	n := namesOf(l.client.prefix, key)
	cmd := redis.NewStringSliceCmd(ctx, "smembers", n.waiters)
	err := l.client.do(ctx, n.waiters, leases, cmd)
	if err == nil {
		err = cmd.Err()
	}
	if err != nil {
		return false, fmt.Errorf("redis awaited: %w", err)
	}
	channels := cmd.Val()
	return len(channels) > 0, nil
}

// holderEnds ends the part of a lease that names its holder.
const holderEnds = "/"

// State reads the lease and the failure at once.
func (l *Locker) State(ctx context.Context, key domain.Key) (state domain.LeaseState) {
	n := namesOf(l.client.prefix, key)
	lock, lockLeft := redis.NewStringCmd(ctx, "get", n.lock), redis.NewDurationCmd(ctx, time.Millisecond, "pttl", n.lock)
	failure, failureLeft := redis.NewStringCmd(ctx, "get", n.failure), redis.NewDurationCmd(ctx, time.Millisecond, "pttl", n.failure)
	floor := redis.NewStringCmd(ctx, "get", n.floor)
	err := l.client.do(ctx, n.lock, leases, lock, lockLeft, failure, failureLeft, floor)
	if err != nil {
		return domain.LeaseState{Err: fmt.Errorf("redis lease state: %w", err)}
	}
	for _, cmd := range []redis.Cmder{lock, failure, floor} {
		if err == nil && cmd.Err() != nil && !errors.Is(cmd.Err(), redis.Nil) {
			err = cmd.Err()
		}
	}
	if err != nil {
		return domain.LeaseState{Err: fmt.Errorf("redis lease state: %w", err)}
	}
	state.Floor, _ = strconv.ParseUint(floor.Val(), 10, 64)
	if lock.Err() == nil {
		state.Held, state.Remaining = true, max(0, lockLeft.Val())
		state.Holder, _, _ = strings.Cut(lock.Val(), holderEnds)
		state.Here = state.Holder == l.client.id
	}
	if failure.Err() == nil {
		state.Failure, state.FailureRemaining = recalled(failure.Val()), max(0, failureLeft.Val())
	}
	return state
}

// Release ends the lease and leaves the failure, if there is one, for the cool-down. If
// that fails the lease is given back later, without the ending.
func (l *Locker) Release(ctx context.Context, key domain.Key, lease ports.Lease, e ports.Ending) error {
	err := l.release(ctx, key, lease, e)
	if err != nil && !errors.Is(err, domain.ErrLeaseLost) {
		l.giveBack(key, lease.Token)
	}
	return err
}

func (l *Locker) release(ctx context.Context, key domain.Key, lease ports.Lease, e ports.Ending) error {
	n := namesOf(l.client.prefix, key)
	left := parting{name: n.failure, ending: e, removes: errors.Is(e.Failure, domain.ErrWithdrawn)}
	if e.Failure != nil {
		left.text, left.ttl = domain.FailureKind(e.Failure), e.Cooldown
	}
	return l.client.endLease(context.WithoutCancel(ctx), n, key, lease, left)
}

// recalled turns what is stored of a failure back into an error. The text of an
// error stays where it happened.
func recalled(kind any) error {
	name, _ := kind.(string)
	return fmt.Errorf("cooling down after a load that failed: %w", domain.RecallFailure(name))
}
