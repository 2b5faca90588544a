package app_test

import (
	"sync/atomic"

	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// bus is a ports.Bus whose state and invalidations are the test's to choose.
type bus struct {
	ports.Listener
	connected, reachable atomic.Bool
}

func newBus() *bus {
	b := &bus{}
	b.connected.Store(true)
	b.reachable.Store(true)
	return b
}

func (b *bus) Listen(l ports.Listener) { b.Listener = l }
func (b *bus) Subscribed() bool        { return b.connected.Load() }
func (b *bus) Available() bool         { return b.reachable.Load() }

// reconnect is what a real bus does when it is subscribed again.
func (b *bus) reconnect() {
	b.Gap()
	b.connected.Store(true)
}
