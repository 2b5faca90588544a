package portstest

import (
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func failureContracts() []contract {
	return []contract{
		{says: "a failure is everybody's until the cool-down is over", check: failureIsShared},
		{says: "a failure by timeout stays a timeout", check: timeoutStays},
		{says: "a failing release wakes all who wait", check: failureWakes},
		{says: "a failure cools down its own key only", check: failureOwnKeyOnly},
		{says: "a failure does not remove what is stored", check: failureKeepsValue},
		{says: "neither a release without failure nor a fill leaves a cool-down", check: successIsFree},
		{says: "a refused release leaves no cool-down", check: refusedReleaseHarmless},
	}
}

func failureIsShared(b *bench) {
	k := b.key("k")
	for _, failure := range []error{domain.ErrSourceFailed, errors.New("boom"), fmt.Errorf("wrapped: %w", domain.ErrSourceFailed)} {
		b.fail(b.A, k, failure)
		b.refused(k, domain.ErrSourceFailed)
		b.Advance(b.Cooldown / 2)
		b.refused(k, domain.ErrSourceFailed)
		b.Advance(b.Cooldown - b.Cooldown/2)
		require.NoError(b, b.B.Locker.Release(b.soon(), k, b.win(b.B, k), nil))
	}
}

func timeoutStays(b *bench) {
	k := b.key("k")
	b.fail(b.A, k, fmt.Errorf("source: %w after %v", domain.ErrTimeout, time.Second))
	b.refused(k, domain.ErrTimeout)
	_, err := b.B.Locker.Acquire(b.soon(), k)
	require.NotErrorIs(b, err, domain.ErrSourceFailed)
	b.Advance(b.Cooldown)
	b.fail(b.B, k, domain.ErrSourceFailed)
	_, err = b.A.Locker.Acquire(b.soon(), k)
	require.ErrorIs(b, err, domain.ErrSourceFailed)
	require.NotErrorIs(b, err, domain.ErrTimeout)
}

// failureWakes lets a woken Acquire say either that the lease ended, whereupon
// its caller looks again and finds the failure, or the failure itself.
func failureWakes(b *bench) {
	k := b.key("k")
	for _, failure := range []error{domain.ErrSourceFailed, domain.ErrTimeout} {
		lease := b.win(b.A, k)
		waiting := b.acquire(k, 10, b.A, b.B)
		require.NoError(b, b.A.Locker.Release(b.soon(), k, lease, failure))
		waiting.end(domain.ErrLeaseEnded, failure)
		b.refused(k, failure)
		b.Advance(b.Cooldown)
	}
}

func failureOwnKeyOnly(b *bench) {
	b.fail(b.A, b.key("k"), domain.ErrSourceFailed)
	b.win(b.A, b.key("k2"))
	b.win(b.B, b.key("k3"))
	b.refused(b.key("k"), domain.ErrSourceFailed)
}

func failureKeepsValue(b *bench) {
	k := b.key("k")
	b.fill(b.A, k, value("v"))
	b.fail(b.B, k, domain.ErrSourceFailed)
	b.holds(k, value("v"))
}

func successIsFree(b *bench) {
	k := b.key("k")
	for _, in := range []Instance{b.A, b.B} {
		require.NoError(b, in.Locker.Release(b.soon(), k, b.win(in, k), nil))
		b.fill(in, k, value("v"))
	}
	b.fail(b.A, k, domain.ErrSourceFailed)
	b.Advance(b.Cooldown)
	b.fill(b.A, k, value("v"))
	b.win(b.B, k)
}

func refusedReleaseHarmless(b *bench) {
	k := b.key("k")
	forge := func() {
		b.Helper()
		require.ErrorIs(b, b.B.Locker.Release(b.soon(), k, "forged", domain.ErrSourceFailed), domain.ErrLeaseLost)
	}
	forge()
	lease := b.win(b.A, k)
	waiting := b.acquire(k, 1, b.A, b.B)
	forge()
	waiting.wait(rest)
	require.NoError(b, b.A.Locker.Release(b.soon(), k, lease, nil))
	waiting.end(domain.ErrLeaseEnded)

	expired := b.win(b.A, k)
	b.Advance(b.LockTTL)
	require.ErrorIs(b, b.A.Locker.Release(b.soon(), k, expired, domain.ErrSourceFailed), domain.ErrLeaseLost)
	b.win(b.B, k)
}
