package redis

import (
	"context"
	"errors"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.Bus = (*Bus)(nil)

const (
	// beatEvery is how often an instance sends a message to itself, the whole
	// way that others' messages take: through the server that is written to, and
	// back on the subscription.
	beatEvery = time.Second
	// silence is after how long without any message the subscription is given up.
	silence = 3 * time.Second
	// listenFor is how often, at least, it is looked at how long the silence lasts.
	listenFor = 500 * time.Millisecond
	// beatTimeout bounds one beat. A server that is slow to answer may still be
	// quick to tell.
	beatTimeout = 500 * time.Millisecond

	// reconnectAfter is the pause after a failed try to subscribe, and up to as
	// much again is added at random, so that instances do not come back in step.
	reconnectAfter = 200 * time.Millisecond
	// reconnectWithin is within which time, at random, the first try is made
	// after a subscription that worked has ended.
	reconnectWithin = 100 * time.Millisecond
)

// Bus is this instance's subscription: one connection, on which the server tells
// what other instances changed and which leases that are waited for here have
// ended. It is received from directly: there is no buffer in this process that
// could run over, and one that runs over in the server breaks the connection.
//
// A Bus is safe for concurrent use and must be closed.
type Bus struct {
	client  *Client
	own     string // channel of this instance: wake-ups and beats
	changes string // channel of all instances

	wakes     wakes
	listener  atomic.Pointer[ports.Listener]
	connected atomic.Bool

	stop    context.CancelFunc
	running sync.WaitGroup
}

// NewBus returns a Bus on c, which stays the caller's to close. It subscribes
// from then on, as soon as the server can be reached.
func NewBus(c *Client) *Bus {
	ctx, stop := context.WithCancel(context.Background())
	b := &Bus{
		client: c, own: channel(c.prefix, "wake:"+c.id, database(c.rdb)), changes: c.changes(),
		wakes: wakes{waiting: make(map[string]*wake)}, stop: stop,
	}
	b.running.Go(func() { b.receive(ctx) })
	b.running.Go(func() { b.beat(ctx) })
	return b
}

// Close ends the subscription. Who waits for a lease learns that it ended.
func (b *Bus) Close() {
	b.stop()
	b.running.Wait()
}

// Listen has l told from now on.
func (b *Bus) Listen(l ports.Listener) { b.listener.Store(&l) }

// Connected reports whether the subscription stands.
func (b *Bus) Connected() bool { return b.connected.Load() }

// Reachable reports whether the circuit breaker lets calls through.
func (b *Bus) Reachable() bool { return b.client.reachable() }

// receive subscribes, anew after each end, until ctx ends.
func (b *Bus) receive(ctx context.Context) {
	for ctx.Err() == nil {
		worked := b.subscription(ctx)
		b.connected.Store(false)
		b.wakes.callAll()
		if worked {
			pause(ctx, mathrand.N(reconnectWithin))
		} else {
			pause(ctx, reconnectAfter+mathrand.N(reconnectAfter))
		}
	}
}

// subscription passes on what arrives until the connection breaks or is silent
// for too long, or ctx ends. It reports whether it ever stood.
func (b *Bus) subscription(ctx context.Context) (stood bool) {
	sub := b.client.rdb.Subscribe(ctx)
	defer func() { _ = sub.Close() }()
	defer context.AfterFunc(ctx, func() { _ = sub.Close() })() // ends a receive under way
	if sub.Subscribe(ctx, b.own, b.changes) != nil {
		return false
	}
	for heard := time.Now(); time.Since(heard) < silence; {
		message, err := sub.ReceiveTimeout(ctx, listenFor)
		switch {
		case isTimeout(err):
			continue
		case err != nil:
			return stood
		}
		heard = time.Now()
		switch m := message.(type) {
		case *redis.Subscription:
			if m.Count == 2 { // both channels
				stood = true
				b.caughtUp()
			}
		case *redis.Message:
			b.heard(m)
		}
	}
	return stood
}

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) && netErr.Timeout()
}

// caughtUp is called when, from now on, all news arrives.
func (b *Bus) caughtUp() {
	b.client.answers()
	if l := b.listener.Load(); l != nil {
		(*l).Gap()
	}
	b.connected.Store(true)
	b.wakes.callAll()
}

func (b *Bus) heard(m *redis.Message) {
	if m.Channel == b.own {
		b.wakes.call(m.Payload) // a beat is for the empty key, which nobody waits for
		return
	}
	sender, name, _ := strings.Cut(m.Payload, " ")
	key, err := domain.ParseKey(name)
	if l := b.listener.Load(); err == nil && sender != b.client.id && l != nil {
		(*l).Changed(key)
	}
}

// beat sends this instance a message now and then. The circuit breaker is not
// asked, but told when the server hangs: so when the silence is noticed, it is
// known already that no doubt can be settled there.
func (b *Bus) beat(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		replies := b.client.replies.Load()
		short, cancel := context.WithTimeout(ctx, beatTimeout)
		err := b.client.rdb.Publish(short, b.own, "").Err() // what does not arrive is noticed
		cancel()
		if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
			b.client.hangs(replies)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
