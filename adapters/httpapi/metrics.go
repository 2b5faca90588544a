package httpapi

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Metrics are the counters of this instance since it started. Every request
// for a key is counted in exactly one of those that requests is the sum of.
type Metrics struct {
	Requests uint64 `json:"requests" example:"1000"` // l1_hits + l2_hits + loaded + coalesced + stale_served + failed + abandoned

	L1Hits      uint64 `json:"l1_hits" example:"900"`    // answered from this instance's memory
	L2Hits      uint64 `json:"l2_hits" example:"60"`     // answered from the shared layer
	Loaded      uint64 `json:"loaded" example:"30"`      // answered by a load that the request began
	Coalesced   uint64 `json:"coalesced" example:"10"`   // answered by a load that another request began
	StaleServed uint64 `json:"stale_served" example:"0"` // answered with a value past its life, because the load failed
	Failed      uint64 `json:"failed" example:"0"`       // answered with an error
	Abandoned   uint64 `json:"abandoned" example:"0"`    // the client left before the answer

	CacheMisses    uint64  `json:"cache_misses" example:"30"`      // calls of the source
	SourceFailures uint64  `json:"source_failures" example:"0"`    // calls of the source that failed
	SourceSeconds  float64 `json:"source_seconds" example:"60.02"` // time that ended calls of the source took, in sum

	L1Misses           uint64 `json:"l1_misses" example:"100"`          // requests - l1_hits
	L1Entries          int    `json:"l1_entries" example:"30"`          // entries in memory now
	L1Bytes            int64  `json:"l1_bytes" example:"6120"`          // bytes that they occupy
	L1Evictions        uint64 `json:"l1_evictions" example:"3"`         // entries that had to go: l1_evictions_entries + l1_evictions_bytes + l1_evictions_expired
	L1EvictionsEntries uint64 `json:"l1_evictions_entries" example:"1"` // fresh ones, because there were too many
	L1EvictionsBytes   uint64 `json:"l1_evictions_bytes" example:"0"`   // fresh ones, because they took too much room
	L1EvictionsExpired uint64 `json:"l1_evictions_expired" example:"2"` // past their life, to make room or because their time as stale was over

	L2Failures    uint64 `json:"l2_failures" example:"0"`    // calls of the shared layer that failed
	L2Undecodable uint64 `json:"l2_undecodable" example:"0"` // entries there that could not be read
	LeaseWaits    uint64 `json:"lease_waits" example:"0"`    // waits for another instance's load
	LeasesLost    uint64 `json:"leases_lost" example:"0"`    // loads whose value was not stored, because the lease was lost
	Refreshes     uint64 `json:"refreshes" example:"0"`      // loads in the background, before or after the end of a value's life
	ChangesHeard  uint64 `json:"changes_heard" example:"0"`  // keys that other instances replaced or deleted
	GapsHeard     uint64 `json:"gaps_heard" example:"0"`     // times when such news may have been missed; the start is one
	LoadsUnleased uint64 `json:"loads_unleased" example:"0"` // loads without a lease, because the shared layer failed
} //	@name	Metrics

// metrics tells what was counted.
//
//	@Summary		Tell what was counted
//	@Description	The counters of this instance since it started.
//	@Tags			service
//	@Produce		json
//	@Success		200	{object}	Metrics	"The counters"
//	@Router			/metrics [get]
func (a *API) metrics(c *gin.Context) {
	n, l1 := a.parts.Counter.Snapshot(), a.parts.L1.Stats()
	m := Metrics{
		L1Hits:         n.Requests[domain.L1Hit],
		L2Hits:         n.Requests[domain.L2Hit],
		Loaded:         n.Requests[domain.Loaded],
		Coalesced:      n.Requests[domain.Coalesced],
		StaleServed:    n.Requests[domain.Stale],
		Failed:         n.Requests[domain.Failed],
		Abandoned:      n.Requests[domain.Abandoned],
		CacheMisses:    n.Events[ports.SourceCalled],
		SourceFailures: n.Events[ports.SourceFailed],
		SourceSeconds:  n.SourceTime.Seconds(),
		L1Entries:      l1.Entries,
		L1Bytes:        l1.Bytes,
		L1Evictions:    l1.Evicted(),

		L1EvictionsEntries: l1.EvictedForEntries,
		L1EvictionsBytes:   l1.EvictedForBytes,
		L1EvictionsExpired: l1.EvictedExpired,

		L2Failures:    n.Events[ports.L2Failed],
		L2Undecodable: n.Events[ports.L2Undecodable],
		LeaseWaits:    n.Events[ports.LeaseWaited],
		LeasesLost:    n.Events[ports.LeaseLost],
		Refreshes:     n.Events[ports.RefreshBegan],
		ChangesHeard:  n.Events[ports.ChangeHeard],
		GapsHeard:     n.Events[ports.GapHeard],
		LoadsUnleased: n.Events[ports.LoadedUnleased],
	}
	for _, count := range n.Requests {
		m.Requests += count
	}
	m.L1Misses = m.Requests - m.L1Hits
	c.JSON(http.StatusOK, m)
}
