package app

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// Hot returns up to n hot keys of each route.
func (r *Router) Hot(n int) (all []domain.HotRoute) {
	for _, route := range r.routes {
		all = append(all, domain.HotRoute{Route: route.name, Keys: route.Hot(n)})
	}
	slices.SortFunc(all, func(a, b domain.HotRoute) int { return cmp.Compare(a.Route, b.Route) })
	return all
}

// hottest returns what this instance puts on the list of all.
func (r *Router) hottest() []domain.HotKey {
	var all []domain.HotKey
	for _, route := range r.Hot(hotPublished) {
		all = append(all, route.Keys...)
	}
	return worthPublishing(all)
}

// Warm is that of the keys' Services, side by side.
func (r *Router) Warm(ctx context.Context, keys []domain.Key) (w domain.Warmed) {
	var mu sync.Mutex
	var parts sync.WaitGroup
	for route, some := range r.byRoute(keys) {
		parts.Go(func() {
			one := route.Warm(ctx, some)
			mu.Lock()
			defer mu.Unlock()
			w.Add(one)
		})
	}
	parts.Wait()
	return w
}

// byRoute returns the keys of each route, and leaves out those that have none.
func (r *Router) byRoute(keys []domain.Key) map[*routed][]domain.Key {
	parts := make(map[*routed][]domain.Key)
	for _, key := range keys {
		if route, err := r.of(key); err == nil {
			parts[route] = append(parts[route], key)
		}
	}
	return parts
}

// WarmUp fills L1 from L2 with the hottest keys of all instances, the hottest first, up
// to that many keys and bytes. It does not call sources. Before it reads it waits until
// invalidations arrive, so that what it reads can be trusted; while L2 cannot be asked
// it waits, until ctx ends. The error is why not all was done.
func (r *Router) WarmUp(ctx context.Context, most, mostBytes int) (done domain.WarmedUp, err error) {
	if r.hot == nil {
		return done, nil
	}
	for !r.bus.Subscribed() {
		if !pause(ctx, subscribedEvery) {
			return done, context.Cause(ctx)
		}
	}
	hot, err := r.hot.Hottest(ctx, most)
	for err != nil {
		if !pause(ctx, warmPause) {
			return done, err
		}
		hot, err = r.hot.Hottest(ctx, most)
	}
	keys := make([]domain.Key, len(hot))
	for i, one := range hot {
		keys[i] = one.Key
	}
	done.Listed = len(keys)
	for some := range slices.Chunk(keys, keysPerRead) {
		for route, part := range r.byRoute(some) {
			got := route.fetch(ctx, part)
			for got.err != nil && pause(ctx, warmPause) {
				again := route.fetch(ctx, got.missing)
				again.keys, again.bytes = again.keys+got.keys, again.bytes+got.bytes
				got = again
			}
			done.Keys += got.keys
			done.Bytes += got.bytes
			if got.err != nil {
				return done, got.err
			}
		}
		if done.Bytes >= mostBytes {
			break
		}
	}
	return done, nil
}

// subscribedEvery is how often WarmUp asks whether invalidations arrive.
const subscribedEvery = 10 * time.Millisecond
