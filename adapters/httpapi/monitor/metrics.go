package monitor

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Metrics are the counters of this instance since it started. Every request
// for a key is counted in exactly one of those that requests is the sum of.
type Metrics struct {
	RouteMetrics

	L1Misses           uint64 `json:"l1_misses" example:"100"`          // requests - l1_hits
	L1Entries          int    `json:"l1_entries" example:"30"`          // entries in memory now
	L1Bytes            int64  `json:"l1_bytes" example:"6120"`          // bytes that they occupy
	L1Evictions        uint64 `json:"l1_evictions" example:"3"`         // evicted entries: l1_evictions_entries + l1_evictions_bytes + l1_evictions_expired
	L1EvictionsEntries uint64 `json:"l1_evictions_entries" example:"1"` // fresh ones, because there were too many
	L1EvictionsBytes   uint64 `json:"l1_evictions_bytes" example:"0"`   // fresh ones, because they took too much room
	L1EvictionsExpired uint64 `json:"l1_evictions_expired" example:"2"` // expired ones, to make room or because the time to serve them stale was over

	L2Failures    uint64 `json:"l2_failures" example:"0"`    // calls of the shared layer that failed
	L2Undecodable uint64 `json:"l2_undecodable" example:"0"` // entries there that could not be read
	LeasesWon     uint64 `json:"leases_won" example:"30"`    // rights to load a key that this instance got
	LeaseWaits    uint64 `json:"lease_waits" example:"0"`    // waits for another instance's load
	LeasesLost    uint64 `json:"leases_lost" example:"0"`    // loads whose value was not stored, because the lease was lost
	ChangesHeard  uint64 `json:"changes_heard" example:"0"`  // invalidations received: keys that other instances replaced or deleted
	GapsHeard     uint64 `json:"gaps_heard" example:"0"`     // times when invalidations may have been missed; the start is one

	L2Up        int `json:"l2_up" example:"1"`        // 1 when the shared layer can be asked
	BusUp       int `json:"bus_up" example:"1"`       // 1 while invalidations are received
	PurgedTags  int `json:"purged_tags" example:"0"`  // purges of tags that are remembered
	BreakerOpen int `json:"breaker_open" example:"0"` // 1 when the shared layer is not asked, since it failed

	Routes map[string]RouteMetrics `json:"routes,omitempty"` // by name, if MLCACHE_ROUTES is set; their sum is above
} //	@name	Metrics

// RouteMetrics are the counters that each route has for itself.
type RouteMetrics struct {
	Requests uint64 `json:"requests" example:"1000"` // l1_hits + l2_hits + loaded + coalesced + stale_served + failed + deferred + abandoned

	L1Hits      uint64 `json:"l1_hits" example:"900"`    // answered from this instance's memory
	L2Hits      uint64 `json:"l2_hits" example:"60"`     // answered from the shared layer
	Loaded      uint64 `json:"loaded" example:"30"`      // answered by a load that the request began
	Coalesced   uint64 `json:"coalesced" example:"10"`   // answered by a load that another request began
	StaleServed uint64 `json:"stale_served" example:"0"` // answered with an expired value
	Failed      uint64 `json:"failed" example:"0"`       // answered with an error
	Deferred    uint64 `json:"deferred" example:"0"`     // answered with 202, since the client would not wait for the load
	Abandoned   uint64 `json:"abandoned" example:"0"`    // the client left before the answer

	CacheMisses    uint64  `json:"cache_misses" example:"30"`      // calls of the source
	SourceFailures uint64  `json:"source_failures" example:"0"`    // calls of the source that failed
	SourceSeconds  float64 `json:"source_seconds" example:"60.02"` // time that ended calls of the source took, in sum
	LoadsUnleased  uint64  `json:"loads_unleased" example:"0"`     // loads without a lease, because the shared layer failed
	Refreshes      uint64  `json:"refreshes" example:"0"`          // loads in the background, before or after a value expired

	SourceCalls       int `json:"source_calls_under_way" example:"0"` // calls of the source in flight
	SourceSlots       int `json:"source_places" example:"256"`        // how many there may be now
	SourceOverdue     int `json:"source_calls_overdue" example:"0"`   // of those in flight, those that have not ended a second after their time
	FlightsUnderWay   int `json:"flights" example:"0"`                // loads in flight that requests wait for
	RefreshesUnderWay int `json:"refreshes_under_way" example:"0"`    // refreshes in flight
	Waiting           int `json:"waiting" example:"0"`                // requests that wait for loads
} //	@name	RouteMetrics

// ServeMetrics tells what was counted, as JSON or in a format of Prometheus, as the
// request asks by format or Accept. It answers nothing with ErrFormat.
func (m *Monitor) ServeMetrics(w http.ResponseWriter, r *http.Request) error {
	format := r.URL.Query().Get("format")
	if format == "" && wantsPrometheus(r.Header["Accept"]) {
		format = "prometheus"
	}
	h := w.Header()
	h["Vary"] = []string{"Accept"}
	noStore(h)
	switch format {
	case "", "json":
		h["Content-Type"] = []string{"application/json; charset=utf-8"}
		return write(w, m.measure())
	case "prometheus":
		// What writes it knows media types in lower case only.
		for i, line := range r.Header["Accept"] {
			r.Header["Accept"][i] = strings.ToLower(line)
		}
		m.parts.Exposition.ServeHTTP(w, r)
		return nil
	}
	return ErrFormat
}

// write writes v as JSON. That the client has left is no error of anybody's.
func write(w io.Writer, v any) error {
	body, err := json.Marshal(v)
	if err == nil {
		_, _ = w.Write(body)
	}
	return err
}

// noStore keeps other caches from an answer that is for this moment.
func noStore(h http.Header) { h["Cache-Control"] = []string{"no-store"} }

// wantsPrometheus reports whether an Accept field likes a format of Prometheus
// better than JSON. Which one of them is up to what writes them.
func wantsPrometheus(accept []string) bool {
	text := Accepts(accept, "text/plain", "application/openmetrics-text", "application/vnd.google.protobuf")
	return text > Accepts(accept, "application/json")
}

func (m *Monitor) measure() Metrics {
	n, l1, now := m.parts.Counter.Snapshot(), m.parts.L1.Stats(), m.parts.Activity.Activity()
	shown := Metrics{
		RouteMetrics: routeMetrics(n, now),

		L1Entries:          l1.Entries,
		L1Bytes:            l1.Bytes,
		L1Evictions:        l1.Evicted(),
		L1EvictionsEntries: l1.EvictedForEntries,
		L1EvictionsBytes:   l1.EvictedForBytes,
		L1EvictionsExpired: l1.EvictedExpired,

		L2Up:        flag(now.Available),
		BusUp:       flag(now.Subscribed),
		PurgedTags:  now.PurgedTags,
		BreakerOpen: flag(m.parts.L2.Breaker() != "closed"),
	}
	shown.L1Misses = shown.Requests - shown.L1Hits
	shown.addShared(n)
	shown.addRoutes(n, now)
	return shown
}

func routeMetrics(n ports.Counts, now ports.Activity) RouteMetrics {
	m := RouteMetrics{
		L1Hits:         n.Requests[domain.L1Hit],
		L2Hits:         n.Requests[domain.L2Hit],
		Loaded:         n.Requests[domain.Loaded],
		Coalesced:      n.Requests[domain.Coalesced],
		StaleServed:    n.Requests[domain.Stale],
		Failed:         n.Requests[domain.Failed],
		Deferred:       n.Requests[domain.Deferred],
		Abandoned:      n.Requests[domain.Abandoned],
		CacheMisses:    n.Events[ports.SourceCalled],
		SourceFailures: n.Events[ports.SourceFailed],
		SourceSeconds:  n.SourceTook.Sum.Seconds(),
		LoadsUnleased:  n.Events[ports.LoadedUnleased],
		Refreshes:      n.Events[ports.RefreshBegan],

		SourceCalls: now.SourceCalls, SourceSlots: now.SourceSlots, SourceOverdue: now.Overdue,
		FlightsUnderWay: now.Calls, RefreshesUnderWay: now.Refreshes, Waiting: now.Waiting,
	}
	for _, count := range n.Requests {
		m.Requests += count
	}
	return m
}

// addShared adds what has to do with other instances.
func (m *Metrics) addShared(n ports.Counts) {
	m.L2Failures = n.Events[ports.L2Failed]
	m.L2Undecodable = n.Events[ports.L2Undecodable]
	m.LeasesWon = n.Events[ports.LeaseWon]
	m.LeaseWaits = n.Events[ports.LeaseWaited]
	m.LeasesLost = n.Events[ports.LeaseLost]
	m.ChangesHeard = n.Events[ports.InvalidationReceived]
	m.GapsHeard = n.Events[ports.GapFound]
}

// addRoutes adds what each route has of all that.
func (m *Metrics) addRoutes(n ports.Counts, now ports.Activity) {
	if len(now.Routes) == 0 {
		return
	}
	counted := make(map[string]ports.Counts, len(n.Routes))
	for _, route := range n.Routes {
		counted[route.Name] = route.Counts
	}
	m.Routes = make(map[string]RouteMetrics, len(now.Routes))
	for _, route := range now.Routes {
		m.Routes[route.Name] = routeMetrics(counted[route.Name], route.Activity)
	}
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
