package monitor

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

const (
	// everySo is how often samples are taken, and the live page gets new numbers.
	everySo = time.Second
	// spaced is how far apart two samples are at least: several pages may ask for one.
	spaced = 900 * time.Millisecond
	// gap is how far apart two samples are when some are missing. No rate is taken over it.
	gap = 3 * time.Second
	// window is what ratios and percentiles are taken over.
	window = 10 * time.Second
	// kept is how long the history is.
	kept = 5 * time.Minute
)

// sample is all that is shown, at one moment.
type sample struct {
	at      time.Duration // since the start
	counts  ports.Counts
	l1      ports.L1Stats
	now     ports.Activity
	latency ports.Durations
}

// Point is what charts show of one second; only At where samples are missing.
type Point struct {
	At        float64   `json:"at"`                  // Unix seconds
	Requests  []float64 `json:"requests,omitempty"`  // per second, answered: from L1, from L2, by a load, by another's load, stale, with an error
	Latency   []float64 `json:"latency,omitempty"`   // p50, p90 and p99 in seconds, if there is any
	Loads     []float64 `json:"loads,omitempty"`     // per second: source calls, requests that shared one, refreshes
	Evictions []float64 `json:"evictions,omitempty"` // per second: too many entries, too many bytes, expired
	Busy      []float64 `json:"busy,omitempty"`      // source calls in flight, waiting requests
}

// history is what was in the last minutes.
type history struct {
	mu     sync.Mutex
	recent []sample // of the window, newest last, without a gap
	points []Point  // newest last
}

// add adds a sample, unless there is one already. Its time is that of the service, which
// began at start.
func (h *history) add(s sample, start time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := sample{at: s.at}
	if n := len(h.recent); n > 0 {
		last = h.recent[n-1]
		if s.at-last.at < spaced {
			return
		}
	}
	if s.at-last.at > gap {
		h.recent = h.recent[:0]
		h.points = append(h.points, Point{At: unix(start, last.at+(s.at-last.at)/2)})
	}
	h.recent = append(h.recent, s)
	for len(h.recent) > 2 && s.at-h.recent[1].at >= window {
		h.recent = slices.Delete(h.recent, 0, 1)
	}
	if n := len(h.recent); n > 1 {
		h.points = append(h.points, pointOf(h.recent[0], h.recent[n-2], s, start))
	}
	oldest := unix(start, s.at-kept)
	h.points = slices.DeleteFunc(h.points, func(p Point) bool { return p.At < oldest })
}

// since returns the points after the one at a time, and the ends of the window.
func (h *history) since(at float64) (points []Point, first, last sample) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, p := range h.points {
		if p.At > at {
			points = slices.Clone(h.points[i:])
			break
		}
	}
	return points, h.recent[0], h.recent[len(h.recent)-1]
}

// unix is a moment in Unix seconds. Within an instance it is never set back.
func unix(start time.Time, at time.Duration) float64 {
	return float64(start.Add(at).UnixMilli()) / 1000
}

func pointOf(first, before, now sample, start time.Time) Point {
	seconds := (now.at - before.at).Seconds()
	requests := func(outcomes ...domain.Outcome) (all []float64) {
		for _, o := range outcomes {
			all = append(all, rate(before.counts.Requests[o], now.counts.Requests[o], seconds))
		}
		return all
	}
	event := func(e ports.Event) float64 { return rate(before.counts.Events[e], now.counts.Events[e], seconds) }
	shared := rate(before.counts.Requests[domain.Coalesced], now.counts.Requests[domain.Coalesced], seconds)
	p := Point{
		At:       unix(start, now.at),
		Requests: requests(domain.L1Hit, domain.L2Hit, domain.Loaded, domain.Coalesced, domain.Stale, domain.Failed),
		Loads:    []float64{event(ports.SourceCalled), shared, event(ports.RefreshBegan)},
		Evictions: []float64{
			rate(before.l1.EvictedForEntries, now.l1.EvictedForEntries, seconds),
			rate(before.l1.EvictedForBytes, now.l1.EvictedForBytes, seconds),
			rate(before.l1.EvictedExpired, now.l1.EvictedExpired, seconds),
		},
		Busy: []float64{float64(now.now.SourceCalls), float64(now.now.Waiting)},
	}
	if grown := grownBy(first.latency, now.latency); grown.Total() > 0 {
		p.Latency = []float64{percentile(grown, .5), percentile(grown, .9), percentile(grown, .99)}
	}
	return p
}

// rate is what a counter grew by per second, to two decimals.
func rate(before, now uint64, seconds float64) float64 {
	if now < before || seconds <= 0 {
		return 0
	}
	return math.Round(float64(now-before)/seconds*100) / 100
}

func grownBy(before, now ports.Durations) (grown ports.Durations) {
	for i, n := range now.Counts {
		if n > before.Counts[i] {
			grown.Counts[i] = n - before.Counts[i]
		}
	}
	return grown
}

// percentile returns that of durations, in seconds: they are taken to lie evenly within
// their bounds.
func percentile(d ports.Durations, q float64) float64 {
	left := q * float64(d.Total())
	for i, n := range d.Counts {
		if n == 0 || left > float64(n) {
			left -= float64(n)
			continue
		}
		low, high := time.Duration(0), ports.Bounds[min(i, len(ports.Bounds)-1)]
		if i > 0 {
			low = ports.Bounds[i-1]
		}
		return (low.Seconds() + (high-low).Seconds()*left/float64(n))
	}
	return ports.Bounds[len(ports.Bounds)-1].Seconds()
}
