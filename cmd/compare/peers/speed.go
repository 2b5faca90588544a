package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru/trace"
)

// The workloads.
const (
	get         = "get"
	mix         = "mix"
	setEvict    = "set + evict"
	readThrough = "read-through"
)

const (
	zipf = 1.01
	// fresh is how many keys, in capacities, set + evict goes round in: when one
	// comes again, it has long been evicted.
	fresh = 4
	// life is longer than any run: where lives are known they are kept and
	// looked at, but nothing expires.
	life = time.Hour
)

// sizes are how large the workloads are.
type sizes struct {
	Capacity  int           // in entries
	Keys      int           // that the Zipf requests are for
	Requests  int           // of read-through, after as many again to warm up
	BenchTime time.Duration // of each of the other workloads
	Entries   int           // that the memory is measured with
}

// figure is what one workload showed in one run.
type figure struct {
	Workload string
	CPU      int
	Nanos    float64 // of wall time for each operation of all goroutines
	Hits     float64 // share of the Gets
	Mallocs  float64 // per operation
}

// speed measures the workloads with each of the GOMAXPROCS values, each with a
// new cache, over the data that make returns. It fails if a value is not that of
// its key.
func speed(c candidate, s sizes, cpus []int, make func([]int32, form) *data) (figures []figure, err error) {
	r := newRequests(s, c.form, make)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, cpu := range cpus {
		if c.floor && cpu != 1 {
			continue
		}
		runtime.GOMAXPROCS(cpu) // first, since some caches look at it when made
		got, err := r.measure(c, cpu)
		if err != nil {
			return nil, fmt.Errorf("with %d CPUs: %w", cpu, err)
		}
		figures = append(figures, got...)
	}
	return figures, nil
}

// requests are what the workloads are made of, by their numbers in data.
type requests struct {
	data        *data
	sizes       sizes
	warm, asked []int32 // by Zipf's law
	fresh       []int32 // for keys that nothing else asks for
}

func newRequests(s sizes, f form, make func([]int32, form) *data) *requests {
	n := wholeBatches(s.Requests)
	last := 2*n + wholeBatches(fresh*s.Capacity)
	var numbers []int32
	for _, id := range trace.Zipf(1, zipf, s.Keys, 2*n) {
		numbers = append(numbers, int32(id))
	}
	numbers = append(numbers, upTo(s.Keys, s.Keys+last-2*n)...)
	return &requests{make(numbers, f), s, upTo(0, n), upTo(n, 2*n), upTo(2*n, last)}
}

// measure runs all workloads on one cache. What is not timed looks at each
// value, what is timed at some.
func (r *requests) measure(c candidate, cpu int) (figures []figure, err error) {
	cache, err := c.new(limits{r.sizes.Capacity, life}, r.data)
	if err != nil {
		return nil, err
	}
	defer cache.Close()
	run := func(workload string, requests []int32, limit time.Duration, work func([]int32, *tally)) {
		if err != nil {
			return
		}
		var f figure
		f, err = timed(cache, workload, requests, limit, work)
		f.CPU = cpu
		figures = append(figures, f)
	}
	run("warming up", r.warm, 0, r.readThrough(cache, true))
	figures = nil
	if !c.floor {
		run(readThrough, r.asked, 0, r.readThrough(cache, false))
	}
	if err != nil {
		return nil, err
	}
	held, err := r.heldBy(cache)
	if err != nil {
		return nil, err
	}
	run(get, held, r.sizes.BenchTime, r.get(cache, false))
	if c.floor {
		return figures, err
	}
	run(mix, r.asked, r.sizes.BenchTime, r.mix(cache))
	run(setEvict, r.fresh, r.sizes.BenchTime, set(cache))
	if err != nil {
		return nil, err
	}
	settle(cache)
	t, _ := parallel(r.fresh, 0, r.get(cache, true))
	return figures, t.err()
}

// timed runs one workload on a cache that has come to rest.
func timed(c cache, workload string, requests []int32, limit time.Duration, work func([]int32, *tally)) (figure, error) {
	settle(c)
	runtime.GC()
	t, used := parallel(requests, limit, work)
	if err := t.err(); err != nil {
		return figure{}, fmt.Errorf("%s: %w", workload, err)
	}
	ops := float64(t.ops)
	return figure{Workload: workload, Nanos: float64(used.time) / ops, Hits: float64(t.hits) / ops, Mallocs: float64(used.mallocs) / ops}, nil
}

// heldBy returns the requests that the cache answers, often enough to be whole
// batches. It fails if there are none.
func (r *requests) heldBy(c cache) (held []int32, err error) {
	settle(c)
	var t tally
	for _, i := range r.asked {
		if v, ok := c.Get(i); ok {
			t.took(r.data, i, v, true)
			held = append(held, i)
		}
	}
	switch {
	case t.err() != nil:
		return nil, fmt.Errorf("looking for what is held: %w", t.err())
	case len(held) == 0:
		return nil, fmt.Errorf("none of %d requests was a hit", len(r.asked))
	}
	for len(held) < batch {
		held = append(held, held...)
	}
	return held[:wholeBatches(len(held))], nil
}

// wholeBatches rounds down, but to one batch at least.
func wholeBatches(n int) int { return max(1, n/batch) * batch }

// The methods below return the work of one goroutine, see parallel.

func (r *requests) get(c cache, full bool) func([]int32, *tally) {
	return func(requests []int32, t *tally) {
		for _, i := range requests {
			if v, ok := c.Get(i); ok {
				t.took(r.data, i, v, full)
			}
		}
	}
}

// mix sets one in ten.
func (r *requests) mix(c cache) func([]int32, *tally) {
	return func(requests []int32, t *tally) {
		for n, i := range requests {
			if n%10 == 0 {
				c.Set(i)
			} else if v, ok := c.Get(i); ok {
				t.took(r.data, i, v, false)
			}
		}
	}
}

func (r *requests) readThrough(c cache, full bool) func([]int32, *tally) {
	return func(requests []int32, t *tally) {
		for _, i := range requests {
			if v, ok := c.Get(i); ok {
				t.took(r.data, i, v, full)
			} else {
				c.Set(i)
			}
		}
	}
}

func set(c cache) func([]int32, *tally) {
	return func(requests []int32, _ *tally) {
		for _, i := range requests {
			c.Set(i)
		}
	}
}
