package redis

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// reconnectAfter is the pause before listening is tried again; as much again
// is added at random, so that instances do not come back in step.
const reconnectAfter = 250 * time.Millisecond

// wakes passes the wake-ups that arrive on this instance's own channel to
// those who wait here. One subscription serves all keys.
type wakes struct {
	channel string
	pubsub  *redis.PubSub
	stop    context.CancelFunc
	ended   chan struct{}
	close   func() error // ends the listening; again does nothing

	mu      sync.Mutex
	waiting map[string]*wake // by cache key
}

// wake is what all who wait for one key share.
type wake struct {
	called  chan struct{} // closed by the wake-up
	waiters int           // guarded by wakes.mu
}

// listen subscribes to channel and passes wake-ups on until it is closed.
func listen(c *Client, channel string) *wakes {
	ctx, stop := context.WithCancel(context.Background())
	w := &wakes{
		channel: channel,
		pubsub:  c.rdb.Subscribe(ctx),
		stop:    stop,
		ended:   make(chan struct{}),
		waiting: make(map[string]*wake),
	}
	w.close = sync.OnceValue(w.end)
	go w.run(ctx)
	return w
}

func (w *wakes) end() error {
	w.stop()
	err := w.pubsub.Close() // ends a Receive under way
	<-w.ended
	w.callAll()
	return err
}

// await returns a channel that is closed by the next wake-up for key. The
// caller calls forget when it waits no more.
func (w *wakes) await(key domain.Key) (called <-chan struct{}, forget func()) {
	name := key.String()
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.waiting[name]
	if k == nil {
		k = &wake{called: make(chan struct{})}
		w.waiting[name] = k
	}
	k.waiters++
	return k.called, func() { w.forget(name, k) }
}

func (w *wakes) forget(name string, k *wake) {
	w.mu.Lock()
	defer w.mu.Unlock()
	k.waiters--
	if k.waiters == 0 && w.waiting[name] == k {
		delete(w.waiting, name)
	}
}

func (w *wakes) call(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k := w.waiting[name]; k != nil {
		delete(w.waiting, name)
		close(k.called)
	}
}

// callAll is for when wake-ups may have been missed: everybody looks again.
func (w *wakes) callAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, k := range w.waiting {
		delete(w.waiting, name)
		close(k.called)
	}
}

// run receives until ctx ends. go-redis connects anew by itself at the next
// Receive after an error; what was published in between is lost.
func (w *wakes) run(ctx context.Context) {
	defer close(w.ended)
	// On failure the channel is remembered and asked for with the next connection.
	_ = w.pubsub.Subscribe(ctx, w.channel)
	for ctx.Err() == nil {
		message, err := w.pubsub.Receive(ctx)
		switch m := message.(type) {
		case *redis.Message:
			w.call(m.Payload)
		case *redis.Subscription:
			w.callAll()
		}
		if err != nil {
			w.callAll()
			pause(ctx, reconnectAfter+rand.N(reconnectAfter))
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
