package app

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// This file is what concerns all routes.

// Activity returns what all services do now, and what each named route does.
func (r *Router) Activity() ports.Activity {
	all := ports.Activity{Subscribed: r.bus.Subscribed(), Available: r.bus.Available(), PurgedTags: int(r.purges.held.Load())}
	for _, route := range r.routes {
		one := route.Activity()
		one.Changes = route.changes.activity()
		all.SourceCalls += one.SourceCalls
		all.SourceSlots += one.SourceSlots
		all.Overdue += one.Overdue
		all.Calls += one.Calls
		all.Refreshes += one.Refreshes
		all.Waiting += one.Waiting
		all.Failing = all.Failing || one.Failing
		if route.name == "" {
			all.Changes, all.Inspected = one.Changes, one.Inspected
		}
		if route.name != "" {
			all.Routes = append(all.Routes, ports.RouteActivity{Name: route.name, Activity: one})
		}
	}
	slices.SortFunc(all.Routes, func(a, b ports.RouteActivity) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Drain is that of all services.
func (r *Router) Drain(ctx context.Context) error { return r.each(ctx, (*Service).Drain) }

// Close is that of all services. It stops to follow changes first.
func (r *Router) Close(ctx context.Context) error {
	r.publisher.end()
	for _, route := range r.routes {
		if route.changes != nil {
			route.changes.end()
		}
	}
	return r.each(ctx, (*Service).Close)
}

func (r *Router) each(ctx context.Context, do func(*Service, context.Context) error) error {
	errs := make([]error, len(r.routes))
	var all sync.WaitGroup
	for i, route := range r.routes {
		all.Go(func() { errs[i] = do(route.Service, ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// Invalidate drops what another instance replaced or deleted.
func (r *Router) Invalidate(key domain.Key) {
	if route, err := r.of(key); err == nil {
		route.changed(key)
	}
	r.rec.Event(ports.InvalidationReceived)
}

// Purged takes note of a purge.
func (r *Router) Purged(p domain.Purges) {
	if !r.purges.receive(p) {
		r.Gap()
	}
}

// Gap makes all that was read before unverified.
func (r *Router) Gap() {
	r.purges.gap()
	r.l1.Unverify()
	for _, route := range r.routes {
		route.calls.Reset()
	}
	r.rec.Event(ports.GapFound)
}
