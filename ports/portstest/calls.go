package portstest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// acquired is how an Acquire ended.
type acquired struct {
	lease ports.Lease
	err   error
}

// calls are Acquires of one key under way on both instances.
type calls struct {
	*bench
	key    domain.Key
	ended  chan acquired
	open   int // how many have not been seen to end
	cancel context.CancelFunc
}

// acquire starts n Acquires of k, whose lease is held, on each of the instances,
// and returns when all of them wait.
func (b *bench) acquire(k domain.Key, n int, instances ...Instance) *calls {
	b.Helper()
	c := b.start(k, n, instances...)
	c.begin()
	return c
}

// start starts n Acquires of k on each of the instances. Those that are still
// under way when the test ends are cancelled and waited for.
func (b *bench) start(k domain.Key, n int, instances ...Instance) *calls {
	ctx, cancel := context.WithCancel(b.Context())
	c := &calls{bench: b, key: k, ended: make(chan acquired, n*len(instances)), open: n * len(instances), cancel: cancel}
	for _, in := range instances {
		for range n {
			go func() {
				lease, err := in.Locker.Acquire(ctx, k)
				c.ended <- acquired{lease, err}
			}()
		}
	}
	b.Cleanup(c.drain)
	return c
}

// begin returns when all calls wait, and requires that none ends.
func (c *calls) begin() {
	c.Helper()
	if c.Waiting == nil {
		c.wait(rest)
		return
	}
	for began := time.Now(); c.Waiting(c.key) < c.open; {
		require.Less(c, time.Since(began), promptly, "Acquires do not wait")
		c.wait(time.Millisecond)
	}
}

func (c *calls) drain() {
	c.cancel()
	for ; c.open > 0; c.open-- {
		<-c.ended
	}
}

// wait requires that no call ends for d.
func (c *calls) wait(d time.Duration) {
	c.Helper()
	select {
	case got := <-c.ended:
		c.open--
		require.Fail(c, "an Acquire did not wait", "lease %q, error %v", got.lease, got.err)
	case <-time.After(d):
	}
}

// next returns how the next call ended, which must be within d.
func (c *calls) next(d time.Duration) acquired {
	c.Helper()
	select {
	case got := <-c.ended:
		c.open--
		return got
	case <-time.After(d):
		require.Fail(c, "an Acquire still waits", "%d are under way", c.open)
		return acquired{}
	}
}

// end requires that all calls end promptly, without a lease and with one of
// these errors. In real time, a waiter polls now and then, and may so win the
// lease in the moment in which it ends. That is no fault, and it is given back;
// but most have to be woken.
func (c *calls) end(errs ...error) {
	c.Helper()
	polled := 0
	if c.Waiting != nil || c.LockTTL == brief {
		polled = c.open / 2
	}
	for c.open > 0 {
		got := c.next(promptly)
		if got.err == nil && polled > 0 {
			polled--
			require.NoError(c, c.A.Locker.Release(c.soon(), c.key, got.lease, nil))
			continue
		}
		require.Empty(c, got.lease)
		require.Error(c, got.err)
		require.Condition(c, func() bool { return isAny(got.err, errs) }, "unexpected error: %v", got.err)
	}
}
