package portstest

import (
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func storeContracts() []contract {
	return []contract{
		{says: "an empty store has nothing", check: func(b *bench) { b.lacks(b.key("k")) }},
		{says: "an entry comes back exactly as it was filled", check: fillsExactly},
		{says: "a fill replaces what was stored, its life included", check: fillReplaces},
		{says: "life shrinks by what has passed, and at its end the entry is gone", check: lifeShrinks},
		{says: "lives that are not whole seconds are honoured", check: oddLives},
		{says: "an entry is kept past its life as stale, for as long as it says", check: keptStale},
		{says: "an entry that replaces a kept one is not kept as that was", check: keepIsReplaced},
		{says: "keeps that are not whole seconds are honoured", check: oddKeeps},
		{says: "an entry without TTL ends the lease, removes its predecessor and is not stored", check: noLife},
		{says: "many are read in the order of their keys", check: manyInOrder},
		{says: "what is large is not read along with many", check: manyWithoutTheLarge},
		{says: "every legal key works, and none touches another", check: oddKeys},
		{says: "what cannot be decoded is an error, and a fill repairs it", check: undecodable},
	}
}

// samples are entries of all kinds, by a key for each.
func samples() map[string]*domain.Entry {
	return map[string]*domain.Entry{
		"text":    domain.NewEntry(domain.Value{Body: "hello", ContentType: "text/plain; charset=utf-8"}, time.Minute, 1234*time.Millisecond),
		"bytes":   domain.NewEntry(domain.Value{Body: allBytes(), ContentType: "application/octet-stream"}, long, 0),
		"empty":   domain.NewEntry(domain.Value{ContentType: "text/plain"}, long, time.Second),
		"untyped": domain.NewEntry(domain.Value{Body: "x"}, 1500*time.Millisecond+long, time.Millisecond),
		"bare":    domain.NewEntry(domain.Value{}, long, time.Second),
		"large":   domain.NewEntry(domain.Value{Body: strings.Repeat(allBytes(), 4096)[:1<<20-64]}, long, time.Second),
		"missing": domain.NewMissing(5*time.Minute, 70*time.Millisecond),
		"kept":    value("kept").Kept(1234567 * time.Millisecond),
	}
}

func fillsExactly(b *bench) {
	entries := samples()
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
	missing := domain.NewMissing(10*time.Minute, time.Second)
	b.fill(b.B, k, missing)
	b.holds(k, missing)
	b.Advance(10 * time.Minute)
	b.lacks(k)
}

func lifeShrinks(b *bench) {
	k, e := b.key("k"), domain.NewEntry(domain.Value{Body: "v"}, 20*time.Minute, time.Second)
	b.fill(b.A, k, e)
	require.Greater(b, b.holds(k, e), 15*time.Minute)
	b.Advance(8 * time.Minute)
	left := b.holds(k, e)
	require.LessOrEqual(b, left, 12*time.Minute)
	require.Greater(b, left, 7*time.Minute)
	b.Advance(12 * time.Minute)
	b.lacks(k)
}

func oddLives(b *bench) {
	for _, ttl := range []time.Duration{900 * time.Millisecond, 10*time.Minute + 900*time.Millisecond, 10*time.Minute + 1500*time.Millisecond} {
		k, e := b.key(ttl.String()), domain.NewEntry(domain.Value{Body: "v"}, ttl, time.Second)
		b.fill(b.A, k, e)
		left := ttl
		if ttl > time.Minute { // else it may expire by itself before it is read
			b.Advance(ttl / 3)
			left -= ttl / 3
			require.LessOrEqual(b, b.holds(k, e), left)
		}
		b.Advance(left)
		b.lacks(k)
	}
}

func keptStale(b *bench) {
	filled, put := b.key("filled"), b.key("put")
	e := domain.NewEntry(domain.Value{Body: "v"}, 20*time.Minute, time.Second).Kept(40 * time.Minute)
	b.fill(b.A, filled, e)
	b.write(b.A, put, e)
	for _, k := range []domain.Key{filled, put} {
		require.Greater(b, b.holds(k, e), 15*time.Minute)
	}
	b.Advance(20 * time.Minute)
	for _, k := range []domain.Key{filled, put} {
		b.keeps(k, e, 0)
	}
	b.Advance(30 * time.Minute)
	for _, k := range []domain.Key{filled, put} {
		b.keeps(k, e, 30*time.Minute)
	}
	b.Advance(10 * time.Minute)
	b.lacks(filled)
	b.lacks(put)
}

// keepIsReplaced replaces once while the predecessor is fresh and once when it is
// stale, by a fill and by a put.
func keepIsReplaced(b *bench) {
	filled, put := b.key("filled"), b.key("put")
	e := domain.NewEntry(domain.Value{Body: "v"}, 10*time.Minute, time.Second)
	for _, age := range []time.Duration{0, 10 * time.Minute} {
		b.write(b.A, filled, e.Kept(long))
		b.write(b.A, put, e.Kept(long))
		b.Advance(age)
		b.fill(b.B, filled, e)
		b.write(b.B, put, e)
		b.holds(filled, e)
		b.holds(put, e)
		b.Advance(e.TTL())
		b.lacks(filled)
		b.lacks(put)
	}
}

func oddKeeps(b *bench) {
	for _, keep := range []time.Duration{10*time.Minute + 700*time.Millisecond, 10*time.Minute + 1300*time.Millisecond} {
		k, e := b.key(keep.String()), domain.NewEntry(domain.Value{Body: "v"}, 900*time.Millisecond, time.Second).Kept(keep)
		b.fill(b.A, k, e)
		b.Advance(e.TTL())
		b.keeps(k, e, 0)
		b.Advance(keep)
		b.lacks(k)
	}
}

func noLife(b *bench) {
	k := b.key("k")
	b.fill(b.A, k, value("old"))
	lease := b.win(b.A, k)
	waiting := b.await(k, 1, b.B)
	waiting.wait(rest)
	require.NoError(b, b.A.L2.Fill(b.soon(), k, lifeless(), lease))
	waiting.end(ports.Ending{Entry: lifeless()})
	b.lacks(k)
	b.win(b.B, k)
}

// lifeless returns an entry that has nothing to be kept past.
func lifeless() *domain.Entry { return domain.NewMissing(0, time.Second).Kept(long) }

func undecodable(b *bench) {
	k := b.key("k")
	whole := string(domain.AppendStored(nil, value("v")))
	for _, raw := range []string{"", "?", "garbage that is longer than a header", whole[:len(whole)-1], whole + "x", "mlc\x02" + whole[4:]} {
		b.fill(b.A, k, value("v"))
		b.Corrupt(k, raw)
		for _, in := range []Instance{b.A, b.B} {
			c, ok, err := b.read(in, k)
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

func manyInOrder(b *bench) {
	const n = 300
	keys := make([]domain.Key, 0, n)
	entries := map[string]*domain.Entry{}
	for i := range n {
		k := b.key(fmt.Sprint("key ", i))
		keys = append(keys, k)
		if i%3 != 0 {
			entries[k.String()] = value(k.String())
			b.write(b.A, k, entries[k.String()])
		}
	}
	found := b.B.L2.GetMany(b.soon(), keys)
	require.Len(b, found, len(keys))
	for i, f := range found {
		require.NoError(b, f.Err)
		require.Equal(b, entries[keys[i].String()], f.Copy.Entry)
		require.Equal(b, f.Copy.Entry != nil, f.OK)
	}
	require.Empty(b, b.A.L2.GetMany(b.soon(), nil))
}

func manyWithoutTheLarge(b *bench) {
	small, large := b.key("small"), b.key("large")
	b.write(b.A, small, value("v"))
	b.write(b.A, large, value(strings.Repeat("v", ports.LargeBytes)))
	found := b.B.L2.GetMany(b.soon(), []domain.Key{small, large})
	require.Equal(b, ports.Found{Large: true}, found[1])
	require.True(b, found[0].OK)
	_, ok, err := b.B.L2.Get(b.soon(), large)
	require.NoError(b, err)
	require.True(b, ok)
}
