package monitor

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

const (
	// everySo is how often the live page gets new numbers.
	everySo = time.Second
	// maxStreams is how many pages may listen at once.
	maxStreams = 64
	// streamAge is after how long a stream ends. A page that still listens comes
	// back; one that does not read, which the service cannot see, makes room.
	streamAge = time.Minute
)

// Live is what the live page gets each second. Its counters are totals: the page
// looks at what they grew by from one event of an instance to the next.
type Live struct {
	Instance string `json:"instance"` // differs after a restart
	// At is when this was so, in Unix seconds. Within an instance it is never set back.
	At float64 `json:"at"`

	Metrics Metrics `json:"metrics"`
	State   State   `json:"state"`
	Latency Latency `json:"latency"` // as Parts.Latency has it
}

// State is what the parts are in.
type State struct {
	L2      string `json:"l2" enums:"ok,degraded,embedded"`
	Reason  string `json:"l2_reason,omitempty"`
	Breaker string `json:"breaker" enums:"closed,open,half-open"`
	Ready   bool   `json:"ready"`
	Source  string `json:"source"`
	Version string `json:"version"`
}

// Latency is a histogram.
type Latency struct {
	Bounds []float64 `json:"bounds"` // in seconds
	Counts []uint64  `json:"counts"` // up to the bound at the same place; the last beyond all
}

// ServeEvents tells the live page the numbers each second (Server-Sent Events, WHATWG
// HTML, section 9.2). It answers nothing with ErrEnded and ErrStreams.
func (m *Monitor) ServeEvents(w http.ResponseWriter, r *http.Request) error {
	if m.parts.Open.Err() != nil {
		return ErrEnded
	}
	select {
	case m.streams <- struct{}{}:
		defer func() { <-m.streams }()
	default:
		return ErrStreams
	}
	h := w.Header()
	noStore(h)
	h["X-Accel-Buffering"] = []string{"no"} // nginx would collect events
	h["Content-Type"] = []string{"text/event-stream;charset=utf-8"}
	if r.Method == http.MethodHead {
		return nil
	}
	return m.stream(w, r)
}

// stream goes on until the client leaves, or has listened for long enough.
func (m *Monitor) stream(w http.ResponseWriter, r *http.Request) error {
	tick := time.NewTicker(everySo)
	defer tick.Stop()
	over := time.NewTimer(streamAge)
	defer over.Stop()
	out := http.NewResponseController(w)
	for {
		fmt.Fprint(w, "event:live\ndata:")
		if err := write(w, m.live(r.Context())); err != nil {
			return err
		}
		fmt.Fprint(w, "\n\n")
		if out.Flush() != nil { // the client has left, or never sees an event
			return nil
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return nil
		case <-over.C:
			return nil
		case <-m.parts.Open.Done():
			return nil
		}
	}
}

func (m *Monitor) live(ctx context.Context) Live {
	l2 := m.parts.L2.Health(ctx)
	state := State{L2: l2, Breaker: m.parts.L2.Breaker(), Ready: m.parts.Ready(), Source: m.labels.Source, Version: m.labels.Version}
	if l2 == "degraded" {
		state.Reason = m.parts.L2.Reason()
	}
	return Live{
		Instance: m.instance,
		At:       float64(m.started.Add(time.Since(m.started)).UnixMilli()) / 1000,
		Metrics:  m.measure(),
		State:    state,
		Latency:  latencyOf(m.parts.Latency()),
	}
}

func latencyOf(d ports.Durations) Latency {
	l := Latency{Bounds: make([]float64, len(ports.Bounds)), Counts: d.Counts[:]}
	for i, bound := range ports.Bounds {
		l.Bounds[i] = bound.Seconds()
	}
	return l
}
