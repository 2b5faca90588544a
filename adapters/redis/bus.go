package redis

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.Bus = (*Bus)(nil)

// Bus is what a namespace has of this instance's subscription: the server tells it
// what other instances changed there, and which leases that are waited for here have
// ended. It is safe for concurrent use and must be closed.
type Bus struct {
	client    *Client
	all       *subscription
	owns      bool // the subscription
	wakes     wakes
	listeners atomic.Pointer[[]ports.Listener]
	connected atomic.Bool

	// confirmed says of which channels the server has confirmed the subscription. It
	// belongs to the goroutine that receives.
	confirmed struct{ own, changes bool }
}

// NewBus returns a Bus on c, which stays the caller's to close, with a subscription of
// its own. It subscribes from then on, as soon as the server can be reached. Further
// namespaces of the same client share the subscription: see Namespace.
func NewBus(c *Client) *Bus {
	s := newSubscription(c)
	b := newBus(c, s)
	b.owns = true
	_ = s.join(b) // is the first
	s.start()
	return b
}

func newBus(c *Client, s *subscription) *Bus {
	return &Bus{client: c, all: s, wakes: wakes{waiting: make(map[string]*wake)}}
}

// Namespace returns a Bus for c, a namespace of the client that b is on, which shares
// the subscription of b until one of them is closed. The error says that there is one
// for that namespace: two caches in one namespace would take each other's values for
// their own.
func (b *Bus) Namespace(c *Client) (*Bus, error) {
	if c.connections != b.client.connections {
		return nil, fmt.Errorf("redis: namespace %q is one of another client", c.prefix)
	}
	next := newBus(c, b.all)
	if err := b.all.join(next); err != nil {
		return nil, err
	}
	return next, nil
}

// Close ends the subscription, and with it the waits for leases. That of a Bus which
// came from Namespace ends for this namespace alone.
func (b *Bus) Close() {
	if b.owns {
		b.all.close()
		return
	}
	b.all.leave(b)
	b.cut()
}

// Listen has l receive invalidations from now on, too. When several listen, each of
// them may have made the change, so all receive those of this instance as well.
func (b *Bus) Listen(l ports.Listener) {
	for {
		old := b.listeners.Load()
		all := []ports.Listener{l}
		if old != nil {
			all = append(slices.Clone(*old), l)
		}
		if b.listeners.CompareAndSwap(old, &all) {
			return
		}
	}
}

func (b *Bus) listening() []ports.Listener {
	if all := b.listeners.Load(); all != nil {
		return *all
	}
	return nil
}

// Subscribed reports whether the subscription stands.
func (b *Bus) Subscribed() bool { return b.connected.Load() }

// Available reports whether a server is used.
func (b *Bus) Available() bool { return b.client.reachable() }

// confirm takes note that the server has confirmed a channel. From the second one on,
// all invalidations arrive.
func (b *Bus) confirm(channel string) {
	b.confirmed.own = b.confirmed.own || channel == b.client.own()
	b.confirmed.changes = b.confirmed.changes || channel == b.client.changes()
	if !b.confirmed.own || !b.confirmed.changes || b.connected.Load() {
		return
	}
	for _, l := range b.listening() {
		l.Gap()
	}
	b.wakes.callAll()
	b.connected.Store(true)
}

// cut is called when messages may be lost from now on.
func (b *Bus) cut() {
	b.connected.Store(false)
	b.wakes.callAll()
}

func (b *Bus) received(channel, message string) {
	if channel == b.client.own() {
		b.wakes.call(b.client.forms.parseWakeUp(message))
		return
	}
	if purges, ok := parsePurges(message); ok {
		for _, l := range b.listening() {
			l.Purged(purges)
		}
		return
	}
	sender, nonce, key, err := parseInvalidation(message)
	if err != nil {
		return
	}
	all := b.listening()
	if sender == b.client.id && b.client.writes.receive(nonce) && len(all) < 2 {
		return
	}
	for _, l := range all {
		l.Invalidate(key)
	}
}
