package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var errNobodyWaits = errors.New("nobody waits for the load any more")

// sharedWhenCut is how old a flight may be to be joined while news is missed: it
// may carry a value that was replaced since it began.
const sharedWhenCut = 100 * time.Millisecond

// kind tells apart the flights of one key that do not answer the same.
type kind uint8

const (
	ordinary      kind = iota
	reload             // loads although a layer has the key
	recent             // does so unless the load of what a layer has began lately
	noStore            // loads, and stores nothing
	reloadNoStore      // reload, and stores nothing
	recentNoStore      // recent, and stores nothing
	lookFirst          // looks whether an ordinary flight has to begin
	lookOnly           // looks for who may not load
	kinds
)

// place is where those meet who may share a flight.
type place struct {
	key  domain.Key
	kind kind
}

// work is what flight f does.
type work func(ctx context.Context, key domain.Key, f *flight) (domain.Answer, error)

// flight is the load of one key that all requests of this process share.
type flight struct {
	place  place
	origin context.Context // that of the request that began it, for its values
	cancel context.CancelCauseFunc
	began  time.Time
	gap    int // how many gaps were before it
	// earlier is the flight of the same key that this one took the place of
	// because of missed news, which may be under way still. It is for the work.
	earlier *flight
	// leased is set by the work once it has the lease: other instances may wait
	// for what it brings.
	leased atomic.Bool
	// loadSince is the time since when the load began whose value this brings, or
	// earlier; nil before that is known.
	loadSince atomic.Pointer[time.Time]
	// since and unseen are what a look began with, and why it saw nothing.
	since  ports.Epoch
	unseen error
	// done is closed when the flight has landed; the fields below it are set
	// before and not changed afterwards.
	done   chan struct{}
	answer domain.Answer
	err    error
	landed time.Time

	// Guarded by flights.mu.
	waiters int
	ended   bool // because nobody waits any more
	wanted  bool // also when nobody waits
	lingers bool // a goroutine ends it later if nobody waits then
}

// loadBegins notes that a load begins at t, or did so later.
func (f *flight) loadBegins(t time.Time) { f.loadSince.Store(&t) }

// loadBegan returns the time that was noted last, or the zero time.
func (f *flight) loadBegan() time.Time {
	if t := f.loadSince.Load(); t != nil {
		return *t
	}
	return time.Time{}
}

// inTheAir reports whether the flight has not landed yet.
func (f *flight) inTheAir() bool {
	select {
	case <-f.done:
		return false
	default:
		return true
	}
}

// flights holds the flights of all keys that are being loaded. A flight belongs
// to the service: it takes its values (traces) from the request that began it
// and its end from here. It ends early only when its last waiter has left, and
// nobody waits on another instance, or when the service closes.
type flights struct {
	limit   int // of flights in the air
	timeout time.Duration
	cut     func() bool           // whether news is missed now that could be had
	awaited func(domain.Key) bool // whether other instances wait for a lease held here
	running *sync.WaitGroup       // every goroutine of the service
	// linger is how long after the beginning of a load a flight is not ended
	// though nobody waits: callers that leave and come back cause no more loads.
	linger time.Duration
	room   *room // for the values that flights bring

	mu     sync.Mutex
	open   map[place]*flight    // those that may be joined
	aloft  map[*flight]struct{} // all
	gap    int
	closed bool
}

func newFlights(limit int, timeout time.Duration, cut func() bool, awaited func(domain.Key) bool, running *sync.WaitGroup, memory *room) *flights {
	return &flights{
		limit: limit, timeout: timeout, cut: cut, awaited: awaited, running: running, room: memory,
		open: make(map[place]*flight), aloft: make(map[*flight]struct{}),
	}
}

// join waits for the flight at p, which it begins, to do the work, if there is
// none. It ends with ctx; the error is then the cause of that. It also ends after
// patience, unless that is 0, with domain.ErrStillLoading: the flight goes on.
func (fs *flights) join(ctx context.Context, p place, w work, patience time.Duration) (domain.Answer, error) {
	f, began, err := fs.board(ctx, p, w)
	if err != nil {
		return domain.Answer{}, err
	}
	return fs.wait(ctx, f, began, patience)
}

// wait waits for a flight that was boarded.
func (fs *flights) wait(ctx context.Context, f *flight, began bool, patience time.Duration) (domain.Answer, error) {
	var over <-chan time.Time
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		fs.leave(f)
		return domain.Answer{}, context.Cause(ctx)
	case <-over:
		fs.letFly(f)
		return domain.Answer{}, domain.ErrStillLoading
	}
	answer := f.answer
	if answer.Outcome == domain.Loaded {
		answer.Load = f.origin
		if !began {
			answer.Outcome = domain.Coalesced
		}
	}
	answer.Copy = answer.After(time.Since(f.landed))
	return answer, f.err
}

func (fs *flights) fly(ctx context.Context, f *flight, w work) {
	// Stands if the work ends its goroutine instead of returning.
	f.err = fmt.Errorf("%w: the load ended without a result", domain.ErrSourceFailed)
	defer func() {
		fs.mu.Lock()
		fs.forgetLocked(f)
		delete(fs.aloft, f)
		fs.mu.Unlock()
		f.landed = time.Now()
		close(f.done)
		f.cancel(nil)
		fs.running.Done()
	}()
	f.answer, f.err = w(ctx, f.place.key, f)
	f.earlier = nil // so that no chain of them is kept
}

// forgetLocked needs mu. Another flight may have taken the place meanwhile.
func (fs *flights) forgetLocked(f *flight) {
	if fs.open[f.place] == f {
		delete(fs.open, f.place)
	}
}
