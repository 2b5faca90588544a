package redis

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// wakes passes wake-ups to callers that wait for them in this process.
type wakes struct {
	mu      sync.Mutex
	waiting map[string]*wake // by cache key
}

// wake is what all callers that wait for one key share.
type wake struct {
	called  chan struct{} // closed by the wake-up
	waiters int           // guarded by wakes.mu
	left    atomic.Int32  // how many of them left word; tests look at it
	says    wakeUp        // set before called is closed
}

// endingOf returns how lease, which stood at the time given, ended, if that is what the
// wake-up says. A wake-up that came late may be of a lease before.
func (w *wake) endingOf(lease string, stood time.Time) ports.Ending {
	select {
	case <-w.called:
	default:
		return ports.Ending{}
	}
	if w.says.lease != lease {
		return ports.Ending{}
	}
	ending := w.says.ending
	if e := w.says.stored; e != nil { // since then, or later
		ending.Stored = domain.Copy{Entry: e, Remaining: e.TTL() - time.Since(stood)}
	}
	return ending
}

// within waits for the wake-up for at most d, and reports whether it came.
func (w *wake) within(ctx context.Context, d time.Duration) bool {
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case <-w.called:
		return true
	case <-late.C:
	case <-ctx.Done():
	}
	return false
}

// await registers for the next wake-up for key. The caller calls forget when it waits
// no more.
func (w *wakes) await(key domain.Key) (next *wake, forget func()) {
	name := key.String()
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.waiting[name]
	if k == nil {
		k = &wake{called: make(chan struct{})}
		w.waiting[name] = k
	}
	k.waiters++
	return k, func() { w.forget(name, k) }
}

func (w *wakes) forget(name string, k *wake) {
	w.mu.Lock()
	defer w.mu.Unlock()
	k.waiters--
	if k.waiters == 0 && w.waiting[name] == k {
		delete(w.waiting, name)
	}
}

func (w *wakes) call(says wakeUp) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k := w.waiting[says.key]; k != nil {
		delete(w.waiting, says.key)
		k.says = says
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
