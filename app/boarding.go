package app

import (
	"context"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// board returns the flight at p and whether this call began it.
func (fs *flights) board(ctx context.Context, p place, w work) (f *flight, began bool, err error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f, began, err = fs.enterLocked(ctx, p)
	if !began {
		return f, false, err
	}
	own, cancel := context.WithCancelCause(f.origin)
	f.cancel = cancel
	fs.aloft[f] = struct{}{}
	go func() {
		ctx, stop := context.WithTimeoutCause(own, fs.timeout, domain.ErrTimeout)
		defer stop()
		memory := &reservation{room: fs.room}
		defer memory.end()
		fs.fly(memory.in(ctx), f, w)
	}()
	return f, true, nil
}

// look is join for work that is short: who begins it does it himself, to the end.
// It returns the flight, too.
func (fs *flights) look(ctx context.Context, p place, w work) (*flight, domain.Answer, error) {
	fs.mu.Lock()
	f, began, err := fs.enterLocked(ctx, p)
	fs.mu.Unlock()
	if err != nil {
		return nil, domain.Answer{}, err
	}
	if began {
		fs.fly(f.origin, f, w)
	}
	answer, err := fs.wait(ctx, f, began, 0)
	return f, answer, err
}

// boardOpen boards the flight at p, if there is one that may be joined.
func (fs *flights) boardOpen(p place) *flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.open[p]
	if fs.closed || f == nil || fs.outdatedLocked(f) {
		return nil
	}
	f.waiters++
	return f
}

// enterLocked returns the flight at p and whether it is a new one, which has to
// fly. It needs mu.
func (fs *flights) enterLocked(ctx context.Context, p place) (f *flight, began bool, err error) {
	earlier := fs.open[p]
	switch {
	case fs.closed:
		return nil, false, domain.ErrClosed
	case earlier != nil && !fs.outdatedLocked(earlier):
		earlier.waiters++
		return earlier, false, nil
	case len(fs.aloft) >= fs.limit:
		return nil, false, domain.ErrOverloaded
	}
	f = &flight{
		place: p, origin: context.WithoutCancel(ctx), cancel: func(error) {}, began: time.Now(), gap: fs.gap, earlier: earlier,
		done: make(chan struct{}), waiters: 1,
	}
	fs.open[p] = f
	fs.running.Add(1) // until it has landed
	return f, true, nil
}

// outdatedLocked reports whether f may carry a value that was replaced meanwhile
// without word of it. It needs mu.
func (fs *flights) outdatedLocked(f *flight) bool {
	return f.gap != fs.gap || time.Since(f.began) > sharedWhenCut && fs.cut()
}

// transfer boards a flight that cannot be joined any more, if it is in the air.
func (fs *flights) transfer(f *flight) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f == nil || f.ended || !f.inTheAir() {
		return false
	}
	f.waiters++
	return true
}

// letFly takes one waiter off the flight, which goes on whoever leaves.
func (fs *flights) letFly(f *flight) {
	fs.mu.Lock()
	f.waiters--
	f.wanted = true
	fs.mu.Unlock()
}

// leave takes one waiter off the flight. The last one ends it, but not before its
// load is as old as fs.linger, and not if it holds the lease and another instance
// waits for that.
func (fs *flights) leave(f *flight) {
	fs.mu.Lock()
	f.waiters--
	last := f.waiters == 0 && !f.wanted && !f.lingers && !fs.closed
	linger := fs.linger - time.Since(f.loadBegan())
	if last && (linger > 0 || f.leased.Load()) {
		last = false
		f.lingers = linger > 0
		// The caller that leaves need not wait, neither for that nor for the answer
		// of the locker.
		fs.running.Go(func() { fs.endLater(f, linger) })
	}
	fs.mu.Unlock()
	if last {
		fs.endUnlessJoined(f)
	}
}

// endLater ends a flight after a while, unless it is joined or awaited then.
func (fs *flights) endLater(f *flight, linger time.Duration) {
	timer := time.NewTimer(linger)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.done:
		return
	}
	fs.mu.Lock()
	f.lingers = false
	fs.mu.Unlock()
	if !f.leased.Load() || !fs.awaited(f.place.key) {
		fs.endUnlessJoined(f)
	}
}

// endUnlessJoined ends a flight that nobody waits for. Requests that come later
// begin a new one instead of joining a dying one.
func (fs *flights) endUnlessJoined(f *flight) {
	fs.mu.Lock()
	ends := f.waiters == 0 && !f.wanted
	if ends {
		f.ended = true
		fs.forgetLocked(f)
	}
	fs.mu.Unlock()
	if ends {
		f.cancel(errNobodyWaits)
	}
}
