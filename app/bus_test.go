package app_test

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
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

// noPurges is a ports.Purger whose record is empty.
type noPurges struct{}

func (noPurges) Purge(context.Context, domain.Purge, domain.Mark, time.Duration) (domain.Purges, error) {
	return domain.Purges{}, nil
}

func (noPurges) Purges(context.Context, domain.Mark) (domain.Purges, error) {
	return domain.Purges{}, nil
}

// reconnect is what a real bus does when it is subscribed again.
func (b *bus) reconnect() {
	b.Gap()
	b.connected.Store(true)
}
