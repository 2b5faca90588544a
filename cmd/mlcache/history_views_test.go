package main

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
)

// view is what an instance says of its subscription and of Redis.
type view struct {
	begun, ended time.Duration
	answered     bool // else it says nothing
	stands       bool
	gaps         float64 // how often invalidations may have been missed
	failures     float64 // how many calls of Redis have failed
}

// views are those of one instance, by the order of their begin once all are there. It
// is safe for concurrent use until then.
type views struct {
	mu  sync.Mutex
	all []view
}

// watch looks at the instance now and then until over is closed.
func (v *views) watch(f *fleet, h *cachetest.History, at int, over <-chan struct{}) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		v.look(f, h, at)
		select {
		case <-tick.C:
		case <-over:
			v.look(f, h, at) // after all that was asked
			slices.SortFunc(v.all, func(a, b view) int { return cmp.Compare(a.begun, b.begun) })
			return
		}
	}
}

func (v *views) look(f *fleet, h *cachetest.History, at int) view {
	now := view{begun: h.Now()}
	var m map[string]float64
	r, err := f.members[at].get("/metrics")
	if err == nil && json.Unmarshal([]byte(r.body), &m) == nil {
		now.answered, now.stands, now.gaps, now.failures = true, m["bus_up"] == 1 && m["l2_up"] == 1, m["gaps_heard"], m["l2_failures"]
	}
	now.ended = h.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all = append(v.all, now)
	return now
}

// outages returns when the instance may have missed invalidations by its own account.
func (v *views) outages(at int) (spans []cachetest.Span) {
	for i := 1; i < len(v.all); i++ {
		if a, b := v.all[i-1], v.all[i]; !a.stands || !b.stands || a.gaps != b.gaps {
			spans = append(spans, cachetest.Span{At: at, From: a.begun, To: b.ended})
		}
	}
	return spans
}

// stands returns when the instance was first known to be subscribed after then.
func (v *views) stands(then time.Duration) time.Duration {
	for _, one := range v.all {
		if one.begun > then && one.stands {
			return one.ended
		}
	}
	return then
}

// failed returns how many calls of Redis failed at the most between these times.
func (v *views) failed(from, to time.Duration) float64 {
	before := 0.0
	for _, one := range v.all {
		switch {
		case !one.answered:
		case one.ended <= from:
			before = one.failures
		case one.begun >= to:
			return one.failures - before
		}
	}
	return math.Inf(1)
}

// slowest returns how long the instance took to answer what asks for nothing but
// counters, at the most, about then.
func (v *views) slowest(then time.Duration) (took time.Duration) {
	const about = 50 * time.Millisecond
	for _, one := range v.all {
		if one.begun < then+about && one.ended > then-about {
			took = max(took, one.ended-one.begun)
		}
	}
	return took
}
