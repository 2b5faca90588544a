// Package counters is a Recorder in memory: a number for each thing that can
// be counted, read as a whole by Snapshot. It knows nothing of how the numbers
// are shown.
package counters

import (
	"sync/atomic"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.Recorder = (*Recorder)(nil)

// Recorder counts. The zero Recorder is ready for use, and is safe for
// concurrent use.
type Recorder struct {
	requests    [domain.Outcomes]atomic.Uint64
	events      [ports.Events]atomic.Uint64
	sourceNanos atomic.Uint64
	sourceEnded atomic.Uint64
}

// New returns a Recorder at zero.
func New() *Recorder { return new(Recorder) }

// Request counts one request by its outcome.
func (r *Recorder) Request(o domain.Outcome) { r.requests[o].Add(1) }

// Event counts one event.
func (r *Recorder) Event(e ports.Event) { r.events[e].Add(1) }

// SourceTook adds one call of the source that lasted d.
func (r *Recorder) SourceTook(d time.Duration) {
	r.sourceNanos.Add(uint64(d))
	r.sourceEnded.Add(1)
}

// Snapshot returns all numbers. Each is exact; they are read one after the
// other, so that sums over several may be ahead of or behind each other by the
// requests of that moment.
func (r *Recorder) Snapshot() ports.Counts {
	var c ports.Counts
	for i := range r.requests {
		c.Requests[i] = r.requests[i].Load()
	}
	for i := range r.events {
		c.Events[i] = r.events[i].Load()
	}
	c.SourceTime = time.Duration(r.sourceNanos.Load())
	c.SourceEnded = r.sourceEnded.Load()
	return c
}
