package main

import (
	"time"

	"github.com/Yiling-J/theine-go"
	"github.com/dgraph-io/ristretto/v2"
	"github.com/hashicorp/golang-lru/v2/expirable"
	"github.com/jellydator/ttlcache/v3"
	"github.com/maypok86/otter/v2"
	"github.com/viccon/sturdyc"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// The caches of objects in which entries expire, each set up as its own
// documentation shows it for the capacity. Lives are counted from the Set.

type otterCache struct {
	*otter.Cache[string, *domain.Entry]
	d *data
}

func newOtter(l limits, d *data) (cache, error) {
	c, err := otter.New(&otter.Options[string, *domain.Entry]{
		MaximumSize:      l.capacity,
		ExpiryCalculator: otter.ExpiryWriting[string, *domain.Entry](l.life),
	})
	return otterCache{c, d}, err
}

// newOtterCoarse is otter with the clock for those who can do with a coarse one, as
// ours has a tick.
func newOtterCoarse(l limits, d *data) (cache, error) {
	c, err := otter.New(&otter.Options[string, *domain.Entry]{
		MaximumSize:      l.capacity,
		Clock:            otter.NewCoarseClock(5 * time.Millisecond),
		ExpiryCalculator: otter.ExpiryWriting[string, *domain.Entry](l.life),
	})
	return otterCache{c, d}, err
}

func (c otterCache) Get(i int32) (value, bool) {
	e, ok := c.GetIfPresent(c.d.asked[i])
	return value{entry: e}, ok
}
func (c otterCache) Set(i int32) { c.Cache.Set(c.d.set[i], c.d.entries[i]) }
func (c otterCache) Len() int    { return c.EstimatedSize() }
func (c otterCache) Close()      { c.StopAllGoroutines() }
func (c otterCache) settle()     { c.CleanUp() }

type theineCache struct {
	*theine.Cache[string, *domain.Entry]
	d    *data
	life time.Duration
}

func newTheine(l limits, d *data) (cache, error) {
	c, err := theine.NewBuilder[string, *domain.Entry](int64(l.capacity)).Build()
	return theineCache{c, d, l.life}, err
}

func (c theineCache) Get(i int32) (value, bool) {
	e, ok := c.Cache.Get(c.d.asked[i])
	return value{entry: e}, ok
}
func (c theineCache) Set(i int32) { c.SetWithTTL(c.d.set[i], c.d.entries[i], 1, c.life) }
func (c theineCache) settle()     { c.Wait() }

type ristrettoCache struct {
	*ristretto.Cache[string, *domain.Entry]
	d    *data
	life time.Duration
}

// newRistretto lets each entry cost 1, and nothing else, so that the cost is
// the number of entries.
func newRistretto(l limits, d *data) (cache, error) {
	c, err := ristretto.NewCache(&ristretto.Config[string, *domain.Entry]{
		NumCounters: 10 * int64(l.capacity), MaxCost: int64(l.capacity), BufferItems: 64, IgnoreInternalCost: true,
	})
	return ristrettoCache{c, d, l.life}, err
}

func (c ristrettoCache) Get(i int32) (value, bool) {
	e, ok := c.Cache.Get(c.d.asked[i])
	return value{entry: e}, ok
}
func (c ristrettoCache) Set(i int32) { c.SetWithTTL(c.d.set[i], c.d.entries[i], 1, c.life) }
func (c ristrettoCache) Len() int    { return int(c.MaxCost() - c.RemainingCost()) }
func (c ristrettoCache) settle()     { c.Wait() }

type expirableCache struct {
	*expirable.LRU[string, *domain.Entry]
	d *data
}

func newExpirable(l limits, d *data) (cache, error) {
	return expirableCache{expirable.NewLRU[string, *domain.Entry](l.capacity, nil, l.life), d}, nil
}

func (c expirableCache) Get(i int32) (value, bool) {
	e, ok := c.LRU.Get(c.d.asked[i])
	return value{entry: e}, ok
}
func (c expirableCache) Set(i int32) { c.Add(c.d.set[i], c.d.entries[i]) }
func (c expirableCache) Close()      { c.Purge() } // its goroutine cannot be ended

type ttlCache struct {
	*ttlcache.Cache[string, *domain.Entry]
	d *data
}

func newTTLCache(l limits, d *data) (cache, error) {
	c := ttlcache.New(
		ttlcache.WithTTL[string, *domain.Entry](l.life),
		ttlcache.WithCapacity[string, *domain.Entry](uint64(l.capacity)),
		ttlcache.WithDisableTouchOnHit[string, *domain.Entry](),
	)
	go c.Start()
	return ttlCache{c, d}, nil
}

func (c ttlCache) Get(i int32) (value, bool) {
	item := c.Cache.Get(c.d.asked[i])
	if item == nil {
		return value{}, false
	}
	return value{entry: item.Value()}, true
}
func (c ttlCache) Set(i int32) { c.Cache.Set(c.d.set[i], c.d.entries[i], ttlcache.DefaultTTL) }
func (c ttlCache) Close()      { c.Stop() }

type sturdycCache struct {
	*sturdyc.Client[*domain.Entry]
	d *data
}

// newSturdyc has 1,000 entries a shard and evicts a tenth of one at a time, as
// in its README.
func newSturdyc(l limits, d *data) (cache, error) {
	return sturdycCache{sturdyc.New[*domain.Entry](l.capacity, max(1, l.capacity/1000), l.life, 10), d}, nil
}

func (c sturdycCache) Get(i int32) (value, bool) {
	e, ok := c.Client.Get(c.d.asked[i])
	return value{entry: e}, ok
}
func (c sturdycCache) Set(i int32) { c.Client.Set(c.d.set[i], c.d.entries[i]) }
func (c sturdycCache) Len() int    { return c.Size() }
func (c sturdycCache) Close()      {} // its goroutine cannot be ended
