package httpapi

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/monitor"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Explanation is what this instance knows of a key, and what it would do if it was
// asked for it. Times are in seconds.
type Explanation struct {
	Key           string  `json:"key" example:"test"`
	Route         string  `json:"route,omitempty" example:"products"`                                          // the one of MLCACHE_ROUTES that has the key
	Next          string  `json:"next" enums:"l1-hit,l2-hit,stale,join,wait,load,cools-down" example:"l1-hit"` // what the next GET comes to
	RefreshChance float64 `json:"refresh_chance" example:"0.0003"`                                             // probability that the next hit starts a refresh

	L1      HeldIn     `json:"l1"`
	L2      HeldIn     `json:"l2"`
	Lease   LeaseState `json:"lease"`
	Flight  CallState  `json:"flight"`
	Floor   uint64     `json:"version_floor,omitempty" example:"1732665600123"` // no value with a lower version is stored
	Purges  uint64     `json:"purge_sequence" example:"1732665600123"`          // number of the last purge that this instance knows of
	Failure *Failure   `json:"failure,omitempty"`

	Changes *monitor.Changes `json:"changes,omitempty"`  // of the source of the route, if they are followed
	Find    *monitor.Find    `json:"differed,omitempty"` // that a copy of the key differed from what the source had, if that was among the last finds of the inspector
} //	@name	Explanation

// HeldIn is what a layer holds for a key.
type HeldIn struct {
	State       string   `json:"state" enums:"fresh,stale,none,unknown" example:"fresh"` // unknown: the layer does not answer
	Missing     bool     `json:"missing,omitempty"`                                      // it is that the source has no such key
	Unverified  bool     `json:"doubtful,omitempty"`                                     // unverified: the shared layer has to confirm it, since invalidations may have been missed
	Age         *float64 `json:"age,omitempty" example:"8.5"`                            // since it was loaded
	TTL         *float64 `json:"ttl,omitempty" example:"21.5"`                           // until it expires; below 0: since then
	LoadSeconds *float64 `json:"load_seconds,omitempty" example:"2.001"`                 // how long the source took
	Bytes       *int     `json:"bytes,omitempty" example:"53"`                           // of the value
	ETag        string   `json:"etag,omitempty"`
	ContentType string   `json:"content_type,omitempty" example:"application/json"`
	Tags        []string `json:"tags,omitempty" example:"brand:9,shoes"`    // groups that the value belongs to
	Version     uint64   `json:"version,omitempty" example:"1732665600123"` // grows with each change of what the key names
} //	@name	HeldIn

// LeaseState is who may load a key now.
type LeaseState struct {
	State   string  `json:"state" enums:"free,held,unknown" example:"free"`
	Holder  string  `json:"holder,omitempty"`           // names the instance
	Here    bool    `json:"here,omitempty"`             // it is this one
	Seconds float64 `json:"seconds_left" example:"4.2"` // until it runs out unless it is renewed
} //	@name	LeaseState

// CallState is the load that requests to this instance share.
type CallState struct {
	Under   bool    `json:"under_way" example:"false"`
	Waiters int     `json:"waiters" example:"0"` // requests that wait for it here
	Seconds float64 `json:"seconds" example:"0"` // since it began
} //	@name	CallState

// Failure is the last load, which is not tried again yet.
type Failure struct {
	Kind    string  `json:"kind" example:"source-failed"`
	Seconds float64 `json:"seconds_left" example:"0.8"`
} //	@name	Failure

// explain tells what is known of a key.
//
//	@Summary		Explain a key
//	@Description	What each layer holds, which instance loads it, and what the next GET would do. It loads nothing and changes nothing, not even which entry is evicted next.
//	@Tags			data
//	@Produce		json
//	@Param			key	path		string				true	"The key"	minlength(1)	maxlength(512)	extensions(x-example=test)
//	@Success		200	{object}	Explanation			"What is known"
//	@Failure		400	{object}	Problem				"The key is not valid"
//	@Failure		401	{object}	Problem				"The token is wrong or missing, and MLCACHE_READ_TOKEN or the route of the key wants one"
//	@Header			401	{string}	WWW-Authenticate	"Bearer"
//	@Header			all	{string}	X-Request-Id		"Names this request"
//	@Header			all	{string}	Cache-Control		"no-store, with a problem"
//	@Router			/explain/{key} [get]
//	@Router			/explain/{key} [head]
func (a *API) explain(c *gin.Context) {
	key, ok := a.readable(c)
	if !ok {
		return
	}
	x := a.parts.Cache.Explain(a.context(c), key)
	shown := Explanation{
		Key: key.String(), Route: x.Route, Next: string(x.Next), RefreshChance: x.RefreshChance,
		L1: heldIn(x.L1), L2: heldIn(x.L2), Lease: leaseState(x.Lease),
		Floor: x.Lease.Floor, Purges: x.Purges.Number,
		Flight: CallState{x.Call.Under, x.Call.Waiters, x.Call.Since.Seconds()},
	}
	if x.Failure != nil {
		p, _ := problemOf(x.Failure)
		shown.Failure = &Failure{p.name(), x.FailureRemaining.Seconds()}
	}
	shown.addActivity(a.parts.Cache.Activity(), key)
	noStore(c.Writer.Header())
	c.JSON(http.StatusOK, shown)
}

// addActivity adds what the route of the key knows of it.
func (x *Explanation) addActivity(now ports.Activity, key domain.Key) {
	for _, route := range now.Routes {
		if route.Name == x.Route {
			now = route.Activity
		}
	}
	x.Changes = monitor.ChangesOf(now.Changes)
	if now.Inspected == nil {
		return
	}
	for _, find := range now.Inspected.Finds {
		if find.Key == key {
			shown := monitor.FindOf("", find)
			shown.Key = ""
			x.Find = &shown
		}
	}
}

func heldIn(held domain.Held) HeldIn {
	switch {
	case held.Err != nil:
		return HeldIn{State: "unknown"}
	case held.Entry == nil:
		return HeldIn{State: "none"}
	}
	e, bytes := held.Entry, len(held.Entry.Body())
	shown := HeldIn{
		State: "stale", Missing: e.Missing(), Unverified: held.Unverified, Bytes: &bytes, ETag: e.ETag(), ContentType: e.ContentType(),
		Age: inSeconds(held.Age()), TTL: inSeconds(held.Remaining), LoadSeconds: inSeconds(e.LoadTime()),
		Tags: e.Tags(), Version: e.Version(),
	}
	if held.Fresh() {
		shown.State = "fresh"
	}
	return shown
}

func inSeconds(d time.Duration) *float64 {
	s := d.Round(time.Millisecond).Seconds()
	return &s
}

func leaseState(lease domain.LeaseState) LeaseState {
	switch {
	case lease.Err != nil:
		return LeaseState{State: "unknown"}
	case !lease.Held:
		return LeaseState{State: "free"}
	}
	return LeaseState{"held", lease.Holder, lease.Here, lease.Remaining.Seconds()}
}
