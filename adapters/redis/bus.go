package redis

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.Bus = (*Bus)(nil)

const (
	// silence is after how long without a beat of a server in use the subscription is
	// given up.
	silence = 3 * time.Second
	// watchEvery is how often that is looked at.
	watchEvery = 250 * time.Millisecond
	// beatMark begins a beat. No key contains it.
	beatMark = nul
)

// Bus is this instance's subscription: one connection, on which the server tells
// what other instances changed and which leases that are waited for here have
// ended. It is received from directly: there is no buffer in this process that
// could run over, and one that runs over in the server breaks the connection.
//
// A Bus is safe for concurrent use and must be closed.
type Bus struct {
	client    *Client
	wakes     wakes
	listener  atomic.Pointer[ports.Listener]
	connected atomic.Bool

	mu    sync.Mutex
	beats map[string]time.Time // when the last one came, by the tag of the node

	stop    context.CancelFunc
	running sync.WaitGroup
}

// NewBus returns a Bus on c, which stays the caller's to close. It subscribes
// from then on, as soon as the server can be reached.
func NewBus(c *Client) *Bus {
	ctx, stop := context.WithCancel(context.Background())
	b := &Bus{client: c, wakes: wakes{waiting: make(map[string]*wake)}, stop: stop}
	b.running.Go(func() { b.receive(ctx) })
	return b
}

// Close ends the subscription, and with it the waits for leases.
func (b *Bus) Close() {
	b.stop()
	b.running.Wait()
}

// Listen has l receive invalidations from now on.
func (b *Bus) Listen(l ports.Listener) { b.listener.Store(&l) }

// Subscribed reports whether the subscription stands.
func (b *Bus) Subscribed() bool { return b.connected.Load() }

// Available reports whether a server is used.
func (b *Bus) Available() bool { return b.client.reachable() }

// receive subscribes, again after each end, until ctx ends. It asks no server that is
// not used.
func (b *Bus) receive(ctx context.Context) {
	for wait := (backoff{}); b.client.Await(ctx) == nil; wait.pause(ctx) {
		if b.subscription(ctx) {
			wait = backoff{}
		}
		b.connected.Store(false)
		b.client.nodes.suspect() // a server that has gone is known at once, not with the next beat
		b.wakes.callAll()
	}
}

// subscription passes on what arrives until the connection breaks or is silent
// for too long, or ctx ends. It reports whether it ever stood.
func (b *Bus) subscription(ctx context.Context) (stood bool) {
	ctx, end := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer end()
	sub := b.client.rdb.Subscribe(ctx)
	defer func() { _ = sub.Close() }()
	defer context.AfterFunc(ctx, func() { _ = sub.Close() })() // ends a receive under way
	watching.Go(func() { b.watch(ctx, end) })
	if sub.Subscribe(ctx, b.client.own(), b.client.changes()) != nil {
		return false
	}
	for {
		message, err := sub.ReceiveTimeout(ctx, 0)
		if err != nil {
			return stood
		}
		switch m := message.(type) {
		case *redis.Subscription:
			if m.Count == 2 { // both channels
				stood = true
				b.caughtUp()
			}
		case *redis.Message:
			b.received(m)
		default: // a piece of a message, or nothing that we asked for
			return stood
		}
	}
}

// watch calls end when a server that is used is silent for too long, or is not used
// any more: what it told meanwhile is lost.
func (b *Bus) watch(ctx context.Context, end context.CancelFunc) {
	b.mu.Lock()
	b.beats = make(map[string]time.Time)
	b.mu.Unlock()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for b.allBeat(b.client.nodes.tags(), time.Now()) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	end()
}

// allBeat reports whether each of the nodes has told something of late. A new one is
// given time.
func (b *Bus) allBeat(tags []string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for tag := range b.beats {
		if !slices.Contains(tags, tag) {
			return false
		}
	}
	for _, tag := range tags {
		if _, known := b.beats[tag]; !known {
			b.beats[tag] = now
		}
		if now.Sub(b.beats[tag]) > silence {
			return false
		}
	}
	return true
}

// caughtUp is called when, from now on, all invalidations arrive.
func (b *Bus) caughtUp() {
	b.client.writes.forget()
	if l := b.listener.Load(); l != nil {
		(*l).Gap()
	}
	b.connected.Store(true)
	b.wakes.callAll()
}

func (b *Bus) received(m *redis.Message) {
	if m.Channel == b.client.own() {
		if tag, isBeat := strings.CutPrefix(m.Payload, beatMark); isBeat {
			b.beat(tag)
		} else {
			b.wakes.call(parseWakeUp(m.Payload))
		}
		return
	}
	sender, nonce, key, err := parseInvalidation(m.Payload)
	if err != nil || sender == b.client.id && b.client.writes.receive(nonce) {
		return
	}
	if l := b.listener.Load(); l != nil {
		(*l).Invalidate(key)
	}
}

func (b *Bus) beat(tag string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.beats[tag]; known {
		b.beats[tag] = time.Now()
	}
}
