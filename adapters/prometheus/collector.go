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

// routed is a metric that each route has, with its name as a label if it has one.
type routed struct{ unnamed, named *prometheus.Desc }

func ofRoutes(name, help string, labels ...string) routed {
	return routed{desc(name, help, labels...), desc(name, help, append(labels, "route")...)}
}

var (
	requests     = ofRoutes("requests_total", "Requests for keys, by how they were answered.", "outcome")
	loads        = ofRoutes("source_calls_total", "Calls of the source that began.")
	failures     = ofRoutes("source_failures_total", "Calls of the source that failed.")
	source       = ofRoutes("source_duration_seconds", "How long calls of the source took.")
	leases       = ofRoutes("leases_total", "Leases, by outcome.", "outcome")
	refreshes    = ofRoutes("refreshes_total", "Loads in the background, before or after a value expired.")
	l2Failed     = desc("l2_failures_total", "Calls of the shared layer that failed.")
	l2Broken     = desc("l2_undecodable_total", "Entries in the shared layer that could not be decoded.")
	changes      = desc("bus_changes_total", "Invalidations received: keys that other instances replaced or deleted.")
	gaps         = desc("bus_gaps_total", "Times when invalidations may have been missed; the start is one.")
	evictions    = desc("l1_evictions_total", "Entries evicted from memory, by cause.", "cause")
	entries      = desc("l1_entries", "Entries in memory.")
	bytes        = desc("l1_bytes", "Bytes that the entries in memory occupy.")
	calls        = ofRoutes("source_calls_in_flight", "Calls of the source in flight.")
	places       = ofRoutes("source_calls_limit", "Calls of the source that may be in flight now.")
	overdue      = ofRoutes("source_calls_overdue", "Calls of the source that have not ended a second after their time.")
	flights      = ofRoutes("loads_in_flight", "Loads in flight, for requests or in the background.", "for")
	waiting      = ofRoutes("waiting_requests", "Requests that wait for loads.")
	l2Up         = desc("l2_up", "1 while the shared layer is used.")
	busUp        = desc("bus_up", "1 while invalidations are received.")
	compared     = ofRoutes("inspected_total", "Copies that were compared with what the source has.")
	unlike       = ofRoutes("inspected_volatile_total", "Copies of which the source answered differently each time.")
	inconsistent = ofRoutes("inconsistent_total", "Copies that still differed from what the source had, so long after that was found.", "after")
	feedUp       = ofRoutes("changes_up", "1 while some instance follows the changes of the route's source.")
	feedLeads    = ofRoutes("changes_leader", "1 while this instance does.")
	feedBehind   = ofRoutes("changes_behind_seconds", "How far behind the feed of changes is, if this instance follows it.")
	feedRetained = ofRoutes("changes_retained_bytes", "What the database retains for the feed of changes, if this instance follows it.")
	purgedTags   = desc("purged_tags", "Purges of tags that are remembered.")
	breaker      = desc("l2_breaker_state", "1 for the state that the circuit breaker of the shared layer is in.", "state")
	answers      = desc("http_request_duration_seconds", "How long answers took, by route and status.", "route", "status")
	build        = desc("build_info", "1; the version that runs.", "version")
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

// route is a sink for what one route has.
type route struct {
	sink
	name string
}

func (r route) of(d routed, labels []string) (*prometheus.Desc, []string) {
	if r.name == "" {
		return d.unnamed, labels
	}
	return d.named, append(labels, r.name)
}

func (r route) counts(d routed, n uint64, labels ...string) {
	one, labels := r.of(d, labels)
	r.count(one, n, labels...)
}

func (r route) gauges(d routed, value int, labels ...string) {
	one, labels := r.of(d, labels)
	r.gauge(one, float64(value), labels...)
}

func (r route) counted(n ports.Counts) {
	for o := range domain.Outcome(domain.Outcomes) {
		r.counts(requests, n.Requests[o], o.String())
	}
	r.counts(loads, n.Events[ports.SourceCalled])
	r.counts(failures, n.Events[ports.SourceFailed])
	one, labels := r.of(source, nil)
	r.to <- histogram(one, n.SourceTook, labels...)
	r.counts(leases, n.Events[ports.LeaseWon], "won")
	r.counts(leases, n.Events[ports.LeaseWaited], "waited")
	r.counts(leases, n.Events[ports.LeaseLost], "lost")
	r.counts(leases, n.Events[ports.LoadedUnleased], "unavailable")
	r.counts(refreshes, n.Events[ports.RefreshBegan])
}

func (c collector) counted(s sink) {
	n := c.parts.Counter.Snapshot()
	if len(n.Routes) == 0 {
		route{s, ""}.counted(n)
	}
	for _, r := range n.Routes {
		route{s, r.Name}.counted(r.Counts)
	}
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

func (r route) now(now ports.Activity) {
	r.gauges(calls, now.SourceCalls)
	r.gauges(places, now.SourceSlots)
	r.gauges(overdue, now.Overdue)
	r.gauges(flights, now.Calls, "requests")
	r.gauges(flights, now.Refreshes, "refresh")
	r.gauges(waiting, now.Waiting)
	if found := now.Inspected; found != nil {
		r.counts(compared, found.Total)
		r.counts(unlike, found.Volatile)
		for _, n := range found.Inconsistent {
			r.counts(inconsistent, n.Total, n.After.String())
		}
	}
	if feed := now.Changes; feed != nil {
		r.gauges(feedUp, int(flag(feed.Up)))
		r.gauges(feedLeads, int(flag(feed.Leads)))
		one, labels := r.of(feedBehind, nil)
		r.gauge(one, feed.Behind.Seconds(), labels...)
		one, labels = r.of(feedRetained, nil)
		r.gauge(one, float64(feed.Retained), labels...)
	}
}

func (c collector) now(s sink) {
	now := c.parts.Activity.Activity()
	if len(now.Routes) == 0 {
		route{s, ""}.now(now)
	}
	for _, r := range now.Routes {
		route{s, r.Name}.now(r.Activity)
	}
	s.gauge(l2Up, flag(now.Available))
	s.gauge(busUp, flag(now.Subscribed))
	s.gauge(purgedTags, float64(now.PurgedTags))
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
