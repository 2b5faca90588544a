package portstest

import (
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func storeContracts() []contract {
	return []contract{
		{says: "an empty store has nothing", check: func(b *bench) { b.lacks(b.key("k")) }},
		{says: "an entry comes back exactly as it was filled", check: fillsExactly},
		{says: "a fill replaces what was stored, its life included", check: fillReplaces},
		{says: "life shrinks by what has passed, and at its end the entry is gone", check: lifeShrinks},
		{says: "lives that are not whole seconds are honoured", check: oddLives},
		{says: "an entry without life ends the lease and is not stored", check: noLife},
		{says: "every legal key works, and none touches another", check: oddKeys},
		{says: "what cannot be decoded is an error, and a fill repairs it", check: undecodable},
	}
}

func fillsExactly(b *bench) {
	entries := map[string]*domain.Entry{
		"text":    domain.NewEntry(domain.Value{Body: "hello", ContentType: "text/plain; charset=utf-8"}, time.Minute, 1234*time.Millisecond),
		"bytes":   domain.NewEntry(domain.Value{Body: allBytes(), ContentType: "application/octet-stream"}, long, 0),
		"empty":   domain.NewEntry(domain.Value{ContentType: "text/plain"}, long, time.Second),
		"untyped": domain.NewEntry(domain.Value{Body: "x"}, 1500*time.Millisecond+long, time.Millisecond),
		"bare":    domain.NewEntry(domain.Value{}, long, time.Second),
		"large":   domain.NewEntry(domain.Value{Body: strings.Repeat(allBytes(), 4096)[:1<<20-64]}, long, time.Second),
		"missing": domain.NewMissing(5*time.Second, 70*time.Millisecond),
	}
	for name, e := range entries {
		b.fill(b.A, b.key(name), e)
	}
	for name, e := range entries {
		b.holds(b.key(name), e)
	}
}

func fillReplaces(b *bench) {
	k := b.key("k")
	b.fill(b.A, k, value("old"))
	missing := domain.NewMissing(10*time.Second, time.Second)
	b.fill(b.B, k, missing)
	b.holds(k, missing)
	b.Advance(10 * time.Second)
	b.lacks(k)
}

func lifeShrinks(b *bench) {
	k, e := b.key("k"), domain.NewEntry(domain.Value{Body: "v"}, 20*time.Second, time.Second)
	b.fill(b.A, k, e)
	require.Greater(b, b.holds(k, e), 15*time.Second)
	b.Advance(8 * time.Second)
	left := b.holds(k, e)
	require.LessOrEqual(b, left, 12*time.Second)
	require.Greater(b, left, 7*time.Second)
	b.Advance(12 * time.Second)
	b.lacks(k)
}

func oddLives(b *bench) {
	for _, ttl := range []time.Duration{900 * time.Millisecond, 1500 * time.Millisecond} {
		k, e := b.key(ttl.String()), domain.NewEntry(domain.Value{Body: "v"}, ttl, time.Second)
		b.fill(b.A, k, e)
		b.Advance(ttl / 3)
		require.LessOrEqual(b, b.holds(k, e), ttl-ttl/3)
		b.Advance(ttl - ttl/3)
		b.lacks(k)
	}
}

func noLife(b *bench) {
	k := b.key("k")
	b.fill(b.A, k, value("old"))
	lease := b.win(b.A, k)
	waiting := b.acquire(k, 1, b.B)
	waiting.wait(rest)
	require.NoError(b, b.A.L2.Fill(b.soon(), k, domain.NewMissing(0, time.Second), lease))
	waiting.end(domain.ErrLeaseEnded)
	b.lacks(k)
	b.win(b.B, k)
}

func undecodable(b *bench) {
	k := b.key("k")
	whole := string(domain.AppendStored(nil, value("v")))
	for _, raw := range []string{"", "?", "garbage that is longer than a header", whole[:len(whole)-1], whole + "x", "mlc\x02" + whole[4:]} {
		b.fill(b.A, k, value("v"))
		b.Corrupt(k, raw)
		for _, in := range []Instance{b.A, b.B} {
			c, ok, err := in.L2.Get(b.soon(), k)
			require.ErrorIs(b, err, domain.ErrUndecodable, "stored: %q", raw)
			require.False(b, ok)
			require.Zero(b, c)
		}
		b.fill(b.B, k, value("repaired"))
		b.holds(k, value("repaired"))
	}
}

func allBytes() string {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return string(all)
}
