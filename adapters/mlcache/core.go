package mlcache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/counters"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/monitor"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/layers"
	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// core is a cache as far as it does not depend on the type of its values.
type core struct {
	name    string
	service *app.Service
	l1      *lru.Cache
	layer   *layers.Shared
	leave   func() error // gives back what of it is the cache's own
	counts  *counters.Recorder
	hooks   *hooks
	monitor func() *monitor.Monitor
	open    context.Context // ends when closing begins
	end     context.CancelFunc

	closed  atomic.Bool   // closing has begun
	closing chan struct{} // holds one: what follows is of the one that put it in
	done    bool
}

func newCore(name string, s *settings, source ports.Source) (*core, error) {
	s.log = s.log.With("cache", name)
	layer, l2, leave, err := s.layer(name)
	if err != nil {
		return nil, err
	}
	hooks := newHooks(s)
	l1, err := lru.New(lru.Options{
		MaxEntries: s.entries, MaxBytes: s.bytes, MaxBodyBytes: int64(s.app.MaxValueBytes), KeepStale: s.app.KeepStale(), Tick: s.tick, OnEvict: hooks.evicted(),
	})
	if err != nil {
		return nil, errors.Join(err, hooks.close(context.Background()), leave())
	}
	counts := counters.New()
	c := &core{
		name: name, l1: l1, layer: layer, leave: leave, counts: counts, hooks: hooks, closing: make(chan struct{}, 1),
	}
	c.open, c.end = context.WithCancel(context.Background())
	c.monitor = sync.OnceValue(c.newMonitor)
	c.service, err = app.New(app.Ports{
		L1: l1, L2: l2.Store, Locker: l2.Locker, Purger: l2.Purger, Bus: c.hooks.bus(l2.Bus), Source: c.hooks.source(source),
		Recorder: counts.Route(name), Logger: s.log,
	}, s.app)
	if err != nil {
		return nil, errors.Join(err, c.release(context.Background()))
	}
	return c, nil
}

// Close cancels the loads in flight and waits until all that the cache runs has ended,
// or for ctx, whose error it then wraps: a later Close finishes what is left. It closes
// the connection, unless that is a Shared. From its beginning on all methods return
// ErrClosed. Closing again does nothing.
func (c *core) Close(ctx context.Context) error {
	c.closed.Store(true)
	c.end()
	if err := c.enter(ctx); err != nil {
		return fmt.Errorf("mlcache: close %q: %w", c.name, err)
	}
	defer func() { <-c.closing }()
	if c.done {
		return nil
	}
	err := c.service.Close(ctx)
	if err == nil {
		err = c.release(ctx)
	}
	if err != nil {
		return fmt.Errorf("mlcache: close %q: %w", c.name, err)
	}
	return nil
}

// enter waits for another Close. If there is none it does not look at ctx.
func (c *core) enter(ctx context.Context) error {
	select {
	case c.closing <- struct{}{}:
		return nil
	default:
	}
	select {
	case c.closing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// release ends what the service stands on.
func (c *core) release(ctx context.Context) error {
	if err := c.hooks.close(ctx); err != nil {
		return err
	}
	c.done = true
	c.end()
	err := c.leave()
	c.l1.Close()
	return err
}

// key returns the key that a caller means, unless the cache is closed.
func (c *core) key(name string) (domain.Key, error) {
	if c.closed.Load() {
		return domain.Key{}, ErrClosed
	}
	return domain.ParseKey(name)
}

// failed says for which key of which cache something failed.
func (c *core) failed(key string, err error) error { return fmt.Errorf("%s %q: %w", c.name, key, err) }
