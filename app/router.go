package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Route is a part of the keys that has a source and a policy of its own.
type Route struct {
	Name   string       // shown with what happens to its keys; may be empty if there is only one
	Prefix string       // of its keys, valid UTF-8; the longest that a key has decides
	Source ports.Source // is asked for keys without the prefix
	// Check returns an error that wraps domain.ErrInvalidKey for a key, without the
	// prefix, that Source cannot be asked for. Nil takes all keys.
	Check func(domain.Key) error
	// Changes are those of Source, with keys without the prefix; nil: they are not known.
	Changes ports.ChangeFeed
	// ChangeVersions says that versions of changes compare with those of values.
	ChangeVersions bool
	Recorder       ports.Recorder
	Options        Options
}

// Router reads and writes keys through the layers, which its routes share, as the
// Service of the route does that a key has. Limits of sources, breakers and calls in
// flight belong to a route, so none of them slows another. It is safe for concurrent
// use and must be closed.
type Router struct {
	l1     ports.L1Store
	bus    ports.Bus
	rec    ports.Recorder
	purges *purges
	routes []*routed // those with longer prefixes first
	hot    ports.HotList

	publisher *publisher // nil: there is no list of hot keys
}

type routed struct {
	*Service
	name    string
	prefix  string
	check   func(domain.Key) error
	changes *follower // nil: there is no feed
}

// NewRouter returns a Router over p, which receives p.Bus' invalidations and counts
// them by p.Recorder; p.Source is not used. The error says what is wrong with the
// routes.
func NewRouter(p Ports, routes []Route) (*Router, error) {
	r := &Router{l1: p.L1, bus: p.Bus, rec: p.Recorder, hot: p.Hot}
	if len(routes) == 0 {
		return nil, errors.New("app: no routes")
	}
	largest := slices.MaxFunc(routes, func(a, b Route) int { return a.Options.MaxValueBytes - b.Options.MaxValueBytes })
	m := newMemory(largest.Options.MaxValueBytes, len(routes))
	longest := slices.MaxFunc(routes, func(a, b Route) int { return cmp.Compare(a.Options.remembered(), b.Options.remembered()) })
	r.purges = newPurges(p.Purger, p.Bus, longest.Options.remembered())
	for _, route := range routes {
		for _, known := range r.routes {
			if known.prefix == route.Prefix || known.name == route.Name {
				return nil, fmt.Errorf("app: two routes have the prefix %q or the name %q", route.Prefix, route.Name)
			}
		}
		if err := route.Options.validate(); err != nil {
			return nil, fmt.Errorf("route %q: %w", route.Prefix, err)
		}
		own := p
		own.Source, own.Recorder = withoutPrefix(route.Source, route.Prefix), route.Recorder
		if route.Name != "" {
			own.Logger = p.Logger.With("route", route.Name)
		}
		r.routes = append(r.routes, &routed{newService(own, route.Options, m, r.purges.of(route.Name)), route.Name, route.Prefix, route.Check, nil})
	}
	slices.SortFunc(r.routes, func(a, b *routed) int { return len(b.prefix) - len(a.prefix) })
	r.bus.Listen(r)
	for _, route := range r.routes {
		route.inspect()
	}
	if r.hot != nil {
		r.publisher = publish(r.hot, r.bus, r.hottest, func(err error) { p.Logger.Debug("hot keys not published", "err", err) })
	}
	for _, route := range routes {
		if route.Changes != nil {
			at := slices.IndexFunc(r.routes, func(known *routed) bool { return known.prefix == route.Prefix })
			r.routes[at].changes = r.routes[at].follow(route)
		}
	}
	return r, nil
}

// of returns the route of key, or the error domain.ErrNoRoute.
func (r *Router) of(key domain.Key) (*routed, error) {
	for _, route := range r.routes {
		if _, ok := key.CutPrefix(route.prefix); ok {
			return route, nil
		}
	}
	return nil, domain.ErrNoRoute
}

// Check returns the error domain.ErrNoRoute for a key that has no route, which all
// methods return for such a key without counting it, and else that of Route.Check.
func (r *Router) Check(key domain.Key) error {
	route, err := r.of(key)
	if err != nil || route.check == nil {
		return err
	}
	rest, _ := key.CutPrefix(route.prefix)
	return route.check(rest)
}

// GetWith is that of the key's Service.
func (r *Router) GetWith(ctx context.Context, key domain.Key, d domain.Constraints) (domain.Answer, error) {
	route, err := r.of(key)
	if err != nil {
		return domain.Answer{Outcome: domain.Failed}, err
	}
	return route.GetWith(ctx, key, d)
}

// GetMany is that of the keys' Services, side by side.
func (r *Router) GetMany(ctx context.Context, keys []domain.Key, admit func(*domain.Entry) error) []domain.Result {
	if len(r.routes) == 1 && r.routes[0].prefix == "" {
		return r.routes[0].GetMany(ctx, keys, admit)
	}
	results := make([]domain.Result, len(keys))
	places := make(map[*routed][]int)
	for i, key := range keys {
		route, err := r.of(key)
		if err != nil {
			results[i] = domain.Result{Answer: domain.Answer{Outcome: domain.Failed}, Err: err}
			continue
		}
		places[route] = append(places[route], i)
	}
	var parts sync.WaitGroup
	for route, indexes := range places {
		parts.Go(func() {
			some := make([]domain.Key, len(indexes))
			for n, i := range indexes {
				some[n] = keys[i]
			}
			for n, result := range route.GetMany(ctx, some, admit) {
				results[indexes[n]] = result
			}
		})
	}
	parts.Wait()
	return results
}

// Put is that of the key's Service.
func (r *Router) Put(ctx context.Context, key domain.Key, v domain.Value, ttl time.Duration) error {
	route, err := r.of(key)
	if err != nil {
		return err
	}
	return route.Put(ctx, key, v, ttl)
}

// Delete is that of the key's Service.
func (r *Router) Delete(ctx context.Context, key domain.Key) error {
	route, err := r.of(key)
	if err != nil {
		return err
	}
	return route.Delete(ctx, key)
}

// Purge is that of the keys' Services; tags, and All, are those of all routes.
func (r *Router) Purge(ctx context.Context, p domain.PurgeRequest) error {
	return purge(ctx, r.rec, r.purges, p, func(ctx context.Context, key domain.Key, i domain.Invalidation) error {
		route, err := r.of(key)
		if err != nil {
			return err
		}
		return route.invalidate(ctx, key, i)
	})
}

// Explain is that of the key's Service, and names the route.
func (r *Router) Explain(ctx context.Context, key domain.Key) domain.Explanation {
	route, err := r.of(key)
	if err != nil {
		return domain.Explanation{Next: domain.StepNone}
	}
	x := route.Explain(ctx, key)
	x.Route = route.name
	return x
}

var _ ports.Listener = (*Router)(nil)
