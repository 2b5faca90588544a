package portstest

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func hotContracts() []contract {
	return []contract{
		{says: "nothing is hot at first", check: nothingHot},
		{says: "hot keys are read by another instance, the hottest first", check: hottestFirst},
		{says: "a key stays at the higher rate", check: higherRate},
		{says: "rates decay", check: ratesDecay},
		{says: "cold keys are forgotten", check: coldForgotten},
		{says: "the list of hot keys is bounded", check: hotBounded},
	}
}

// hot returns a key with a rate.
func (b *bench) hot(name string, rate float64) domain.HotKey {
	return domain.HotKey{Key: b.key(name), Rate: rate}
}

func (b *bench) publish(in Instance, keys ...domain.HotKey) {
	b.Helper()
	require.NoError(b, in.Hot.Publish(b.soon(), keys))
}

// requireHot checks the list up to its first n keys, and that rates are near enough:
// some time passes.
func (b *bench) requireHot(n int, want ...domain.HotKey) {
	b.Helper()
	got, err := b.B.Hot.Hottest(b.soon(), n)
	require.NoError(b, err)
	require.Len(b, got, len(want))
	for i, hot := range want {
		require.Equal(b, hot.Key, got[i].Key)
		require.LessOrEqual(b, got[i].Rate, hot.Rate*1.01)
		require.Greater(b, got[i].Rate, hot.Rate/2)
	}
}

func nothingHot(b *bench) {
	b.publish(b.A)
	b.requireHot(10)
}

func hottestFirst(b *bench) {
	b.publish(b.A, b.hot("a", 5), b.hot("{b} \"ü\"", 500))
	b.publish(b.B, b.hot("c", 50))
	b.requireHot(10, b.hot("{b} \"ü\"", 500), b.hot("c", 50), b.hot("a", 5))
	b.requireHot(1, b.hot("{b} \"ü\"", 500))
}

func higherRate(b *bench) {
	b.publish(b.A, b.hot("a", 400))
	b.publish(b.B, b.hot("a", 100))
	b.requireHot(10, b.hot("a", 400))
	b.publish(b.B, b.hot("a", 1600))
	b.requireHot(10, b.hot("a", 1600))
}

func ratesDecay(b *bench) {
	b.publish(b.A, b.hot("before", 100))
	b.Advance(3 * ports.HotHalfLife)
	b.publish(b.A, b.hot("now", 50))
	b.requireHot(10, b.hot("now", 50), b.hot("before", 12.5))
}

func coldForgotten(b *bench) {
	b.publish(b.A, b.hot("a", 1), b.hot("b", 0.01))
	b.Advance(6 * ports.HotHalfLife)
	b.requireHot(10, b.hot("a", 1./64))
	b.Advance((ports.HotPast - 6) * ports.HotHalfLife)
	b.requireHot(10)
	b.publish(b.A, b.hot("c", 1))
	b.requireHot(10, b.hot("c", 1))
	b.Advance(2 * ports.HotPast * ports.HotHalfLife) // all of it
	b.requireHot(10)
}

func hotBounded(b *bench) {
	some := make([]domain.HotKey, ports.HotListed/2)
	for round := range 3 {
		for i := range some {
			some[i] = b.hot(fmt.Sprintf("%d-%d", round, i), float64(1+round))
		}
		b.publish(b.A, some...)
	}
	got, err := b.B.Hot.Hottest(b.soon(), 2*ports.HotListed)
	require.NoError(b, err)
	require.Len(b, got, ports.HotListed)
	require.Contains(b, got[0].Key.String(), "2-")
	require.Contains(b, got[len(got)-1].Key.String(), "1-", "the coldest are dropped")
}
