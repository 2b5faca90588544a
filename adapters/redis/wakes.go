package redis

import (
	"sync"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// wakes passes wake-ups to those who wait for them in this process.
type wakes struct {
	mu      sync.Mutex
	waiting map[string]*wake // by cache key
}

// wake is what all who wait for one key share.
type wake struct {
	called  chan struct{} // closed by the wake-up
	waiters int           // guarded by wakes.mu
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
