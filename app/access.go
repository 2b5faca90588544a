package app

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// access is the right to have the source load one key. It ends with one of load and
// free, and then with done.
type access interface {
	// load asks the source. The one response comes when the source has answered, or
	// some time after ctx has ended.
	load(ctx context.Context, key domain.Key, held domain.Validator) <-chan response

	// free is for a key that need not be loaded.
	free()

	// done says that the value is not needed any more.
	done()
}

// gate bounds how many calls of the source are in flight. Each has one of slots.
type gate interface {
	// expect says that keys of a batch are about to enter, which may share a call. The
	// caller ends what it returns, which is nil where keys share nothing.
	expect() *expected

	// enter waits for access, if it may, until ctx ends. It calls arrived when it has
	// a share of a call. The error is domain.ErrOverloaded or the cause of ctx's end.
	enter(ctx context.Context, mayWait bool, arrived func()) (access, error)

	// keysPerCall is how many keys a call loads at most.
	keysPerCall() int

	// awaitIdle waits until nothing is in flight, or for ctx, the cause of whose end it
	// then returns. Nobody may enter meanwhile.
	awaitIdle(ctx context.Context) error
}

// response is what the source returned.
type response struct {
	value domain.Value
	err   error
	took  time.Duration
}

// single is the gate of a source that loads one key in a call.
type single struct{ *callers }

// callers is what all gates need.
type callers struct {
	source   ports.Source
	rec      ports.Recorder
	slots    *quota
	limiter  *limiter      // nil: the limit is fixed
	patience time.Duration // for a slot
	timeout  time.Duration // of a call
	memory   *room
	overdue  atomic.Int64 // calls that go on although they have to have ended
}

// patience is how long a call waits for a slot: while there is still time to answer.
// It gives up when a whole source call would no longer fit into the request's time, or
// after half of that time.
func (o Options) patience() time.Duration {
	return max(o.RequestTimeout-o.SourceTimeout, o.RequestTimeout/2)
}

// awaitSlot waits for a slot.
func (c *callers) awaitSlot(ctx context.Context) error {
	wait, cancel := context.WithTimeoutCause(ctx, c.patience, domain.ErrOverloaded)
	defer cancel()
	if !c.slots.take(wait) {
		return context.Cause(wait)
	}
	return nil
}

// reserve returns a reservation without memory yet. many is that of a reservation.
func (c *callers) reserve(many slots) *reservation {
	return &reservation{room: c.memory, many: many, patience: c.timeout / 2}
}

func (c *callers) awaitIdle(ctx context.Context) error {
	c.limiter.lift()
	c.slots.resize(cap(c.slots.slots))
	return c.slots.awaitFree(ctx)
}

func (g single) keysPerCall() int { return 1 }

func (g single) expect() *expected { return nil }

func (g single) enter(ctx context.Context, mayWait bool, _ func()) (access, error) {
	if !g.slots.tryTake() {
		if !mayWait {
			return nil, domain.ErrOverloaded
		}
		if err := g.awaitSlot(ctx); err != nil {
			return nil, err
		}
	}
	return &slot{callers: g.callers, memory: g.reserve(nil)}, nil
}

// slot is access that has a slot of its own. A source that ignores the end of its
// context is abandoned, and the slot is not free until the source returns.
type slot struct {
	*callers
	memory *reservation
}

func (s *slot) free() { s.slots.free() }
func (s *slot) done() { s.memory.end() }

func (s *slot) load(ctx context.Context, key domain.Key, held domain.Validator) <-chan response {
	responses := make(chan response, 1)
	s.rec.Event(ports.SourceCalled)
	go func() {
		defer s.slots.free()
		r := response{err: errNoAnswer}
		defer func() {
			s.ended(ctx, r.took, r.err)
			responses <- r
		}()
		defer s.measure(&r.took, &r.err)()
		r.value, r.err = s.source.Load(s.memory.in(ctx), key, held)
	}()
	return responses
}

var errNoAnswer = fmt.Errorf("%w: the call ended its goroutine", domain.ErrSourceFailed)

// overdueAfter is how long after its deadline a call is overdue: sources need some time
// to notice.
const overdueAfter = time.Second

// measure returns what is deferred by a call of the source: it takes the time, and
// makes a panic an error of this call and nothing more.
func (c *callers) measure(took *time.Duration, err *error) func() {
	began := time.Now()
	late := time.AfterFunc(c.timeout+overdueAfter, func() { c.overdue.Add(1) })
	return func() {
		if !late.Stop() {
			c.overdue.Add(-1)
		}
		if p := recover(); p != nil {
			*err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		*took = time.Since(began)
		c.rec.SourceTook(*took)
	}
}

// ended tells the limiter of a call that has just ended, and has its slot still.
func (c *callers) ended(ctx context.Context, took time.Duration, err error) {
	c.limiter.ended(ctx, time.Now().Add(-took), took, err, c.slots.taken())
}
