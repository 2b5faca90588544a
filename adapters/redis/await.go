package redis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Await waits to be woken, and asks now and then whether the lease is still held.
func (l *Locker) Await(ctx context.Context, key domain.Key) (ports.Ending, error) {
	// Before asking, so that no wake-up can come in between.
	woken, forget := l.bus.wakes.await(key)
	defer forget()
	return woken.ends(ctx, func(ctx context.Context, again bool) (held string, left time.Duration, err error) {
		return l.leaveWord(ctx, key, again)
	})
}

// ends waits for the end of the lease that leaveWord tells of. When leaveWord, called
// again, finds the lease free, a wake-up is on its way: that of the end, or one sent then.
func (w *wake) ends(ctx context.Context, leaveWord func(ctx context.Context, again bool) (held string, left time.Duration, err error)) (ports.Ending, error) {
	lease, stood := "", time.Time{}
	for ctx.Err() == nil {
		asked := time.Now()
		held, left, err := leaveWord(context.WithoutCancel(ctx), lease != "")
		switch {
		case ctx.Err() != nil:
			continue
		case err != nil:
			return ports.Ending{}, err
		case held == "":
			w.within(ctx, left)
			return w.endingOf(lease, stood), nil
		}
		if lease == "" {
			w.left.Add(1)
		}
		lease, stood = held, asked
		if w.within(ctx, pollAfter(left)) {
			return w.endingOf(lease, stood), nil
		}
	}
	return ports.Ending{}, ctx.Err()
}

// leaveWord has this instance woken at the end of the lease of key, and returns that
// lease and for how long it stands. When nobody holds it, a call after the first has this
// instance woken at once, and returns how long that may take.
func (l *Locker) leaveWord(ctx context.Context, key domain.Key, again bool) (held string, left time.Duration, err error) {
	n, freed := namesOf(l.client.prefix, key), ""
	if again {
		freed = key.String()
	}
	cmd, err := l.client.run(ctx, awaitScript, leases, []string{n.lock, n.waiters},
		l.opts.TTL.Milliseconds(), l.client.own(), waitersTTL.Milliseconds(), freed)
	if err != nil {
		return "", 0, fmt.Errorf("redis await: %w", err)
	}
	reply, _ := cmd.Slice()
	switch {
	case len(reply) == 3 && reply[0] == "held":
		held, _ = reply[1].(string)
		ms, _ := reply[2].(int64)
		return held, time.Duration(ms) * time.Millisecond, nil
	case len(reply) == 1 && reply[0] == "free":
		// All are woken when a subscription begins and when it ends, so only a message that
		// the server itself loses is waited for in vain.
		if again && l.bus.Subscribed() {
			left = max(pollEvery, l.client.timeout)
		}
		return "", left, nil
	case isLate(reply):
		return "", 0, fmt.Errorf("redis await: %w", errNotSent)
	}
	return "", 0, fmt.Errorf("redis await: unexpected reply %v", reply)
}

// pollAfter returns when to ask again about a lease that stands for left.
func pollAfter(left time.Duration) time.Duration {
	poll := pollEvery + rand.N(pollEvery/2)
	return min(poll, left+rand.N(staggered)) + time.Millisecond
}
