// Package layers opens the second layer of a cache, for package mlcache and for the
// program cmd/mlcache: on Redis or embedded, for one cache or for several that share
// it. It knows nothing of the use case.
package layers

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/monitor"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// L2 is what one cache has of a second layer.
type L2 struct {
	Store  ports.L2Store
	Locker ports.Locker
	Bus    ports.Bus
	Purger ports.Purger
	Hot    ports.HotList
}

// Shared is an open second layer. It is safe for concurrent use and must be closed.
type Shared struct {
	monitor.SharedLayer
	view  func(name string) (L2, func(), error)
	close func() error

	mu     sync.Mutex
	names  map[string]bool // of the caches
	closed bool
}

func newShared(state monitor.SharedLayer, view func(name string) (L2, func(), error), end func() error) *Shared {
	return &Shared{SharedLayer: state, view: view, close: sync.OnceValue(end), names: make(map[string]bool)}
}

// In returns what the cache with a name has of the layer: keys, leases and
// invalidations of its own. The empty name is that of a cache that has the layer to
// itself. leave gives the name back. The error says that there is such a cache, what
// the layer has against the name, or wraps domain.ErrClosed.
func (s *Shared) In(name string) (l2 L2, leave func(), err error) {
	if err := s.take(name); err != nil {
		return L2{}, nil, err
	}
	l2, end, err := s.view(name)
	if err != nil {
		s.free(name)
		return L2{}, nil, err
	}
	return l2, sync.OnceFunc(func() {
		end()
		s.free(name)
	}), nil
}

func (s *Shared) take(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return fmt.Errorf("the connection is %w", domain.ErrClosed)
	case s.names[name]:
		return fmt.Errorf("there is a cache with the name %q on this connection", name)
	}
	s.names[name] = true
	return nil
}

func (s *Shared) free(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.names, name)
}

// Close closes the layer. Caches that still have something of it go on as when it has
// failed. Closing again does nothing and returns the same.
func (s *Shared) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	return s.close()
}

// EmbeddedBytes bounds what an embedded layer occupies, on the heap or on disk.
const EmbeddedBytes = 64 << 20

// OpenEmbedded opens a layer in this process. The error is that of embedded.Open.
func OpenEmbedded(o embedded.Options) (*Shared, error) {
	layer, err := embedded.Open(o)
	if err != nil {
		return nil, err
	}
	view := func(name string) (L2, func(), error) {
		if name == "" {
			return L2{layer, layer, layer, layer, layer}, func() {}, nil
		}
		own := layer.Namespace(name)
		return L2{own, own, layer, own, own}, func() {}, nil
	}
	return newShared(layer, view, layer.Close), nil
}

// connectWithin is how long OpenRedis waits for the server. It goes on without it.
const connectWithin = 2 * time.Second

// OpenRedis connects to a server, which may come later: it waits for it a little, so
// that the first requests find it. lockTTL is that of leases that are not renewed. The
// error is that of redis.NewClient.
func OpenRedis(o redis.Options, lockTTL time.Duration) (*Shared, error) {
	client, err := redis.NewClient(o)
	if err != nil {
		return nil, err
	}
	settle, cancel := context.WithTimeout(context.Background(), connectWithin)
	client.Settle(settle)
	cancel()
	c := connection{client, redis.NewBus(client), lockTTL}
	return newShared(client, c.in, c.close), nil
}

// connection is a client with its subscription.
type connection struct {
	client  *redis.Client
	bus     *redis.Bus
	lockTTL time.Duration
}

func (c connection) in(name string) (l2 L2, leave func(), err error) {
	client, bus, leave := c.client, c.bus, func() {}
	if name != "" {
		if client, err = c.client.Namespace(name); err != nil {
			return L2{}, nil, err
		}
		if bus, err = c.bus.Namespace(client); err != nil {
			return L2{}, nil, err
		}
		leave = bus.Close
	}
	locker, err := redis.NewLocker(bus, redis.LockerOptions{TTL: c.lockTTL})
	if err != nil {
		leave()
		return L2{}, nil, err
	}
	store := redis.NewStore(client)
	return L2{store, locker, bus, store, store}, leave, nil
}

func (c connection) close() error {
	c.bus.Close()
	return c.client.Close()
}
