// Package prometheus shows what was counted in the formats of Prometheus. It
// counts nothing itself: each scrape reads the counters that others keep.
package prometheus

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Parts are what is read. All are required.
type Parts struct {
	Counter  interface{ Snapshot() ports.Counts }
	L1       interface{ Stats() ports.L1Stats }
	Activity interface{ Activity() ports.Activity }
	L2       interface{ Breaker() string }
	Answers  interface{ Durations() []ports.RouteDurations }
}

// Handler answers scrapes, in Prometheus' text or in OpenMetrics as the request
// asks, with the numbers of p, of the Go runtime and of the process.
func Handler(p Parts, version string) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collector{p, version},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// collector is safe for concurrent use.
type collector struct {
	parts   Parts
	version string
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("mlcache_"+name, help, labels, nil)
}

var (
	requests  = desc("requests_total", "Requests for keys, by how they were answered.", "outcome")
	loads     = desc("source_calls_total", "Calls of the source that began.")
	failures  = desc("source_failures_total", "Calls of the source that failed.")
	source    = desc("source_duration_seconds", "How long calls of the source took.")
	leases    = desc("leases_total", "Leases, by outcome.", "outcome")
	refreshes = desc("refreshes_total", "Loads in the background, before or after a value expired.")
	l2Failed  = desc("l2_failures_total", "Calls of the shared layer that failed.")
	l2Broken  = desc("l2_undecodable_total", "Entries in the shared layer that could not be decoded.")
	changes   = desc("bus_changes_total", "Invalidations received: keys that other instances replaced or deleted.")
	gaps      = desc("bus_gaps_total", "Times when invalidations may have been missed; the start is one.")
	evictions = desc("l1_evictions_total", "Entries evicted from memory, by cause.", "cause")
	entries   = desc("l1_entries", "Entries in memory.")
	bytes     = desc("l1_bytes", "Bytes that the entries in memory occupy.")
	calls     = desc("source_calls_in_flight", "Calls of the source in flight.")
	places    = desc("source_calls_limit", "Calls of the source that may be in flight.")
	flights   = desc("loads_in_flight", "Loads in flight, for requests or in the background.", "for")
	waiting   = desc("waiting_requests", "Requests that wait for loads.")
	l2Up      = desc("l2_up", "1 while the shared layer is used.")
	busUp     = desc("bus_up", "1 while invalidations are received.")
	breaker   = desc("l2_breaker_state", "1 for the state that the circuit breaker of the shared layer is in.", "state")
	answers   = desc("http_request_duration_seconds", "How long answers took, by route and status.", "route", "status")
	build     = desc("build_info", "1; the version that runs.", "version")
)

// Describe is for the registry.
func (c collector) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, to) }

// Collect is for the registry.
func (c collector) Collect(to chan<- prometheus.Metric) {
	c.counted(sink{to})
	c.inMemory(sink{to})
	c.now(sink{to})
	for _, d := range c.parts.Answers.Durations() {
		to <- histogram(answers, d.Durations, d.Route, strconv.Itoa(d.Status))
	}
	sink{to}.gauge(build, 1, c.version)
}

// sink takes metrics.
type sink struct{ to chan<- prometheus.Metric }

func (s sink) count(d *prometheus.Desc, n uint64, labels ...string) {
	s.to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

func (s sink) gauge(d *prometheus.Desc, value float64, labels ...string) {
	s.to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (c collector) counted(s sink) {
	n := c.parts.Counter.Snapshot()
	for o := range domain.Outcome(domain.Outcomes) {
		s.count(requests, n.Requests[o], o.String())
	}
	s.count(loads, n.Events[ports.SourceCalled])
	s.count(failures, n.Events[ports.SourceFailed])
	s.to <- histogram(source, n.SourceTook)
	s.count(leases, n.Events[ports.LeaseWon], "won")
	s.count(leases, n.Events[ports.LeaseWaited], "waited")
	s.count(leases, n.Events[ports.LeaseLost], "lost")
	s.count(leases, n.Events[ports.LoadedUnleased], "unavailable")
	s.count(refreshes, n.Events[ports.RefreshBegan])
	s.count(l2Failed, n.Events[ports.L2Failed])
	s.count(l2Broken, n.Events[ports.L2Undecodable])
	s.count(changes, n.Events[ports.InvalidationReceived])
	s.count(gaps, n.Events[ports.GapFound])
}

func (c collector) inMemory(s sink) {
	l1 := c.parts.L1.Stats()
	s.count(evictions, l1.EvictedForEntries, "entries")
	s.count(evictions, l1.EvictedForBytes, "bytes")
	s.count(evictions, l1.EvictedExpired, "expired")
	s.gauge(entries, float64(l1.Entries))
	s.gauge(bytes, float64(l1.Bytes))
}

func (c collector) now(s sink) {
	now := c.parts.Activity.Activity()
	s.gauge(calls, float64(now.SourceCalls))
	s.gauge(places, float64(now.SourceSlots))
	s.gauge(flights, float64(now.Calls), "requests")
	s.gauge(flights, float64(now.Refreshes), "refresh")
	s.gauge(waiting, float64(now.Waiting))
	s.gauge(l2Up, flag(now.Available))
	s.gauge(busUp, flag(now.Subscribed))
	state := c.parts.L2.Breaker()
	for _, known := range []string{"closed", "half-open", "open"} {
		s.gauge(breaker, flag(known == state), known)
	}
}

func histogram(d *prometheus.Desc, took ports.Durations, labels ...string) prometheus.Metric {
	upTo := make(map[float64]uint64, len(ports.Bounds))
	var sum uint64
	for i, bound := range ports.Bounds {
		sum += took.Counts[i]
		upTo[bound.Seconds()] = sum
	}
	return prometheus.MustNewConstHistogram(d, took.Total(), took.Sum.Seconds(), upTo, labels...)
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
