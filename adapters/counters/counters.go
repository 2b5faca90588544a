// Package counters is a Recorder in memory: a number for each thing that can
// be counted, read as a whole by Snapshot. It knows nothing of how the numbers
// are shown.
package counters

import (
	"time"

	"github.com/puzpuzpuz/xsync/v4"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.Recorder = (*Recorder)(nil)

// Recorder counts. It is safe for concurrent use. Each number is striped: cores
// that count at the same time write to different cache lines.
type Recorder struct {
	requests [domain.Outcomes]*xsync.Counter
	events   [ports.Events]*xsync.Counter
	source   *histogram
	routes   []route
}

type route struct {
	name string
	rec  *Recorder
}

// New returns a Recorder at zero.
func New() *Recorder {
	r := &Recorder{source: newHistogram()}
	for i := range r.requests {
		r.requests[i] = xsync.NewCounter()
	}
	for i := range r.events {
		r.events[i] = xsync.NewCounter()
	}
	return r
}

// Route returns a Recorder for the route with that name, at zero. What it counts is
// part of r's numbers, too. All routes are named before anything is counted.
func (r *Recorder) Route(name string) *Recorder {
	rec := New()
	r.routes = append(r.routes, route{name, rec})
	return rec
}

// Request counts one request by its outcome.
func (r *Recorder) Request(o domain.Outcome) { r.requests[o].Inc() }

// Event counts one event.
func (r *Recorder) Event(e ports.Event) { r.events[e].Inc() }

// SourceTook adds one call of the source that lasted d.
func (r *Recorder) SourceTook(d time.Duration) { r.source.observe(d) }

// Snapshot returns all numbers. Each is exact; they are read one after the
// other, so that sums over several may be ahead of or behind each other by the
// requests of that moment.
func (r *Recorder) Snapshot() ports.Counts {
	var c ports.Counts
	for i := range r.requests {
		c.Requests[i] = uint64(r.requests[i].Value())
	}
	for i := range r.events {
		c.Events[i] = uint64(r.events[i].Value())
	}
	c.SourceTook = r.source.snapshot()
	for _, route := range r.routes {
		counts := route.rec.Snapshot()
		c.Add(counts)
		c.Routes = append(c.Routes, ports.RouteCounts{Name: route.name, Counts: counts})
	}
	return c
}
