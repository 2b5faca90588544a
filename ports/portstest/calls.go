package portstest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// awaited is how an Await ended.
type awaited struct {
	ending ports.Ending
	err    error
}

// calls are Awaits of one key under way on both instances.
type calls struct {
	*bench
	key    domain.Key
	ended  chan awaited
	open   int // how many have not been seen to end
	cancel context.CancelFunc
}

// await starts n Awaits of k, whose lease is held, on each of the instances, and
// returns when all of them wait. Those that are still under way when the test ends are
// cancelled and waited for.
func (b *bench) await(k domain.Key, n int, instances ...Instance) *calls {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	c := &calls{bench: b, key: k, ended: make(chan awaited, n*len(instances)), open: n * len(instances), cancel: cancel}
	for _, in := range instances {
		for range n {
			go func() {
				ending, err := in.Locker.Await(ctx, k)
				c.ended <- awaited{ending, err}
			}()
		}
	}
	b.Cleanup(c.drain)
	c.begin()
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
		require.Less(c, time.Since(began), promptly, "Awaits do not wait")
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
		require.Fail(c, "an Await did not wait", "%+v", got)
	case <-time.After(d):
	}
}

// next returns how the next call ended, which must be within d.
func (c *calls) next(d time.Duration) awaited {
	c.Helper()
	select {
	case got := <-c.ended:
		c.open--
		return got
	case <-time.After(d):
		require.Fail(c, "an Await still waits", "%d are under way", c.open)
		return awaited{}
	}
}

// end requires that all calls end promptly with this ending, or besides with what L2
// stores now. In real time, a waiter
// polls now and then, and may so miss the ending in the moment in which the lease
// ends. That is no fault, but most have to be told.
func (c *calls) end(want ports.Ending) {
	c.Helper()
	missed := 0
	if c.Waiting != nil {
		missed = c.open / 2
	}
	for c.open > 0 {
		got := c.next(promptly)
		require.NoError(c, got.err)
		if got.ending == (ports.Ending{}) && missed > 0 {
			missed--
			continue
		}
		if e := got.ending.Stored.Entry; e != nil {
			c.holds(c.key, e)
			require.LessOrEqual(c, got.ending.Stored.Remaining, e.TTL())
			want.Stored = got.ending.Stored
		}
		require.Equal(c, want, got.ending)
		want.Stored = domain.Copy{}
	}
}

// leave requires that all calls end promptly with err.
func (c *calls) leave(err error) {
	c.Helper()
	for c.open > 0 {
		got := c.next(promptly)
		require.ErrorIs(c, got.err, err)
		require.Zero(c, got.ending)
	}
}
