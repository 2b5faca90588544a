package mlcache

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Event is what a hook is told. Hooks are called one after the other by a goroutine of
// the cache, so that they hold up nobody and may call the cache, but for its Close. When
// more than a thousand events wait, further ones are dropped, and counted in Stats.
type Event struct {
	// Key is empty in OnInvalidate when any key may have been replaced or deleted:
	// invalidations may have been missed, and Redis confirms each value before it is
	// served again.
	Key string
	// Took is how long the load took. Keys of one batch have the same.
	Took time.Duration
	// Err is why the load failed, or ErrNotFound.
	Err error
}

// hooks calls the hooks of one cache.
type hooks struct {
	onLoad, onEvict, onInvalidate func(Event)

	log     *slog.Logger
	queue   chan func()
	dropped atomic.Uint64
	stop    func()
	stopped chan struct{}
	ended   chan struct{}
}

const maxEvents = 1024

// newHooks starts the goroutine if there is a hook.
func newHooks(s *settings) *hooks {
	h := &hooks{onLoad: s.onLoad, onEvict: s.onEvict, onInvalidate: s.onInvalidate, log: s.log, stopped: make(chan struct{}), ended: make(chan struct{})}
	h.stop = sync.OnceFunc(func() { close(h.stopped) })
	if s.onLoad == nil && s.onEvict == nil && s.onInvalidate == nil {
		close(h.ended)
		return h
	}
	h.queue = make(chan func(), maxEvents)
	go h.run()
	return h
}

// close calls the hooks for what has happened, and waits for them, or for ctx, the
// cause of whose end it then returns.
func (h *hooks) close(ctx context.Context) error {
	h.stop()
	select {
	case <-h.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (h *hooks) run() {
	defer close(h.ended)
	for {
		select {
		case f := <-h.queue:
			h.call(f)
		case <-h.stopped:
			for len(h.queue) > 0 {
				h.call(<-h.queue)
			}
			return
		}
	}
}

// call keeps a panic of a hook from ending the program.
func (h *hooks) call(f func()) {
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("panic in a hook", "panic", p)
		}
	}()
	f()
}

// tell has f called with e, if there is such a hook.
func (h *hooks) tell(f func(Event), e Event) {
	if f == nil {
		return
	}
	select {
	case h.queue <- func() { f(e) }:
	default:
		h.dropped.Add(1)
	}
}

// evicted returns what L1 calls, or nil.
func (h *hooks) evicted() func(domain.Key) {
	if h.onEvict == nil {
		return nil
	}
	return func(key domain.Key) { h.tell(h.onEvict, Event{Key: key.String()}) }
}

// source returns s as one that tells of its loads.
func (h *hooks) source(s ports.Source) ports.Source {
	told := toldSource{s, h}
	if many, ok := s.(ports.BatchSource); ok && h.onLoad != nil {
		return toldBatchSource{told, many}
	}
	if h.onLoad == nil {
		return s
	}
	return told
}

var errPanic = errors.New("the loader panicked")

type toldSource struct {
	ports.Source
	hooks *hooks
}

func (s toldSource) Load(ctx context.Context, key domain.Key, held domain.Validator) (v domain.Value, err error) {
	began := time.Now()
	told := errPanic // stands if the call ends its goroutine
	defer func() { s.tell(key, began, told) }()
	v, err = s.Source.Load(ctx, key, held)
	told = err
	return v, err
}

func (s toldSource) tell(key domain.Key, began time.Time, err error) {
	if errors.Is(err, domain.ErrNotModified) {
		err = nil
	}
	s.hooks.tell(s.hooks.onLoad, Event{Key: key.String(), Took: time.Since(began), Err: err})
}

type toldBatchSource struct {
	toldSource
	many ports.BatchSource
}

func (s toldBatchSource) Batch() (keys int, wait time.Duration) { return s.many.Batch() }

func (s toldBatchSource) LoadMany(ctx context.Context, keys []domain.Key) (loaded []ports.Loaded) {
	began := time.Now()
	defer func() {
		for i, key := range keys {
			err := errPanic
			if i < len(loaded) {
				err = loaded[i].Err
			}
			s.tell(key, began, err)
		}
	}()
	return s.many.LoadMany(ctx, keys)
}

// bus returns b as one that tells of invalidations.
func (h *hooks) bus(b ports.Bus) ports.Bus {
	if h.onInvalidate == nil {
		return b
	}
	return toldBus{b, h}
}

type toldBus struct {
	ports.Bus
	hooks *hooks
}

func (b toldBus) Listen(l ports.Listener) { b.Bus.Listen(toldListener{l, b.hooks}) }

type toldListener struct {
	ports.Listener
	hooks *hooks
}

func (l toldListener) Invalidate(key domain.Key) {
	l.Listener.Invalidate(key)
	l.hooks.tell(l.hooks.onInvalidate, Event{Key: key.String()})
}

func (l toldListener) Purged(p domain.Purges) {
	l.Listener.Purged(p)
	if len(p.Tags) > 0 || p.All > 0 || p.AllSoft > 0 {
		l.hooks.tell(l.hooks.onInvalidate, Event{})
	}
}

func (l toldListener) Gap() {
	l.Listener.Gap()
	l.hooks.tell(l.hooks.onInvalidate, Event{})
}
