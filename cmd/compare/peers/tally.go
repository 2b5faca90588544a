package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// batch is how many operations a goroutine does before it looks at the clock.
const batch = 256

// tally counts what one goroutine did. Since it is returned, no Get can be left
// out by the compiler.
type tally struct {
	ops, hits, wrong int64
	example          int32 // number of a key whose value was wrong
}

// took counts a hit of request i and looks whether v is the value of its key. In
// full it reads the value; else it does so for one hit in 64, which costs all
// candidates the same and next to nothing.
func (t *tally) took(d *data, i int32, v value, full bool) {
	t.hits++
	if v.empty() || (full || t.hits&63 == 0) && !v.belongsTo(d.numbers[i]) {
		t.wrong++
		t.example = d.numbers[i]
	}
}

func (t *tally) add(o tally) {
	t.ops, t.hits, t.wrong = t.ops+o.ops, t.hits+o.hits, t.wrong+o.wrong
	if o.wrong > 0 {
		t.example = o.example
	}
}

// err fails if a Get returned something else than what was set for the key.
func (t *tally) err() error {
	if t.wrong == 0 {
		return nil
	}
	return fmt.Errorf("%d values are not those of their keys, as for %q", t.wrong, name(t.example))
}

// parallel lets GOMAXPROCS goroutines work through requests in batches, which
// they take in turn: once, or over and over for as long as limit says if that
// is not 0. There must be a whole number of batches. It returns what they did
// and how long that took, with the allocations made meanwhile.
func parallel(requests []int32, limit time.Duration, work func(requests []int32, t *tally)) (sum tally, used cost) {
	var next atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	batches := int64(len(requests) / batch)
	before := mallocs()
	start := time.Now()
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			var t tally
			for {
				at := next.Add(1) - 1
				if limit == 0 && at >= batches || limit > 0 && time.Since(start) >= limit {
					break
				}
				at = at % batches * batch
				work(requests[at:at+batch], &t)
				t.ops += batch
			}
			mu.Lock()
			sum.add(t)
			mu.Unlock()
		})
	}
	wg.Wait()
	used.time = time.Since(start)
	used.mallocs = mallocs() - before
	return sum, used
}

// cost is what some operations took.
type cost struct {
	time    time.Duration
	mallocs uint64
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
