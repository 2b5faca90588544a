package app

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"

	"github.com/multi-layer-cache/multi-layer-cache/app/flight"
	"github.com/multi-layer-cache/multi-layer-cache/app/hot"
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

	gate       gate     // to the source
	callers    *callers // of the source
	refreshing *quota   // of refreshes: half of its slots, so that they do not hold up users
	batched    *quota   // of loads for batches
	reads      slots    // of batches' calls of L2
	warming    *quota   // of loads ahead of requests, which are refreshes too
	breaker    *breaker
	purges     *routePurges
	inspector  *inspector // nil: nothing is inspected

	failed  *cooldown // leases that are not to be taken, for when L2 cannot tell
	resting *cooldown // keys that are not refreshed for a while

	hot *hot.Tracker[domain.Key]
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
		refreshing: newQuota(max(1, o.SourceConcurrency/2)),
		reads:      m.reads,
		warming:    newQuota(max(1, o.SourceConcurrency/8)),
		hot:        hot.NewTracker(hotKeys, domain.Key.Clone),
		breaker:    newBreaker(o),
		purges:     purged,
		failed:     newCooldown(),
		resting:    newCooldown(),
	}
	s.callers = &callers{
		source: p.Source, rec: p.Recorder, slots: newQuota(o.SourceConcurrency), patience: o.patience(), timeout: o.SourceTimeout, memory: m.room,
	}
	s.gate = newGate(s.callers)
	s.batched = newQuota(m.batchedLoads(o, s.gate.keysPerCall()))
	if o.AdaptiveLimit {
		s.callers.limiter = newLimiter(o.SourceConcurrency, s.limit)
	}
	return s
}

// limit lets no more than n calls of the source be in flight. Refreshes and batches have
// their shares of that.
func (s *Service) limit(n int) {
	s.callers.slots.resize(n)
	s.refreshing.resize(n / 2)
	s.warming.resize(n / 8)
	s.batched.resize(n * s.gate.keysPerCall() / 2)
}

// Activity returns what the service does now.
func (s *Service) Activity() ports.Activity {
	refreshes := s.refreshing.taken()
	return ports.Activity{
		SourceCalls: s.callers.slots.taken(),
		SourceSlots: s.callers.slots.size(),
		Overdue:     int(s.callers.overdue.Load()),
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
