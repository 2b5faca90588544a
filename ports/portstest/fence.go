package portstest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func fenceContracts() []contract {
	return []contract{
		{says: "a fill without the lease stores nothing", check: fillWithoutLease},
		{says: "a fill after the lease has expired stores where nothing is", check: fillAfterExpiry},
		{says: "a fill after the lease has expired replaces nothing", check: fillAfterAnother},
		{says: "a fill after the lease has expired and a write voided it stores nothing", check: fillAfterVoid},
		{says: "a fill ends the lease", check: fillEndsLease},
		{says: "a refused fill leaves the holder its lease", check: refusedFillHarmless},
		{says: "no two leases are the same", check: leasesDiffer},
	}
}

// lost requires that neither a fill nor anything else works with lease.
func (b *bench) lost(in Instance, k domain.Key, lease ports.Lease) {
	b.Helper()
	require.ErrorIs(b, in.L2.Fill(b.soon(), k, value("stray"), lease), domain.ErrLeaseLost)
	b.ended(in, k, lease)
}

// ended requires that lease can be neither renewed nor given back, not even with an
// ending that removes what is stored.
func (b *bench) ended(in Instance, k domain.Key, lease ports.Lease) {
	b.Helper()
	require.ErrorIs(b, in.Locker.Renew(b.soon(), k, lease), domain.ErrLeaseLost)
	require.ErrorIs(b, in.Locker.Release(b.soon(), k, lease, ports.Ending{}), domain.ErrLeaseLost)
	for _, e := range []ports.Ending{failed(), {Failure: domain.ErrWithdrawn}, {Entry: lifeless()}} {
		require.ErrorIs(b, in.Locker.Release(b.soon(), k, lease, e), domain.ErrLeaseLost)
	}
	require.ErrorIs(b, in.L2.Fill(b.soon(), k, lifeless(), lease), domain.ErrLeaseLost)
}

func fillWithoutLease(b *bench) {
	k := b.key("k")
	b.lost(b.A, k, ports.Lease{})
	b.lost(b.A, k, forged)
	b.lacks(k)
	b.win(b.B, k)
}

func fillAfterExpiry(b *bench) {
	k := b.key("k")
	lease := b.win(b.A, k)
	b.Advance(b.LockTTL)
	b.ended(b.A, k, lease)
	require.NoError(b, b.A.L2.Fill(b.soon(), k, value("v"), lease))
	b.holds(k, value("v"))
	b.win(b.B, k)
}

func fillAfterAnother(b *bench) {
	k := b.key("k")
	lease := b.win(b.A, k)
	b.Advance(b.LockTTL)
	b.fill(b.B, k, value("newer"))
	b.lost(b.A, k, lease)
	b.holds(k, value("newer"))
}

func fillAfterVoid(b *bench) {
	for name, write := range map[string]func(k domain.Key){
		"deleted": func(k domain.Key) { require.NoError(b, b.B.L2.Invalidate(b.soon(), k, domain.Invalidation{})) },
		"put and gone": func(k domain.Key) {
			require.NoError(b, b.B.L2.Put(b.soon(), k, domain.NewEntry(domain.Value{}, time.Second, 0)))
			b.Advance(time.Second)
		},
	} {
		k := b.key(name)
		lease := b.win(b.A, k)
		b.Advance(b.LockTTL)
		write(k)
		b.lost(b.A, k, lease)
		b.lacks(k)
	}
}

func fillEndsLease(b *bench) {
	k := b.key("k")
	lease := b.win(b.A, k)
	require.NoError(b, b.A.L2.Fill(b.soon(), k, value("first"), lease))
	b.lost(b.A, k, lease)
	b.holds(k, value("first"))
	b.win(b.B, k)
	b.lost(b.A, k, lease)
	b.holds(k, value("first"))
}

func refusedFillHarmless(b *bench) {
	k := b.key("k")
	b.fill(b.A, k, value("old"))
	lease := b.win(b.A, k)
	waiting := b.await(k, 1, b.A, b.B)
	for _, in := range []Instance{b.A, b.B} {
		for _, token := range []string{"", forged.Token, lease.Token + "x", lease.Token[:len(lease.Token)-1]} {
			b.lost(in, k, ports.Lease{Token: token, TTL: b.LockTTL})
		}
	}
	b.holds(k, value("old"))
	waiting.wait(rest)
	require.NoError(b, b.A.L2.Fill(b.soon(), k, value("new"), lease))
	waiting.end(ports.Ending{})
	b.holds(k, value("new"))
}

func leasesDiffer(b *bench) {
	k, seen := b.key("k"), map[string]bool{}
	for range 50 {
		for _, in := range []Instance{b.A, b.B} {
			lease := b.win(in, k)
			require.False(b, seen[lease.Token], "granted twice: %q", lease.Token)
			seen[lease.Token] = true
			require.NoError(b, in.Locker.Release(b.soon(), k, lease, ports.Ending{}))
		}
	}
}

// forged is a lease that nobody was given.
var forged = ports.Lease{Token: "forged"}
