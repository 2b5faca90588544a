package portstest

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// brief is a lease that tests wait for to run out, in real time where the
// server has a clock of its own.
const brief = 2 * time.Second

func waitContracts() []contract {
	return []contract{
		{says: "a fill wakes all who wait, on all instances", check: fillWakes},
		{says: "a release wakes all who wait, on all instances", check: releaseWakes},
		{says: "a release wakes those of its own key only", check: wakesOwnKeyOnly},
		{says: "whether somebody waits is known on all instances", check: waitersAreKnown},
		{says: "a wait ends with its context and leaves nothing behind", check: waitEndsWithContext},
		{says: "a lease that runs out is taken over by one of those who wait", check: takeover, lockTTL: brief},
		{says: "a lease that is renewed is not taken over", check: noTakeoverWhileRenewed, lockTTL: brief},
	}
}

func fillWakes(b *bench) {
	k := b.key("k")
	lease := b.win(b.A, k)
	waiting := b.acquire(k, 25, b.A, b.B)
	require.NoError(b, b.A.L2.Fill(b.soon(), k, value("v"), lease))
	waiting.end(domain.ErrLeaseEnded)
	b.holds(k, value("v"))
}

func releaseWakes(b *bench) {
	k := b.key("k")
	for range 2 { // the second time finds what the first left behind
		lease := b.win(b.A, k)
		waiting := b.acquire(k, 25, b.A, b.B)
		require.NoError(b, b.A.Locker.Release(b.soon(), k, lease, nil))
		waiting.end(domain.ErrLeaseEnded)
	}
	b.lacks(k)
	b.win(b.B, k)
}

func wakesOwnKeyOnly(b *bench) {
	k, other := b.key("k"), b.key("k2")
	lease, otherLease := b.win(b.A, k), b.win(b.A, other)
	waiting, others := b.acquire(k, 2, b.A, b.B), b.acquire(other, 2, b.A, b.B)
	require.NoError(b, b.A.Locker.Release(b.soon(), k, lease, nil))
	waiting.end(domain.ErrLeaseEnded)
	others.wait(rest)
	require.NoError(b, b.A.Locker.Release(b.soon(), other, otherLease, nil))
	others.end(domain.ErrLeaseEnded)
}

func waitersAreKnown(b *bench) {
	k := b.key("k")
	awaited := func(want bool, why string) {
		b.Helper()
		for _, in := range []Instance{b.A, b.B} {
			got, err := in.Locker.Awaited(b.soon(), k)
			require.NoError(b, err)
			require.Equal(b, want, got, why)
		}
	}
	awaited(false, "there is no lease")
	lease := b.win(b.A, k)
	awaited(false, "the holder does not wait")
	waiting := b.acquire(k, 2, b.B)
	awaited(true, "two wait")
	require.NoError(b, b.A.Locker.Release(b.soon(), k, lease, nil))
	waiting.end(domain.ErrLeaseEnded)
	b.win(b.A, k)
	awaited(false, "who waited has been woken")
}

func waitEndsWithContext(b *bench) {
	k := b.key("k")
	lease := b.win(b.A, k)
	waiting := b.acquire(k, 2, b.A, b.B)
	waiting.cancel()
	waiting.end(context.Canceled)
	require.NoError(b, b.A.Locker.Renew(b.soon(), k, lease), "the holder should not notice")
	require.NoError(b, b.A.Locker.Release(b.soon(), k, lease, nil))
	b.win(b.B, k)
}

func takeover(b *bench) {
	k, start := b.key("k"), time.Now()
	stale := b.win(b.A, k)
	waiting := b.acquire(k, 5, b.A, b.B)
	got := waiting.next(b.LockTTL + promptly)
	require.GreaterOrEqual(b, time.Since(start), b.LockTTL-slack, "taken over before it ran out")
	require.NoError(b, got.err)
	require.NotEqual(b, stale, got.lease)
	b.ended(b.A, k, stale)
	waiting.wait(rest)
	require.NoError(b, b.B.L2.Fill(b.soon(), k, value("v"), got.lease))
	waiting.end(domain.ErrLeaseEnded)
}

func noTakeoverWhileRenewed(b *bench) {
	k := b.key("k")
	lease := b.win(b.A, k)
	waiting := b.acquire(k, 2, b.A, b.B)
	for range 5 {
		waiting.wait(b.LockTTL / 4)
		require.NoError(b, b.A.Locker.Renew(b.soon(), k, lease))
	}
	require.NoError(b, b.A.L2.Fill(b.soon(), k, value("v"), lease))
	waiting.end(domain.ErrLeaseEnded)
}

func isAny(err error, targets []error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
