package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

var errNobodyWaits = errors.New("nobody waits for the load any more")

// fetchFunc does the work of a flight.
type fetchFunc func(ctx context.Context, key domain.Key) (domain.Answer, error)

// flight is the load of one key that all requests of this process share.
type flight struct {
	cancel context.CancelCauseFunc
	// done is closed when the flight has landed; the fields below it are set
	// before and not changed afterwards.
	done   chan struct{}
	answer domain.Answer
	err    error
	landed time.Time

	waiters int // guarded by flights.mu
}

// flights holds the flight of each key that is being loaded. A flight belongs
// to the service: it takes its values (traces) from the request that began it
// and its end from here. It ends early only when its last waiter has left, or
// when the service closes.
type flights struct {
	fetch   fetchFunc
	timeout time.Duration
	running sync.WaitGroup // every goroutine of the service

	mu     sync.Mutex
	open   map[domain.Key]*flight
	closed bool
}

func newFlights(fetch fetchFunc, timeout time.Duration) *flights {
	return &flights{fetch: fetch, timeout: timeout, open: make(map[domain.Key]*flight)}
}

// join waits for the flight of key, which it begins if there is none. It ends
// with ctx; the error is then the cause of that.
func (fs *flights) join(ctx context.Context, key domain.Key) (domain.Answer, error) {
	f, began, err := fs.board(ctx, key)
	if err != nil {
		return domain.Answer{}, err
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		fs.leave(key, f)
		return domain.Answer{}, context.Cause(ctx)
	}
	answer := f.answer
	if answer.Outcome == domain.Loaded && !began {
		answer.Outcome = domain.Coalesced
	}
	answer.Copy = answer.After(time.Since(f.landed))
	return answer, f.err
}

// board returns the flight of key and whether this call began it.
func (fs *flights) board(ctx context.Context, key domain.Key) (f *flight, began bool, err error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.closed {
		return nil, false, domain.ErrClosed
	}
	if f := fs.open[key]; f != nil {
		f.waiters++
		return f, false, nil
	}
	own, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	f = &flight{cancel: cancel, done: make(chan struct{}), waiters: 1}
	fs.open[key] = f
	fs.running.Go(func() { fs.fly(own, key, f) })
	return f, true, nil
}

// leave takes one waiter off the flight. The last one ends it, and requests
// that come later begin a new one instead of joining a dying one.
func (fs *flights) leave(key domain.Key, f *flight) {
	fs.mu.Lock()
	f.waiters--
	last := f.waiters == 0
	if last {
		fs.forgetLocked(key, f)
	}
	fs.mu.Unlock()
	if last {
		f.cancel(errNobodyWaits)
	}
}

func (fs *flights) fly(ctx context.Context, key domain.Key, f *flight) {
	// Stands if fetch ends its goroutine instead of returning.
	f.err = fmt.Errorf("%w: the load ended without a result", domain.ErrSourceFailed)
	defer func() {
		fs.mu.Lock()
		fs.forgetLocked(key, f)
		fs.mu.Unlock()
		f.landed = time.Now()
		close(f.done)
		f.cancel(nil)
	}()
	ctx, stop := context.WithTimeoutCause(ctx, fs.timeout, domain.ErrTimeout)
	defer stop()
	f.answer, f.err = fs.fetch(ctx, key)
}

// forgetLocked needs mu. Another flight may have taken the place meanwhile.
func (fs *flights) forgetLocked(key domain.Key, f *flight) {
	if fs.open[key] == f {
		delete(fs.open, key)
	}
}

func (fs *flights) drain(ctx context.Context) error {
	for _, f := range fs.snapshot() {
		select {
		case <-f.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (fs *flights) close(ctx context.Context) error {
	fs.mu.Lock()
	fs.closed = true
	fs.mu.Unlock()
	for _, f := range fs.snapshot() {
		f.cancel(domain.ErrClosed)
	}
	ended := make(chan struct{})
	go func() {
		fs.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("source calls still under way: %w", context.Cause(ctx))
	}
}

func (fs *flights) snapshot() []*flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	all := make([]*flight, 0, len(fs.open))
	for _, f := range fs.open {
		all = append(all, f)
	}
	return all
}
