package embedded_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
	"github.com/multi-layer-cache/multi-layer-cache/ports/portstest"
)

func TestANamespaceKeepsTheContract(t *testing.T) {
	portstest.L2AndLocker(t, portstest.Layer{
		Alone: true,
		Run:   synctest.Test,
		Open: func(t *testing.T, limits portstest.Limits) portstest.Harness {
			o := options()
			o.LockTTL = limits.LockTTL
			l := open(t, o)
			n := l.Namespace("products")
			both := portstest.Instance{L2: n, Locker: n, Bus: l, Purger: n, Hot: n}
			corrupt := embedded.Corrupter(t, l)
			return portstest.Harness{A: both, B: both, Advance: time.Sleep, Corrupt: func(k domain.Key, raw string) { corrupt(k.In("products"), raw) }}
		},
	})
}

func TestNamespacesOnOneLayerDoNotSeeEachOther(t *testing.T) {
	l := open(t, options())
	a, b, k := l.Namespace("a"), l.Namespace("b"), key(t, "k")
	lease, err := a.Acquire(t.Context(), k)
	require.NoError(t, err)
	for _, other := range []ports.Locker{b, l} {
		_, err = other.Acquire(t.Context(), k)
		require.NoError(t, err, "a lease of another namespace is none of this one")
	}
	require.NoError(t, a.Fill(t.Context(), k, entry("of a", time.Hour), lease))
	for _, other := range []ports.L2Store{b, l} {
		_, ok, err := other.Get(t.Context(), k)
		require.NoError(t, err)
		require.False(t, ok)
		require.False(t, other.GetMany(t.Context(), []domain.Key{k})[0].OK)
		require.NoError(t, other.Invalidate(t.Context(), k, domain.Invalidation{}))
	}
	require.True(t, a.GetMany(t.Context(), []domain.Key{k})[0].OK)
}
