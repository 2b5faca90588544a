package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// promises are what a user may take for granted, as they were found.
type promises struct {
	Sets      int           // made, in each of the first two
	LostFresh int           // Sets that the next Get did not see, in a fresh cache
	LostFull  int           // and of ever new keys in a full one
	Most      int           // entries seen while three times the capacity was set
	Served    time.Duration // how long an entry with shortLife was, at most lookFor
	Left      int           // goroutines after Close
}

const (
	shortLife = 100 * time.Millisecond
	// tick is how late the end of a life may be seen.
	tick    = 50 * time.Millisecond
	lookFor = 4 * time.Second
	grace   = 100 * time.Millisecond
)

// check finds out which promises a cache keeps. It fails if a value is not that
// of its key.
func check(c candidate, s sizes) (p promises, err error) {
	before := runtime.NumGoroutine()
	d := newData(upTo(0, 3*s.Capacity), c.form)
	cache, err := c.new(limits{s.Capacity, life}, d)
	if err != nil {
		return p, err
	}
	var t tally
	p.Sets = s.Capacity
	p.LostFresh = lost(cache, d, 0, s.Capacity, &t)
	p.LostFull = lost(cache, d, s.Capacity, 2*s.Capacity, &t)
	cache.Close()
	time.Sleep(grace)
	p.Left = max(0, runtime.NumGoroutine()-before)
	if err := t.err(); err != nil {
		return p, err
	}
	if p.Most, err = overfill(c, s.Capacity, d); err != nil {
		return p, err
	}
	if c.lives {
		p.Served, err = outlived(c, d)
	}
	return p, err
}

// lost returns how many of the keys from first to last-1 cannot be got right
// after they were set.
func lost(c cache, d *data, first, last int, t *tally) (n int) {
	for i := int32(first); i < int32(last); i++ {
		c.Set(i)
		if v, ok := c.Get(i); ok {
			t.took(d, i, v, true)
		} else {
			n++
		}
	}
	return n
}

// overfill sets three times as many keys as there is room for, from all CPUs,
// and returns the most entries that were seen meanwhile.
func overfill(c candidate, capacity int, d *data) (most int, err error) {
	cache, err := c.new(limits{capacity, life}, d)
	if err != nil {
		return 0, err
	}
	defer cache.Close()
	var next, top atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(3*capacity); i = next.Add(1) - 1 {
				cache.Set(int32(i))
				if i%1024 != 0 {
					continue
				}
				for n := int64(cache.Len()); ; {
					if held := top.Load(); n <= held || top.CompareAndSwap(held, n) {
						break
					}
				}
			}
		})
	}
	wg.Wait()
	return max(int(top.Load()), cache.Len()), nil
}

// outlived returns how long an entry that may live for shortLife is served.
func outlived(c candidate, d *data) (served time.Duration, err error) {
	cache, err := c.new(limits{1000, shortLife}, d)
	if err != nil {
		return 0, err
	}
	defer cache.Close()
	cache.Set(0)
	start := time.Now()
	settle(cache)
	for served < lookFor {
		if _, ok := cache.Get(0); !ok {
			return served, nil
		}
		served = time.Since(start)
		time.Sleep(time.Millisecond)
	}
	return served, nil
}

// The answers, as cells of a table.

const kept = "yes"

func lostCell(lost, of int) string {
	if lost == 0 {
		return kept
	}
	return fmt.Sprintf("no, %.3g%% lost", 100*float64(lost)/float64(of))
}

func mostCell(c candidate, most, capacity int) string {
	switch {
	case c.form == asBytes:
		return fmt.Sprintf("limits bytes (%+.1f%%)", 100*(float64(most)/float64(capacity)-1))
	case most <= capacity:
		return kept
	}
	return fmt.Sprintf("no, %+.3g%%", 100*(float64(most)/float64(capacity)-1))
}

func servedCell(c candidate, served time.Duration) string {
	switch ms := served.Milliseconds(); {
	case !c.lives:
		return "no lives"
	case served >= lookFor:
		return fmt.Sprintf("no, over %v", lookFor)
	case served > shortLife+tick:
		return fmt.Sprintf("no, %d ms", ms)
	case served < shortLife-tick:
		return fmt.Sprintf("no, only %d ms", ms)
	default:
		return fmt.Sprintf("%s, %d ms", kept, ms)
	}
}

func leftCell(left int) string {
	if left == 0 {
		return kept
	}
	return fmt.Sprintf("no, %d left", left)
}
