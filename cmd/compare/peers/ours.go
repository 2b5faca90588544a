package main

import (
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// ours keeps to the number of entries alone, as its peers do.
type ours struct {
	*lru.Cache
	d    *data
	life time.Duration
}

func newOurs(l limits, d *data, admission lru.Admission) (cache, error) {
	c, err := lru.New(lru.Options{
		MaxEntries: l.capacity, MaxBytes: 1 << 40, Tick: lru.DefaultTick, Admission: admission,
	})
	return ours{c, d, l.life}, err
}

func newPlain(l limits, d *data) (cache, error)   { return newOurs(l, d, lru.PlainLRU) }
func newTinyLFU(l limits, d *data) (cache, error) { return newOurs(l, d, lru.TinyLFU) }

func (c ours) Get(i int32) (value, bool) {
	held, ok := c.Cache.Get(c.d.askedKeys[i])
	return value{entry: held.Entry}, ok
}

func (c ours) Set(i int32) {
	c.Cache.Set(c.d.setKeys[i], domain.Copy{Entry: c.d.entries[i], Remaining: c.life}, 0)
}

func (c ours) Len() int { return c.Stats().Entries }
