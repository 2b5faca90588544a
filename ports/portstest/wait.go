package portstest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// aPoll is longer than it takes a waiter to ask by itself whether the lease is still
// held, where it has to ask.
const aPoll = 2 * time.Second

func waitContracts() []contract {
	return []contract{
		{says: "a lease that nobody has is not waited for", check: nothingToAwait},
		{says: "a fill wakes all who wait, on all instances", check: fillWakes},
		{says: "a release wakes all who wait, on all instances", check: releaseWakes},
		{says: "a release wakes those of its own key only", check: wakesOwnKeyOnly},
		{says: "whether somebody waits is known on all instances", check: waitersAreKnown},
		{says: "a wait ends with its context and leaves nothing behind", check: waitEndsWithContext},
		{says: "a lease that runs out wakes all who wait, and is taken by none of them", check: expiryWakes},
		{says: "a lease that is renewed is waited for", check: renewedIsAwaited},
	}
}

// nobodyAwaits requires that on every instance there is nothing to wait for.
func (b *bench) nobodyAwaits(k domain.Key) {
	b.Helper()
	for _, in := range []Instance{b.A, b.B} {
		ending, err := in.Locker.Await(b.soon(), k)
		require.NoError(b, err)
		require.Zero(b, ending)
		held := b.state(in, k).Held
		require.False(b, held, "a wait takes no lease")
	}
}

func nothingToAwait(b *bench) {
	k := b.key("k")
	b.nobodyAwaits(k)
	b.fill(b.A, k, value("v"))
	b.nobodyAwaits(k)
	b.fill(b.A, k, lifeless())
	b.nobodyAwaits(k)
	b.fail(b.A, k, domain.ErrSourceFailed)
	b.nobodyAwaits(k)
	b.write(b.A, k, nil)
	b.win(b.B, k)
	b.write(b.A, k, nil)
	b.nobodyAwaits(k)
	b.win(b.B, k)
	b.Advance(b.LockTTL)
	b.nobodyAwaits(k)
}

func fillWakes(b *bench) {
	k := b.key("k")
	lease := b.win(b.A, k)
	waiting := b.await(k, 25, b.A, b.B)
	require.NoError(b, b.A.L2.Fill(b.soon(), k, value("v"), lease))
	waiting.end(ports.Ending{})
	b.holds(k, value("v"))
	b.free(k)
}

func releaseWakes(b *bench) {
	k := b.key("k")
	for range 2 { // the second time finds what the first left behind
		b.release(k, ports.Ending{}).end(ports.Ending{})
	}
	b.lacks(k)
	b.free(k)
}

func wakesOwnKeyOnly(b *bench) {
	k, other := b.key("k"), b.key("k2")
	lease, otherLease := b.win(b.A, k), b.win(b.A, other)
	waiting, others := b.await(k, 2, b.A, b.B), b.await(other, 2, b.A, b.B)
	require.NoError(b, b.A.Locker.Release(b.soon(), k, lease, ports.Ending{}))
	waiting.end(ports.Ending{})
	others.wait(rest)
	require.NoError(b, b.A.Locker.Release(b.soon(), other, otherLease, ports.Ending{}))
	others.end(ports.Ending{})
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
	b.nobodyAwaits(k)
	awaited(false, "there was nothing to wait for")
	lease := b.win(b.A, k)
	awaited(false, "the holder does not wait")
	b.held(k)
	awaited(false, "those that ask do not wait")
	waiting := b.await(k, 2, b.B)
	awaited(true, "two wait")
	require.NoError(b, b.A.Locker.Release(b.soon(), k, lease, ports.Ending{}))
	waiting.end(ports.Ending{})
	b.win(b.A, k)
	awaited(false, "who waited has been woken")
}

func waitEndsWithContext(b *bench) {
	k := b.key("k")
	lease := b.win(b.A, k)
	waiting := b.await(k, 2, b.A, b.B)
	waiting.cancel()
	waiting.leave(context.Canceled)
	require.NoError(b, b.A.Locker.Renew(b.soon(), k, lease), "the holder should not notice")
	done, cancel := context.WithCancel(b.Context())
	cancel()
	for _, in := range []Instance{b.A, b.B} {
		_, err := in.Locker.Await(done, k)
		require.ErrorIs(b, err, context.Canceled)
	}
	require.NoError(b, b.A.Locker.Release(b.soon(), k, lease, ports.Ending{}))
	b.free(k)
}

func expiryWakes(b *bench) {
	k := b.key("k")
	stale := b.win(b.A, k)
	waiting := b.await(k, 5, b.A, b.B)
	b.Advance(b.LockTTL / 2)
	waiting.wait(aPoll)
	b.Advance(b.LockTTL / 2)
	waiting.end(ports.Ending{})
	b.ended(b.A, k, stale)
	b.nobodyAwaits(k)
	b.free(k)
}

func renewedIsAwaited(b *bench) {
	k := b.key("k")
	lease := b.win(b.A, k)
	waiting := b.await(k, 2, b.A, b.B)
	for range 3 {
		b.Advance(b.LockTTL * 3 / 4)
		waiting.wait(aPoll)
		require.NoError(b, b.A.Locker.Renew(b.soon(), k, lease))
	}
	waiting.wait(aPoll)
	require.NoError(b, b.A.L2.Fill(b.soon(), k, value("v"), lease))
	waiting.end(ports.Ending{})
}
