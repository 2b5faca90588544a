//go:build fleet

package redis

import (
	"testing"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

func TestFleetContractsAreKeptInNamespaces(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	one, two := join(t, server.URL()), join(t, server.URL())
	contractsOn(t, server.URL(), func(t *testing.T, name string, o LockerOptions) (a, b instance) {
		t.Helper()
		for i, m := range []member{one, two} {
			next := m.in(t, name).instance
			next.bus.listeners.Store(nil)
			next.locker.opts = o
			if i == 0 {
				a = next
			} else {
				b = next
			}
		}
		return a, b
	})
}
