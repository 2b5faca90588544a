package portstest

import (
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// awkwardKeys are legal keys that a naming scheme may trip over: braces (the
// hash tags of Redis Cluster), suffixes that an adapter may itself append,
// patterns, percent signs, neighbours in length, case and Unicode form.
func awkwardKeys() []string {
	return []string{
		"x", "X", "x:lock", "x}:lock", "{x}:lock", "{x}", "{x", "x}", "}", "}x", "}{", "{}", "{}x", "{{}}", "{a}b", "a", "b", "a:{b}",
		"x:l", "x:v", "x:f", "x:fail", "x:failure", "x:wake", "x:value", "lock:x", "mlc:x", "mlc:{x}", "!badger!x", ":", "::",
		"a/b", "a//b", "/", "../x", "a b", " ", "  ", "%", "%2F", "%s", "*", "?", "[a-z]", `\`, `"`, "'", "-", "0", "nil", "\u200b",
		"🦊", "é", "e\u0301", strings.Repeat("a", 511), strings.Repeat("a", domain.MaxKeyBytes), strings.Repeat("🦊", domain.MaxKeyBytes/4),
	}
}

// oddKeys takes all leases before it gives any back, stores all values before
// it reads any, and lets every second load fail afterwards: whatever two keys
// share shows.
func oddKeys(b *bench) {
	names := awkwardKeys()
	leases := make(map[string]ports.Lease, len(names))
	for _, name := range names {
		leases[name] = b.win(b.A, b.key(name))
	}
	for _, name := range names {
		require.NoError(b, b.A.L2.Fill(b.soon(), b.key(name), value("value of "+name), leases[name]))
	}
	for i, name := range names {
		if i%2 == 0 {
			b.fail(b.B, b.key(name), domain.ErrSourceFailed)
		}
	}
	for i, name := range names {
		b.holds(b.key(name), value("value of "+name))
		if i%2 == 0 {
			b.refused(b.key(name), domain.ErrSourceFailed)
		} else {
			b.win(b.A, b.key(name))
		}
	}
}

// oddKeysWritten takes all leases, then puts the first of each three keys and
// deletes the second: only their leases are lost. Then it fails to load the
// third and writes again: only its failure stays.
func oddKeysWritten(b *bench) {
	names := awkwardKeys()
	leases := make(map[string]ports.Lease, len(names))
	for _, name := range names {
		b.fill(b.A, b.key(name), value("old"))
		leases[name] = b.win(b.A, b.key(name))
	}
	written := func(i int, name string) *domain.Entry {
		return []*domain.Entry{value("value of " + name), nil, value("old")}[i%3]
	}
	write := func() {
		for i, name := range names {
			if i%3 != 2 {
				b.write(b.B, b.key(name), written(i, name))
			}
		}
	}
	write()
	for i, name := range names {
		if k := b.key(name); i%3 != 2 {
			b.lost(b.A, k, leases[name])
		} else {
			require.NoError(b, b.A.Locker.Release(b.soon(), k, leases[name], failed()), "key %q", name)
		}
	}
	write()
	for i, name := range names {
		b.has(b.key(name), written(i, name))
		if i%3 == 2 {
			b.refused(b.key(name), domain.ErrSourceFailed)
		}
	}
}
