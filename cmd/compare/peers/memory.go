package main

import (
	"errors"
	"runtime"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/rounds"
)

// memory is what a cache costs beside its keys and values.
type memory struct {
	Held     int     // entries, as the cache says
	PerEntry float64 // bytes beyond key and value
	Empty    float64 // bytes of the cache with nothing in it
	Collect  float64 // nanoseconds of a forced collection, entries held
	Alone    float64 // the same with keys and values and no cache
}

// collections is how many forced collections the median is taken of.
const collections = 5

// measureMemory fills a cache with as many entries as it has room for. Expiry
// is on where a cache has it.
//
// What is taken to be the cache's is the heap beyond that of keys and values.
// A cache of bytes has copies of these in its memory, which are subtracted. It
// also has its room from the start, whence the large figure for an empty one.
//
// While collecting, the cache alone holds keys and values. A cache of objects
// has them marked by the collector, as would any holder, see Alone; a cache of
// bytes hides them, and its user pays with a copy and a decoding per Get.
func measureMemory(c candidate, s sizes) (m memory, err error) {
	d := newData(upTo(0, s.Entries), c.form)
	alone := heap()
	m.Alone = collect()
	cache, err := c.new(limits{s.Entries, life}, d)
	if err != nil {
		return memory{}, err
	}
	defer cache.Close()
	m.Empty = heap() - alone
	for i := range int32(s.Entries) {
		cache.Set(i)
	}
	settle(cache)
	full := heap()
	if m.Held = cache.Len(); m.Held == 0 {
		return memory{}, errors.New("the cache holds nothing")
	}
	m.PerEntry = (full - alone) / float64(m.Held)
	if c.form == asBytes {
		m.PerEntry -= keyBytes + valueBytes
	}
	d.release()
	heap()
	m.Collect = collect()
	runtime.KeepAlive(cache)
	return m, nil
}

// perMillion returns what a collection takes for a million entries, in
// milliseconds: some caches do not hold all that they have room for.
func (m memory) perMillion() float64 { return m.Collect / float64(m.Held) }

// heap returns the bytes that are alive.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// collect returns how long a forced collection takes, in nanoseconds.
func collect() float64 {
	took := make([]float64, collections)
	for i := range took {
		start := time.Now()
		runtime.GC()
		took[i] = float64(time.Since(start))
	}
	return rounds.Median(took)
}
