package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Ports are the parts that a Service works with. All are required.
type Ports struct {
	L1       ports.L1Store
	L2       ports.L2Store
	Locker   ports.Locker
	Source   ports.Source
	Recorder ports.Recorder
	Logger   *slog.Logger
}

// Options are the numbers of a Service. DefaultOptions has usable ones.
type Options struct {
	TTL               time.Duration // life of a value
	TTLJitter         float64       // up to this fraction of TTL is taken off, at random; in [0, 1)
	NegativeTTL       time.Duration // life of the knowledge that a key does not exist; 0: not remembered
	StaleIfError      time.Duration // how long past its life a copy in L1 may answer when the load fails
	SourceTimeout     time.Duration // hard end of one source call
	SourceConcurrency int           // source calls under way at once
	LockTTL           time.Duration // life of a lease; it is renewed at a third of it
	RequestTimeout    time.Duration // hard end of one request and of one flight
	MaxValueBytes     int           // a larger value from the source is a failure
}

// DefaultOptions returns the options that the service runs with when nothing
// else is said.
func DefaultOptions() Options {
	return Options{
		TTL:               30 * time.Second,
		NegativeTTL:       5 * time.Second,
		StaleIfError:      5 * time.Minute,
		SourceTimeout:     5 * time.Second,
		SourceConcurrency: 256,
		LockTTL:           5 * time.Second,
		RequestTimeout:    10 * time.Second,
		MaxValueBytes:     1 << 20,
	}
}

func (o Options) validate() error {
	switch {
	case o.TTL < time.Millisecond:
		return fmt.Errorf("app: TTL %v is below 1ms", o.TTL)
	case o.TTLJitter < 0 || o.TTLJitter >= 1:
		return fmt.Errorf("app: TTLJitter %v is not in [0, 1)", o.TTLJitter)
	case o.NegativeTTL < 0 || o.StaleIfError < 0:
		return errors.New("app: NegativeTTL and StaleIfError must not be negative")
	case o.SourceTimeout <= 0 || o.RequestTimeout <= 0:
		return errors.New("app: SourceTimeout and RequestTimeout must be positive")
	case o.LockTTL < 3*time.Millisecond:
		return fmt.Errorf("app: LockTTL %v is below 3ms", o.LockTTL)
	case o.SourceConcurrency < 1:
		return fmt.Errorf("app: SourceConcurrency %d is below 1", o.SourceConcurrency)
	case o.MaxValueBytes < 1:
		return fmt.Errorf("app: MaxValueBytes %d is below 1", o.MaxValueBytes)
	}
	return nil
}

// Service reads keys through the layers. It is safe for concurrent use and
// must be closed.
type Service struct {
	l1     ports.L1Store
	l2     ports.L2Store
	locker ports.Locker
	source ports.Source
	rec    ports.Recorder
	log    *slog.Logger
	opts   Options

	flights *flights
	// places is the bulkhead: whoever calls the source has put one in.
	places chan struct{}
}

// New returns a Service over p. The error says which option is out of range.
func New(p Ports, o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Service{
		l1: p.L1, l2: p.L2, locker: p.Locker, source: p.Source, rec: p.Recorder, log: p.Logger,
		opts:   o,
		places: make(chan struct{}, o.SourceConcurrency),
	}
	s.flights = newFlights(s.fetch, o.RequestTimeout)
	return s, nil
}

// Get returns the answer for key. An absent key is an answer too: its entry is
// Missing. The call ends with ctx, and after RequestTimeout at the latest; a
// load that others wait for goes on without the caller. The error wraps
// domain.ErrSourceFailed, ErrTimeout, ErrOverloaded or ErrClosed, or is the
// error of ctx.
func (s *Service) Get(ctx context.Context, key domain.Key) (domain.Answer, error) {
	held, _ := s.l1.Get(key)
	if held.Fresh() {
		s.rec.Request(domain.L1Hit)
		return domain.Answer{Copy: held, Outcome: domain.L1Hit}, nil
	}
	answer, err := s.getShared(ctx, key, held)
	s.rec.Request(answer.Outcome)
	return answer, err
}

// getShared answers from the key's flight, or with held, the stale copy, when
// the flight fails.
func (s *Service) getShared(ctx context.Context, key domain.Key, held domain.Copy) (domain.Answer, error) {
	if ctx.Err() != nil {
		return domain.Answer{Outcome: domain.Abandoned}, context.Cause(ctx)
	}
	began := time.Now()
	wait, cancel := context.WithTimeoutCause(ctx, s.opts.RequestTimeout, domain.ErrTimeout)
	defer cancel()
	answer, err := s.flights.join(wait, key)
	switch {
	case err == nil:
		return answer, nil
	case ctx.Err() != nil:
		return domain.Answer{Outcome: domain.Abandoned}, err
	}
	if stale := held.After(time.Since(began)); stale.UsableStale(s.opts.StaleIfError) {
		return domain.Answer{Copy: stale, Outcome: domain.Stale}, nil
	}
	return domain.Answer{Outcome: domain.Failed}, err
}

// Drain waits until the flights that are under way now have ended, or for ctx,
// whose error it then returns. New requests are served meanwhile.
func (s *Service) Drain(ctx context.Context) error { return s.flights.drain(ctx) }

// Close ends all flights, gives their leases back and waits until every
// goroutine of the service has ended, or for ctx, whose error it then returns.
// From then on, what L1 cannot answer gets domain.ErrClosed.
func (s *Service) Close(ctx context.Context) error { return s.flights.close(ctx) }
