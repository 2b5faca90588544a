package monitor

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

const (
	// maxStreams is how many pages may listen at once.
	maxStreams = 64
	// streamAge is after how long a stream ends. A page that still listens comes
	// back; one that does not read, which the service cannot see, makes room.
	streamAge = time.Minute
)

// Live is what the live page gets each second.
type Live struct {
	Instance string  `json:"instance"` // differs after a restart
	At       float64 `json:"at"`       // when this was so, in Unix seconds; within an instance it is never set back
	Uptime   float64 `json:"uptime"`   // seconds

	Points  []Point `json:"points,omitempty"` // those that the page does not have yet: at first all that are kept
	Recent  Recent  `json:"recent"`
	Routes  []Route `json:"routes"`
	Finds   []Find  `json:"finds,omitempty"` // copies that differed from the source, newest first
	Metrics Metrics `json:"metrics"`
	State   State   `json:"state"`
}

// Recent is what happened in the last 10 seconds: rates are per second, ratios 0 to 1.
// Ratios and percentiles are left out where there were no requests.
type Recent struct {
	Requests    float64  `json:"requests"`
	SourceCalls float64  `json:"source_calls"`
	Shared      float64  `json:"shared"`
	Stale       float64  `json:"stale"`
	Failed      float64  `json:"failed"`
	L1Ratio     *float64 `json:"l1_ratio,omitempty"`
	L2Ratio     *float64 `json:"l2_ratio,omitempty"`
	P50         *float64 `json:"p50,omitempty"` // seconds
	P99         *float64 `json:"p99,omitempty"`
}

// State is what the parts are in.
type State struct {
	L2      string `json:"l2" enums:"ok,degraded,embedded"`
	Reason  string `json:"l2_reason,omitempty"`
	Breaker string `json:"breaker" enums:"closed,open,half-open"`
	Ready   bool   `json:"ready"`
	Source  string `json:"source"`
	Version string `json:"version"`
	Host    string `json:"host,omitempty"`
}

// Watch keeps the history of the last minutes until Parts.Open ends. Without it there
// is as much of it as pages were open.
func (m *Monitor) Watch() {
	tick := time.NewTicker(everySo)
	defer tick.Stop()
	for {
		m.sample()
		select {
		case <-tick.C:
		case <-m.parts.Open.Done():
			return
		}
	}
}

func (m *Monitor) sample() {
	s := sample{
		counts: m.parts.Counter.Snapshot(), l1: m.parts.L1.Stats(), now: m.parts.Activity.Activity(), latency: m.parts.Latency(),
		at: time.Since(m.started),
	}
	m.history.add(s, m.started)
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
	sent := 0.0
	for {
		live := m.live(r.Context(), sent)
		if n := len(live.Points); n > 0 {
			sent = live.Points[n-1].At
		}
		fmt.Fprint(w, "event:live\ndata:")
		if err := write(w, live); err != nil {
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

// live returns what a page is told that has all points up to the time of the last.
func (m *Monitor) live(ctx context.Context, last float64) Live {
	m.sample()
	points, first, now := m.history.since(last)
	l2 := m.parts.L2.Health(ctx)
	state := State{
		L2: l2, Breaker: m.parts.L2.Breaker(), Ready: m.parts.Ready(),
		Source: m.labels.Source, Version: m.labels.Version, Host: m.labels.Host,
	}
	if l2 == "degraded" {
		state.Reason = m.parts.L2.Reason()
	}
	uptime := time.Since(m.started)
	return Live{
		Instance: m.instance, At: unix(m.started, uptime), Uptime: uptime.Seconds(),
		Points: points, Recent: recentOf(first, now), Routes: routesOf(first, now), Finds: findsOf(now.now),
		Metrics: m.measure(), State: state,
	}
}

func recentOf(first, now sample) Recent {
	seconds := (now.at - first.at).Seconds()
	row := routeOf("", first.now, now.now, first.counts, now.counts, now.at-first.at)
	request := func(o domain.Outcome) float64 { return rate(first.counts.Requests[o], now.counts.Requests[o], seconds) }
	r := Recent{
		Requests: row.Requests, Shared: request(domain.Coalesced), Stale: request(domain.Stale), Failed: request(domain.Failed),
		SourceCalls: rate(first.counts.Events[ports.SourceCalled], now.counts.Events[ports.SourceCalled], seconds),
	}
	if row.Requests > 0 {
		l1, l2 := request(domain.L1Hit)/row.Requests, request(domain.L2Hit)/row.Requests
		r.L1Ratio, r.L2Ratio = &l1, &l2
	}
	if grown := grownBy(first.latency, now.latency); grown.Total() > 0 {
		p50, p99 := percentile(grown, .5), percentile(grown, .99)
		r.P50, r.P99 = &p50, &p99
	}
	return r
}
