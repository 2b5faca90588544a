package portstest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func leaseContracts() []contract {
	return []contract{
		{says: "the state of a key tells who has its lease and for how long, and changes nothing", check: stateOfLease},
		{says: "the state of a key tells its failure while that cools down", check: stateOfFailure},
		{says: "exactly one of many acquires wins, and none waits", check: oneWins},
		{says: "a lease may be ended by another instance that has its token", check: tokenTravels},
		{says: "a renewed lease has its full life again", check: renewExtends},
		{says: "a lease that ran out is free for all", check: expiredIsFree},
		{says: "a release works although its context is done", check: releaseWhenDone},
		{says: "an acquire with a context that is done returns its error and takes nothing", check: acquireWhenDone},
	}
}

// state returns what the instance says of k.
func (b *bench) state(in Instance, k domain.Key) domain.LeaseState {
	b.Helper()
	state := in.Locker.State(b.soon(), k)
	require.NoError(b, state.Err)
	return state
}

func stateOfLease(b *bench) {
	k := b.key("k")
	require.Equal(b, domain.LeaseState{}, b.state(b.A, k))
	lease := b.win(b.A, k)
	for range 2 {
		here, there := b.state(b.A, k), b.state(b.B, k)
		require.True(b, here.Held && there.Held)
		require.True(b, here.Here)
		require.NotEmpty(b, here.Holder)
		require.Equal(b, here.Holder, there.Holder)
		require.Positive(b, here.Remaining)
		require.LessOrEqual(b, here.Remaining, b.LockTTL)
		require.NoError(b, here.Failure)
	}
	require.NoError(b, b.A.L2.Fill(b.soon(), k, value("v"), lease))
	require.Equal(b, domain.LeaseState{}, b.state(b.B, k))
}

func stateOfFailure(b *bench) {
	k := b.key("k")
	for _, failure := range []error{domain.ErrSourceFailed, domain.ErrTimeout} {
		b.fail(b.A, k, failure)
		state := b.state(b.B, k)
		require.False(b, state.Held)
		require.ErrorIs(b, state.Failure, failure)
		require.Positive(b, state.FailureRemaining)
		require.LessOrEqual(b, state.FailureRemaining, cooldown)
		b.Advance(cooldown)
		require.Equal(b, domain.LeaseState{}, b.state(b.A, k))
	}
}

func oneWins(b *bench) {
	k := b.key("k")
	instances := []Instance{b.A, b.B}
	errs := make(chan error, 40)
	for i := range cap(errs) {
		go func() {
			_, err := instances[i%2].Locker.Acquire(b.Context(), k)
			errs <- err
		}()
	}
	won := 0
	for range cap(errs) {
		select {
		case err := <-errs:
			if err == nil {
				won++
			} else {
				require.ErrorIs(b, err, domain.ErrLeaseHeld)
			}
		case <-time.After(promptly):
			require.FailNow(b, "an Acquire waits")
		}
	}
	require.Equal(b, 1, won)
	b.held(k)
}

func tokenTravels(b *bench) {
	k := b.key("k")
	lease := b.win(b.A, k)
	require.NoError(b, b.B.Locker.Renew(b.soon(), k, lease))
	require.NoError(b, b.B.L2.Fill(b.soon(), k, value("v"), lease))
	b.holds(k, value("v"))
	lease = b.win(b.A, k)
	require.NoError(b, b.B.Locker.Release(b.soon(), k, lease, ports.Ending{}))
	b.win(b.A, k)
}

func renewExtends(b *bench) {
	k := b.key("k")
	lease := b.win(b.A, k)
	for range 3 {
		b.Advance(b.LockTTL / 2)
		require.NoError(b, b.A.Locker.Renew(b.soon(), k, lease))
	}
	b.Advance(b.LockTTL * 3 / 4)
	require.NoError(b, b.A.L2.Fill(b.soon(), k, value("v"), lease))
	b.holds(k, value("v"))

	lease = b.win(b.A, k)
	require.NoError(b, b.A.Locker.Renew(b.soon(), k, lease))
	b.Advance(b.LockTTL) // renewing must not make it longer than its full TTL
	b.ended(b.A, k, lease)
}

func expiredIsFree(b *bench) {
	k := b.key("k")
	for _, in := range []Instance{b.B, b.A} {
		lease := b.win(b.A, k)
		b.Advance(b.LockTTL)
		next := b.win(in, k)
		require.NotEqual(b, lease, next)
		b.ended(b.A, k, lease)
		require.NoError(b, in.Locker.Release(b.soon(), k, next, ports.Ending{}))
	}
}

func releaseWhenDone(b *bench) {
	k := b.key("k")
	done, cancel := context.WithDeadline(b.Context(), time.Now().Add(-time.Second))
	defer cancel()
	require.NoError(b, b.A.Locker.Release(done, k, b.win(b.A, k), ports.Ending{}))
	lease := b.win(b.B, k)
	require.NoError(b, b.B.Locker.Release(done, k, lease, failed()))
	b.refused(k, domain.ErrSourceFailed)
}

func acquireWhenDone(b *bench) {
	k := b.key("k")
	done, cancel := context.WithCancel(b.Context())
	cancel()
	for _, in := range []Instance{b.A, b.B} {
		lease, err := in.Locker.Acquire(done, k)
		require.ErrorIs(b, err, context.Canceled)
		require.Empty(b, lease)
	}
	b.win(b.A, k)
	_, err := b.B.Locker.Acquire(done, k)
	require.ErrorIs(b, err, context.Canceled)
}
