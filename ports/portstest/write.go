package portstest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func writeContracts() []contract {
	return []contract{
		{says: "a put needs no lease, and the entry comes back exactly", check: putsExactly},
		{says: "a put replaces what was stored, its life included", check: putReplaces},
		{says: "a delete removes what is stored, and is none the worse when nothing is", check: deleteRemoves},
		{says: "an entry without life that is put is a delete", check: putNoLife},
		{says: "a write ends what is kept past its life", check: writeEndsKept},
		{says: "a write repairs what cannot be decoded", check: writeRepairs},
		{says: "a write voids the lease that stands and leaves it free", check: writeVoids},
		{says: "a write leaves the leases of other keys alone", check: writeVoidsOwnKeyOnly},
		{says: "a write wakes all who wait, on all instances", check: writeWakes},
		{says: "a write forgets the failure of its key", check: writeForgets},
		{says: "after a write, loads go on as before", check: loadsAfterWrite},
		{says: "every legal key can be written, and none touches another", check: oddKeysWritten},
		{says: "who is woken by a write finds it done", check: writtenWhenWoken},
		{says: "of a fill and a write at the same time, the write stays", check: writeBeatsFill},
		{says: "writes and fills at the same time leave one of their entries whole", check: writesAtOnce},
	}
}

// written are the writes there are, as what is put. Nil is a delete.
func written() []*domain.Entry { return []*domain.Entry{value("put"), nil, lifeless()} }

// has requires that every instance has of k what a write of e leaves.
func (b *bench) has(k domain.Key, e *domain.Entry) {
	b.Helper()
	if e == nil || e.TTL() == 0 {
		b.lacks(k)
	} else {
		b.holds(k, e)
	}
}

// free requires that the lease of k is free on every instance.
func (b *bench) free(k domain.Key) {
	b.Helper()
	for _, in := range []Instance{b.A, b.B} {
		require.NoError(b, in.Locker.Release(b.soon(), k, b.win(in, k), ports.Ending{}))
	}
}

func putsExactly(b *bench) {
	entries := samples()
	for name, e := range entries {
		b.write(b.A, b.key(name), e)
	}
	for name, e := range entries {
		b.holds(b.key(name), e)
		b.free(b.key(name))
	}
}

func putReplaces(b *bench) {
	k, e := b.key("k"), domain.NewEntry(domain.Value{Body: "new"}, 10*time.Minute, time.Second)
	b.fill(b.A, k, value("old"))
	b.write(b.B, k, e)
	require.Greater(b, b.holds(k, e), 5*time.Minute)
	b.Advance(5 * time.Minute)
	b.write(b.A, k, e)
	require.Greater(b, b.holds(k, e), 5*time.Minute, "a life that is put is whole")
	b.Advance(10 * time.Minute)
	b.lacks(k)
}

func deleteRemoves(b *bench) {
	k, other := b.key("k"), b.key("other")
	b.write(b.A, other, value("other"))
	for _, e := range samples() {
		b.write(b.A, k, e)
		b.write(b.B, k, nil)
		b.lacks(k)
		b.write(b.A, k, nil)
		b.lacks(k)
		b.free(k)
	}
	b.holds(other, value("other"))
}

func putNoLife(b *bench) {
	k := b.key("k")
	for _, e := range []*domain.Entry{
		lifeless(), domain.NewMissing(0, 0), domain.NewEntry(domain.Value{Body: "v"}, 0, time.Second).Kept(time.Minute),
	} {
		b.fill(b.A, k, value("old"))
		b.write(b.B, k, e)
		b.lacks(k)
		b.write(b.B, k, e)
		b.lacks(k)
		b.free(k)
	}
}

func writeEndsKept(b *bench) {
	k, kept := b.key("k"), domain.NewEntry(domain.Value{Body: "v"}, 10*time.Minute, time.Second).Kept(long)
	for _, e := range written() {
		b.fill(b.A, k, kept)
		b.Advance(15 * time.Minute)
		b.keeps(k, kept, 5*time.Minute)
		b.write(b.B, k, e)
		b.has(k, e)
	}
}

func writeRepairs(b *bench) {
	k := b.key("k")
	for _, e := range written() {
		b.fill(b.A, k, value("old"))
		b.Corrupt(k, "garbage that is longer than a header")
		b.write(b.B, k, e)
		b.has(k, e)
	}
}

func writeVoids(b *bench) {
	k := b.key("k")
	for _, e := range written() {
		for _, in := range []Instance{b.A, b.B} {
			b.fill(b.A, k, value("old"))
			lease := b.win(b.A, k)
			b.write(in, k, e)
			b.lost(b.A, k, lease)
			b.has(k, e)
			next := b.win(b.B, k)
			b.lost(b.A, k, lease)
			require.NoError(b, b.B.Locker.Release(b.soon(), k, next, ports.Ending{}))
			b.free(k)
			b.has(k, e)
		}
	}
}

func writeVoidsOwnKeyOnly(b *bench) {
	other := b.key("other")
	lease := b.win(b.A, other)
	waiting := b.await(other, 2, b.A, b.B)
	for _, e := range written() {
		b.write(b.A, b.key("k"), e)
		b.write(b.B, b.key("k"), e)
	}
	waiting.wait(rest)
	require.NoError(b, b.A.L2.Fill(b.soon(), other, value("other"), lease))
	waiting.end(ports.Ending{})
	b.holds(other, value("other"))
}

func writeWakes(b *bench) {
	k := b.key("k")
	for _, e := range written() {
		b.win(b.A, k)
		waiting := b.await(k, 25, b.A, b.B)
		b.write(b.A, k, e)
		waiting.end(ports.Ending{})
		b.has(k, e)
		b.free(k)
	}
}

func writeForgets(b *bench) {
	k, other := b.key("k"), b.key("other")
	b.fail(b.A, other, domain.ErrTimeout)
	for _, e := range written() {
		for _, failure := range []error{domain.ErrSourceFailed, domain.ErrTimeout} {
			b.fail(b.A, k, failure)
			b.refused(k, failure)
			b.write(b.B, k, e)
			b.free(k)
		}
	}
	b.refused(other, domain.ErrTimeout)
}

func loadsAfterWrite(b *bench) {
	k := b.key("k")
	for i, e := range written() {
		b.write(b.A, k, e)
		loaded := value(fmt.Sprint("loaded ", i))
		b.fill(b.B, k, loaded)
		b.holds(k, loaded)
		b.write(b.A, k, e)
		b.fail(b.B, k, domain.ErrSourceFailed)
		b.refused(k, domain.ErrSourceFailed)
		b.has(k, e)
		b.Advance(cooldown)
	}
}
