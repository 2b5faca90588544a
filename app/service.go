package app

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"

	"github.com/multi-layer-cache/multi-layer-cache/app/flight"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Service reads and writes keys through the layers. It is safe for concurrent
// use and must be closed.
type Service struct {
	l1     ports.L1Store
	l2     ports.L2Store
	locker ports.Locker
	bus    ports.Bus
	rec    ports.Recorder
	log    *slog.Logger
	opts   Options

	calls   *flight.Group[callKey, result]
	waiting atomic.Int64 // requests

	gate       gate  // to the source
	slots      slots // of source calls
	refreshing slots // of refreshes: half of those, so that they do not hold up users
	batched    slots // of loads for batches
	reads      slots // of batches' calls of L2
	breaker    *breaker
	purges     *routePurges
	inspector  *inspector // nil: nothing is inspected

	failed  *cooldown // leases that are not to be taken, for when L2 cannot tell
	resting *cooldown // keys that are not refreshed for a while
}

// callKey is what callers that may share a call have in common.
type callKey struct {
	key  domain.Key
	want want
}

// want tells apart the calls for one key that do not answer the same.
type want uint8

const (
	anyCopy  want = iota // a layer's copy will do
	newLoad              // loads although a layer has a copy
	unstored             // stores nothing
)

// New returns a Service over p, which receives p.Bus' invalidations. The error says
// which option is out of range.
func New(p Ports, o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := newService(p, o, newMemory(o.MaxValueBytes, 1), newPurges(p.Purger, p.Bus, o.remembered()).of(""))
	s.bus.Listen(listener{s})
	s.inspect()
	return s, nil
}

// newService returns a Service that does not receive invalidations yet.
func newService(p Ports, o Options, m memory, purged *routePurges) *Service {
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.L1TTL > 0 {
		p.L1 = reconfirmed{p.L1, o.L1TTL}
	}
	l1 := purgedL1{p.L1, purged}
	s := &Service{
		l1: l1, l2: newestL2{purgedL2{p.L2, purged}, l1}, locker: p.Locker, bus: p.Bus, rec: p.Recorder, log: p.Logger,
		opts:       o,
		calls:      flight.NewGroup[callKey, result](o.MaxWaiters, o.RequestTimeout),
		slots:      make(slots, o.SourceConcurrency),
		refreshing: make(slots, max(1, o.SourceConcurrency/2)),
		reads:      m.reads,
		breaker:    newBreaker(o),
		purges:     purged,
		failed:     newCooldown(),
		resting:    newCooldown(),
	}
	s.gate = newGate(&callers{
		source: p.Source, rec: p.Recorder, slots: s.slots, patience: o.patience(), timeout: o.SourceTimeout, memory: m.room,
	})
	s.batched = make(slots, m.batchedLoads(o, s.gate.keysPerCall()))
	return s
}

// Activity returns what the service does now.
func (s *Service) Activity() ports.Activity {
	refreshes := len(s.refreshing)
	return ports.Activity{
		SourceCalls: len(s.slots),
		SourceSlots: cap(s.slots),
		Calls:       max(0, s.calls.Len()-refreshes),
		Refreshes:   refreshes,
		Waiting:     int(s.waiting.Load()),
		Subscribed:  s.bus.Subscribed(),
		Available:   s.bus.Available(),
		Failing:     s.breaker.failing(),
		PurgedTags:  int(s.purges.held.Load()),
		Inspected:   s.inspector.activity(),
	}
}

// Drain waits until the calls that are in flight now have ended, or for ctx, whose
// error it then returns. New requests are served meanwhile.
func (s *Service) Drain(ctx context.Context) error { return s.calls.Drain(ctx) }

// Close cancels all calls, releases their leases and waits until every goroutine of
// the service has ended, or for ctx, whose error it then returns. From then on, what
// L1 cannot answer gets domain.ErrClosed.
func (s *Service) Close(ctx context.Context) error {
	s.inspector.end()
	err := s.calls.Close(ctx)
	if err == nil {
		err = s.gate.awaitIdle(ctx) // a source that ignores its context still has a slot
	}
	if err != nil {
		return fmt.Errorf("source calls still in flight: %w", err)
	}
	return nil
}
