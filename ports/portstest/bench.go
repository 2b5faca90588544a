package portstest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

const (
	// rest is how long nothing must happen where nothing may. A machine that is
	// slower would make the test pass, never fail.
	rest = 200 * time.Millisecond

	// promptly bounds a call that has nothing to wait for, or was woken. Only a
	// hang meets it, and leases live longer.
	promptly = time.Minute

	// slack is by how much two clocks may differ that count the same seconds, one
	// of them in whole milliseconds.
	slack = 100 * time.Millisecond

	// long is a TTL that no test outlasts.
	long = 24 * time.Hour

	// cooldown does not end by itself.
	cooldown = 10 * time.Minute
)

// bench is a harness with the steps that the checks are made of. The steps fail
// the test, so they run on its own goroutine only.
type bench struct {
	*testing.T
	Limits
	Harness
}

func (b *bench) key(s string) domain.Key {
	b.Helper()
	k, err := domain.ParseKey(s)
	require.NoError(b, err)
	return k
}

// soon returns a context for a call that must not wait.
func (b *bench) soon() context.Context {
	ctx, cancel := context.WithTimeout(b.Context(), promptly)
	b.Cleanup(cancel)
	return ctx
}

// win acquires the lease of k, which must be free.
func (b *bench) win(in Instance, k domain.Key) ports.Lease {
	b.Helper()
	lease, err := in.Locker.Acquire(b.soon(), k)
	require.NoError(b, err, "the lease of %q should be free", k)
	require.NotEmpty(b, lease.Token)
	require.Equal(b, b.LockTTL, lease.TTL)
	return lease
}

// fill loads and stores e for k, as an instance does.
func (b *bench) fill(in Instance, k domain.Key, e *domain.Entry) {
	b.Helper()
	require.NoError(b, in.L2.Fill(b.soon(), k, e, b.win(in, k)))
}

// write puts e for k, or deletes k if e is nil.
func (b *bench) write(in Instance, k domain.Key, e *domain.Entry) {
	b.Helper()
	if e == nil {
		require.NoError(b, in.L2.Invalidate(b.soon(), k, domain.Invalidation{}))
	} else {
		require.NoError(b, in.L2.Put(b.soon(), k, e))
	}
}

// fail loads k in vain, as an instance does.
func (b *bench) fail(in Instance, k domain.Key, failure error) {
	b.Helper()
	require.NoError(b, in.Locker.Release(b.soon(), k, b.win(in, k), ports.Ending{Failure: failure, Cooldown: cooldown}))
}

// read gets k, and requires that GetMany says the same of it, or that it is large.
func (b *bench) read(in Instance, k domain.Key) (domain.Copy, bool, error) {
	b.Helper()
	asked := time.Now()
	c, ok, err := in.L2.Get(b.soon(), k)
	took := time.Since(asked) // may have been taken off the life
	found := in.L2.GetMany(b.soon(), []domain.Key{k, b.key("nothing is ever stored here"), k})
	passed := 2 * time.Since(asked) // it has passed, and may have been taken off once more
	require.Len(b, found, 3)
	require.Equal(b, ports.Found{}, found[1])
	for _, f := range []ports.Found{found[0], found[2]} {
		if c.Entry != nil && c.Entry.Size() > ports.LargeBytes {
			require.Equal(b, ports.Found{Large: true}, f)
			continue
		}
		require.Equal(b, ok, f.OK)
		require.Equal(b, err == nil, f.Err == nil)
		require.Equal(b, errors.Is(err, domain.ErrUndecodable), errors.Is(f.Err, domain.ErrUndecodable))
		require.Equal(b, c.Entry, f.Copy.Entry)
		require.GreaterOrEqual(b, f.Copy.Remaining, c.Remaining-passed-slack)
		require.LessOrEqual(b, f.Copy.Remaining, c.Remaining+took+time.Millisecond, "a life does not grow")
	}
	return c, ok, err
}

// holds requires that every instance gets e for k, and returns the shorter of
// the lives left.
func (b *bench) holds(k domain.Key, e *domain.Entry) time.Duration {
	b.Helper()
	left := e.TTL()
	for _, in := range []Instance{b.A, b.B} {
		c, ok, err := b.read(in, k)
		require.NoError(b, err)
		require.True(b, ok, "%q should be stored", k)
		require.Equal(b, e, c.Entry)
		require.Positive(b, c.Remaining)
		require.LessOrEqual(b, c.Remaining, e.TTL())
		left = min(left, c.Remaining)
	}
	return left
}

// keeps requires that every instance gets e for k as stale, since about then.
func (b *bench) keeps(k domain.Key, e *domain.Entry, since time.Duration) {
	b.Helper()
	for _, in := range []Instance{b.A, b.B} {
		c, ok, err := b.read(in, k)
		require.NoError(b, err)
		require.True(b, ok, "%q should be kept", k)
		require.Equal(b, e, c.Entry)
		require.LessOrEqual(b, c.Remaining, -since)
		require.Greater(b, c.Remaining, -since-promptly)
	}
}

// lacks requires that no instance gets anything for k, without an error.
func (b *bench) lacks(k domain.Key) {
	b.Helper()
	for _, in := range []Instance{b.A, b.B} {
		c, ok, err := b.read(in, k)
		require.NoError(b, err)
		require.False(b, ok, "%q should not be stored", k)
		require.Zero(b, c)
	}
}

// refused requires that every instance is given this failure instead of a lease.
func (b *bench) refused(k domain.Key, failure error) {
	b.Helper()
	for _, in := range []Instance{b.A, b.B} {
		lease, err := in.Locker.Acquire(b.soon(), k)
		require.ErrorIs(b, err, failure)
		require.Empty(b, lease)
	}
}

// held requires that every instance learns that the lease is another's.
func (b *bench) held(k domain.Key) { b.Helper(); b.refused(k, domain.ErrLeaseHeld) }

func value(body string) *domain.Entry {
	return domain.NewEntry(domain.Value{Body: body, ContentType: "text/plain"}, long, time.Second)
}
