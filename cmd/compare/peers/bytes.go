package main

import (
	"context"
	"math"
	"math/bits"
	"time"

	"github.com/allegro/bigcache/v3"
	"github.com/coocood/freecache"
)

// The caches of bytes. They copy key and value in, and the value out again. A
// limit in entries they do not have: they get the bytes that so many entries of
// 16 + 32 bytes take in them, so that how many they hold is only about equal.
// The caller's share, turning bytes into objects and back, is not counted.

const (
	bigcacheHeader  = 18 + 1 // time, hash, length of the key; and of the whole
	freecacheHeader = 24
)

type bigcacheCache struct {
	*bigcache.BigCache
	d *data
}

// newBigcache evicts by size, which is in whole MiB.
func newBigcache(l limits, d *data) (cache, error) {
	config := bigcache.DefaultConfig(l.life)
	config.MaxEntriesInWindow = l.capacity
	config.MaxEntrySize = keyBytes + valueBytes + bigcacheHeader
	config.HardMaxCacheSize = (l.capacity*config.MaxEntrySize + 1<<20 - 1) >> 20
	config.Shards = min(config.Shards, 1<<bits.Len(uint(l.capacity/64)))
	config.Verbose = false
	c, err := bigcache.New(context.Background(), config)
	return bigcacheCache{c, d}, err
}

func (c bigcacheCache) Get(i int32) (value, bool) {
	held, err := c.BigCache.Get(c.d.asked[i])
	return value{bytes: held}, err == nil
}

// Set has no error to report but that of a value larger than a shard.
func (c bigcacheCache) Set(i int32) { _ = c.BigCache.Set(c.d.set[i], c.d.bodies[i]) }
func (c bigcacheCache) Close()      { _ = c.BigCache.Close() }

type freecacheCache struct {
	*freecache.Cache
	d       *data
	seconds int
}

// newFreecache rounds lives up to seconds: below one it would keep for ever.
func newFreecache(l limits, d *data) (cache, error) {
	size := l.capacity * (keyBytes + valueBytes + freecacheHeader)
	return freecacheCache{freecache.NewCache(size), d, int(math.Ceil(float64(l.life) / float64(time.Second)))}, nil
}

func (c freecacheCache) Get(i int32) (value, bool) {
	held, err := c.Cache.Get(c.d.askedBytes[i])
	return value{bytes: held}, err == nil
}

// Set has no error to report but that of a key or value too large.
func (c freecacheCache) Set(i int32) { _ = c.Cache.Set(c.d.setBytes[i], c.d.bodies[i], c.seconds) }
func (c freecacheCache) Len() int    { return int(c.EntryCount()) }
func (c freecacheCache) Close()      {}
