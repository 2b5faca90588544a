package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Ports are the parts that a Service works with. All are required.
type Ports struct {
	L1       ports.L1Store
	L2       ports.L2Store
	Locker   ports.Locker
	Bus      ports.Bus
	Source   ports.Source
	Recorder ports.Recorder
	Logger   *slog.Logger
}

// Options are the numbers of a Service. DefaultOptions has usable ones.
type Options struct {
	TTL               time.Duration // life of a value
	TTLJitter         float64       // up to this fraction of TTL is taken off, at random; in [0, 1)
	NegativeTTL       time.Duration // life of the knowledge that a key does not exist; 0: not remembered
	StaleIfError      time.Duration // how long past its life a copy may answer when the load fails
	StaleWhile        time.Duration // how long past its life a copy answers at once while it is loaded anew (RFC 5861, stale-while-revalidate)
	L2Stale           time.Duration // how long past its life L2 keeps a value, for these two
	RefreshAhead      float64       // how eagerly values are loaded anew before their life ends, see domain.Copy.RefreshDue; 0: never
	FailureCooldown   time.Duration // how long a failed load is not tried again where L2 cannot be asked for it
	SourceTimeout     time.Duration // hard end of one source call
	SourceConcurrency int           // source calls under way at once
	LockTTL           time.Duration // life of a lease; it is renewed at a third of it
	RequestTimeout    time.Duration // hard end of one request and of one flight
	MaxValueBytes     int           // a larger value from the source is a failure
	MaxWaiters        int           // requests that wait for loads at once
	ReloadInterval    time.Duration // a load that nobody waits for any more is ended no sooner than this after it began
	// Random returns uniform numbers in [0, 1) and is safe for concurrent use. It
	// decides about refreshes ahead and TTL jitter. Nil is math/rand/v2.Float64.
	Random func() float64
}

// DefaultOptions returns the options that the service runs with when nothing
// else is said.
func DefaultOptions() Options {
	return Options{
		TTL:               30 * time.Second,
		NegativeTTL:       5 * time.Second,
		StaleIfError:      5 * time.Minute,
		RefreshAhead:      1,
		FailureCooldown:   time.Second,
		SourceTimeout:     5 * time.Second,
		SourceConcurrency: 256,
		LockTTL:           5 * time.Second,
		RequestTimeout:    10 * time.Second,
		MaxValueBytes:     1 << 20,
		MaxWaiters:        100_000,
		ReloadInterval:    time.Second,
	}
}

func (o Options) validate() error {
	switch {
	case o.TTL < time.Millisecond:
		return fmt.Errorf("app: TTL %v is below 1ms", o.TTL)
	case o.TTLJitter < 0 || o.TTLJitter >= 1:
		return fmt.Errorf("app: TTLJitter %v is not in [0, 1)", o.TTLJitter)
	case min(o.NegativeTTL, o.StaleIfError, o.StaleWhile, o.L2Stale, o.FailureCooldown, o.ReloadInterval) < 0 || o.RefreshAhead < 0:
		return errors.New("app: NegativeTTL, StaleIfError, StaleWhile, L2Stale, FailureCooldown, ReloadInterval and RefreshAhead must not be negative")
	case o.SourceTimeout <= 0 || o.RequestTimeout <= 0:
		return errors.New("app: SourceTimeout and RequestTimeout must be positive")
	case o.LockTTL < 3*time.Millisecond:
		return fmt.Errorf("app: LockTTL %v is below 3ms", o.LockTTL)
	case o.SourceConcurrency < 1:
		return fmt.Errorf("app: SourceConcurrency %d is below 1", o.SourceConcurrency)
	case o.MaxValueBytes < 1 || o.MaxWaiters < 1:
		return fmt.Errorf("app: MaxValueBytes %d or MaxWaiters %d is below 1", o.MaxValueBytes, o.MaxWaiters)
	}
	return nil
}

// Service reads and writes keys through the layers. It is safe for concurrent
// use and must be closed.
type Service struct {
	l1     ports.L1Store
	l2     ports.L2Store
	locker ports.Locker
	bus    ports.Bus
	source ports.Source
	rec    ports.Recorder
	log    *slog.Logger
	opts   Options

	running   sync.WaitGroup // every goroutine of the service
	closing   chan struct{}  // closed when the service ends
	end       func()         // closes it
	waiting   atomic.Int64   // requests
	flights   *flights
	refreshes *flights // loads in the background, which nobody waits for
	// places is the bulkhead: whoever calls the source has put one in.
	places chan struct{}
	// batched has the slots of loads for batches, and reads those of their calls
	// of L2.
	batched, reads chan struct{}

	failed    *cooldown // keys whose load failed, for when L2 cannot tell
	resting   *cooldown // keys that are not refreshed for a while
	notStored *cooldown // keys that were loaded without a lease and not stored
}

// New returns a Service over p, and has p.Bus tell it the news. The error says
// which option is out of range.
func New(p Ports, o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	s := &Service{
		l1: p.L1, l2: p.L2, locker: p.Locker, bus: p.Bus, source: p.Source, rec: p.Recorder, log: p.Logger,
		opts:      o,
		places:    make(chan struct{}, o.SourceConcurrency),
		batched:   make(chan struct{}, max(1, min(o.SourceConcurrency/2, loadedAtOnce/o.MaxValueBytes))),
		reads:     make(chan struct{}, readsAtOnce),
		failed:    newCooldown(o.FailureCooldown),
		resting:   newCooldown(max(o.FailureCooldown, minRest)),
		notStored: newCooldown(o.ReloadInterval),
	}
	s.closing = make(chan struct{})
	s.end = sync.OnceFunc(func() { close(s.closing) })
	memory := newRoom(o)
	s.flights = newFlights(o.MaxWaiters, o.RequestTimeout, s.cut, s.awaited, &s.running, memory)
	s.flights.linger = o.ReloadInterval
	// Half of the bulkhead at the most, so that refreshes do not hold up users.
	s.refreshes = newFlights(max(1, o.SourceConcurrency/2), o.RequestTimeout,
		func() bool { return false }, s.awaited, &s.running, memory)
	s.bus.Listen(listener{s})
	return s, nil
}

// Get returns the answer for key. An absent key is an answer too: its entry is
// Missing. The call ends with ctx, and after RequestTimeout at the latest; a
// load that others wait for goes on without the caller. The error wraps
// domain.ErrSourceFailed, ErrWithdrawn, ErrTimeout, ErrOverloaded or ErrClosed, or
// is the error of ctx.
func (s *Service) Get(ctx context.Context, key domain.Key) (domain.Answer, error) {
	held, _ := s.l1.Get(key)
	if held.Fresh() && s.trusts(held) {
		s.rec.Request(domain.L1Hit)
		s.refreshAhead(ctx, key, held)
		return domain.Answer{Copy: held, Outcome: domain.L1Hit}, nil
	}
	answer, err := s.getShared(ctx, key.Clone(), held, domain.Constraints{}, s.lookThenFly)
	s.rec.Request(answer.Outcome)
	if !held.Fresh() { // else it is in doubt
		answer = answer.PassedOver(held)
	}
	return answer, err
}

// trusts reports whether a copy in L1 may be used without asking L2: when no
// news about it can have been missed, or when L2 cannot be asked.
func (s *Service) trusts(held domain.Copy) bool {
	return !held.Unverified && s.bus.Subscribed() || !s.bus.Available()
}

// cut reports whether news is missed though L2 can be asked.
func (s *Service) cut() bool { return !s.bus.Subscribed() && s.bus.Available() }

// shared is a way to an answer that requests for one key share.
type shared func(ctx context.Context, key domain.Key, patience time.Duration) (domain.Answer, error)

// getShared answers in the shared way, or with held, the stale copy, when that
// fails.
func (s *Service) getShared(ctx context.Context, key domain.Key, held domain.Copy, d domain.Constraints, way shared) (domain.Answer, error) {
	if s.mayServeStale(held) && ctx.Err() == nil {
		s.refreshStale(ctx, key)
		return domain.Answer{Copy: held, Outcome: domain.Stale}, nil
	}
	return s.await(ctx, held, d, func(ctx context.Context) (domain.Answer, error) {
		return way(ctx, key, d.Wait)
	})
}

// await waits for what join waits for, within the bounds of a request, or
// answers with held if that is a stale copy and will do.
func (s *Service) await(ctx context.Context, held domain.Copy, d domain.Constraints,
	join func(context.Context) (domain.Answer, error)) (domain.Answer, error) {
	if ctx.Err() != nil {
		return domain.Answer{Outcome: domain.Abandoned}, context.Cause(ctx)
	}
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > int64(s.opts.MaxWaiters) {
		return domain.Answer{Outcome: domain.Failed}, domain.ErrOverloaded
	}
	began := time.Now()
	wait, cancel := context.WithTimeoutCause(ctx, s.opts.RequestTimeout, domain.ErrTimeout)
	defer cancel()
	answer, err := join(wait)
	window := d.StaleWindow(s.opts.StaleIfError)
	switch {
	case answer.Failure != nil && !answer.UsableStale(window): // the flight did not know of the demand
		err = answer.Failure
	case err == nil:
		return answer, nil
	case ctx.Err() != nil && !errors.Is(context.Cause(ctx), domain.ErrTimeout): // the caller has left
		return domain.Answer{Outcome: domain.Abandoned}, err
	}
	if stale := held.After(time.Since(began)); covers(stale, window, err) && s.trusts(stale) {
		return domain.Answer{Copy: stale, Outcome: domain.Stale, Failure: err}, nil
	}
	return domain.Answer{Outcome: outcomeOf(err), Refused: answer.Refused, Expired: answer.Expired}, err
}

// Activity returns what the service does now.
func (s *Service) Activity() ports.Activity {
	return ports.Activity{
		SourceCalls: len(s.places),
		SourceSlots: cap(s.places),
		Calls:       s.flights.count(),
		Refreshes:   s.refreshes.count(),
		Waiting:     int(s.waiting.Load()),
		Subscribed:  s.bus.Subscribed(),
		Available:   s.bus.Available(),
	}
}
