package main

import (
	"sync"

	"github.com/golang/groupcache/lru"
	"github.com/hashicorp/golang-lru/arc/v2"
	simple "github.com/hashicorp/golang-lru/v2"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// The caches of objects in which nothing expires: they read no clock.

type twoQueue struct {
	*simple.TwoQueueCache[string, *domain.Entry]
	d *data
}

func newTwoQueue(l limits, d *data) (cache, error) {
	c, err := simple.New2Q[string, *domain.Entry](l.capacity)
	return twoQueue{c, d}, err
}

func (c twoQueue) Get(i int32) (value, bool) {
	e, ok := c.TwoQueueCache.Get(c.d.asked[i])
	return value{entry: e}, ok
}
func (c twoQueue) Set(i int32) { c.Add(c.d.set[i], c.d.entries[i]) }
func (c twoQueue) Close()      {}

type arcCache struct {
	*arc.ARCCache[string, *domain.Entry]
	d *data
}

func newARC(l limits, d *data) (cache, error) {
	c, err := arc.NewARC[string, *domain.Entry](l.capacity)
	return arcCache{c, d}, err
}

func (c arcCache) Get(i int32) (value, bool) {
	e, ok := c.ARCCache.Get(c.d.asked[i])
	return value{entry: e}, ok
}
func (c arcCache) Set(i int32) { c.Add(c.d.set[i], c.d.entries[i]) }
func (c arcCache) Close()      {}

type simpleCache struct {
	*simple.Cache[string, *domain.Entry]
	d *data
}

func newSimple(l limits, d *data) (cache, error) {
	c, err := simple.New[string, *domain.Entry](l.capacity)
	return simpleCache{c, d}, err
}

func (c simpleCache) Get(i int32) (value, bool) {
	e, ok := c.Cache.Get(c.d.asked[i])
	return value{entry: e}, ok
}
func (c simpleCache) Set(i int32) { c.Add(c.d.set[i], c.d.entries[i]) }
func (c simpleCache) Close()      {}

// groupcacheLRU brings the lock that the package leaves to its user.
type groupcacheLRU struct {
	d    *data
	mu   sync.Mutex
	held *lru.Cache
}

func newGroupcache(l limits, d *data) (cache, error) {
	return &groupcacheLRU{held: lru.New(l.capacity), d: d}, nil
}

func (c *groupcacheLRU) Get(i int32) (value, bool) {
	c.mu.Lock()
	held, ok := c.held.Get(c.d.asked[i])
	c.mu.Unlock()
	e, _ := held.(*domain.Entry)
	return value{entry: e}, ok
}

func (c *groupcacheLRU) Set(i int32) {
	c.mu.Lock()
	c.held.Add(c.d.set[i], c.d.entries[i])
	c.mu.Unlock()
}

func (c *groupcacheLRU) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held.Len()
}

func (c *groupcacheLRU) Close() {}

// bareMap is the floor below every cache: no lock, no order, no lives, and once
// it is full nothing enters. It is not safe for concurrent use.
type bareMap struct {
	held     map[string]*domain.Entry
	capacity int
	d        *data
}

func newBareMap(l limits, d *data) (cache, error) {
	return bareMap{make(map[string]*domain.Entry), l.capacity, d}, nil
}

func (c bareMap) Get(i int32) (value, bool) {
	e, ok := c.held[c.d.asked[i]]
	return value{entry: e}, ok
}

func (c bareMap) Set(i int32) {
	if len(c.held) < c.capacity {
		c.held[c.d.set[i]] = c.d.entries[i]
	}
}
func (c bareMap) Len() int { return len(c.held) }
func (c bareMap) Close()   {}
