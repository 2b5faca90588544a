package httpapi

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/assets"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/monitor"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Index is the answer at the root.
type Index struct {
	Message string `json:"message" example:"Multi-layer cache service running"`
	Version string `json:"version" example:"v1.0.0"`
	Links   Links  `json:"links"`
} //	@name	Index

// Links are the places to go from the root.
type Links struct {
	Data      string `json:"data" example:"/data/{key}"`
	Batch     string `json:"batch" example:"/batch"`
	Purge     string `json:"purge,omitempty" example:"/purge"`
	Hot       string `json:"hot,omitempty" example:"/hot"`
	Warm      string `json:"warm,omitempty" example:"/warm"`
	Explain   string `json:"explain,omitempty" example:"/explain/{key}"`
	Health    string `json:"health" example:"/health"`
	Ready     string `json:"ready" example:"/ready"`
	Metrics   string `json:"metrics,omitempty" example:"/metrics"`
	Dashboard string `json:"dashboard,omitempty" example:"/dashboard"`
	Docs      string `json:"docs" example:"/docs"`
	Redoc     string `json:"redoc" example:"/redoc"`
	OpenAPI   string `json:"openapi" example:"/openapi.json"`
} //	@name	Links

// index says what this is.
//
//	@Summary		Say what this is
//	@Description	Names the service, its version and where to go from here; a small page with the state of the parts when Accept likes text/html better than JSON.
//	@Tags			service
//	@Produce		json,html
//	@Success		200	{object}	Index			"The service runs"
//	@Header			all	{string}	X-Request-Id	"Names this request"
//	@Header			all	{string}	Cache-Control	"no-store"
//	@Header			all	{string}	Vary			"Accept"
//	@Router			/ [get]
//	@Router			/ [head]
func (a *API) index(links Links) gin.HandlerFunc {
	page := assets.Page{Template: "index.html"}.With("")
	return func(c *gin.Context) {
		h := c.Writer.Header()
		noStore(h)
		h["Vary"] = []string{"Accept"}
		accept := c.Request.Header["Accept"]
		if monitor.Accepts(accept, "text/html") <= monitor.Accepts(accept, "application/json") {
			c.JSON(http.StatusOK, Index{Message: "Multi-layer cache service running", Version: a.labels.Version, Links: links})
			return
		}
		page(c.Writer, struct {
			Health
			Ready bool
			Host  string
			Links Links
		}{a.healthNow(c), a.ready.Load(), a.labels.Host, links})
	}
}

// routeIndex leads each address to what it serves.
func (a *API) routeIndex() {
	links := Links{Data: "/data/{key}", Batch: "/batch", Health: "/health", Ready: "/ready", Docs: "/docs", Redoc: "/redoc", OpenAPI: "/openapi.json"}
	admin := links
	admin.Purge, admin.Hot, admin.Warm = "/purge", "/hot", "/warm"
	admin.Explain, admin.Dashboard, admin.Metrics = "/explain/{key}", "/dashboard", "/metrics"
	if a.own == nil {
		faces{a.public}.get("/", a.index(admin))
		return
	}
	faces{a.public}.get("/", a.index(links))
	faces{a.own}.get("/", a.index(admin))
}

// Health is the state of the parts.
type Health struct {
	Status string `json:"status" example:"ok"`                                    // ok while the process serves
	L1     string `json:"l1" example:"ok"`                                        // the memory of this instance
	L2     string `json:"l2" enums:"ok,degraded,embedded" example:"embedded"`     // degraded: it cannot be used now, the service goes on without
	Reason string `json:"l2_reason,omitempty" example:"the disk is full"`         // why it is degraded
	Source string `json:"source" enums:"oracle,http,sql,routes" example:"oracle"` // the kind of source

	SourceState string            `json:"source_state" enums:"ok,failing,saturated" example:"ok"` // failing: the last load failed; saturated: no more calls may begin, or some have not ended a second after their time
	Routes      map[string]string `json:"routes,omitempty"`                                       // the same for each route, if MLCACHE_ROUTES is set

	Changes map[string]string `json:"changes,omitempty"` // for each route whose changes are followed: ok, or down while no instance follows them

	Version string `json:"version" example:"v1.0.0"`
} //	@name	Health

// health tells the state of each part.
//
//	@Summary		Tell the state of each part
//	@Description	200 while the process serves. A dead L2 is named here, but is no reason to restart the instance or to take it out of service.
//	@Tags			service
//	@Produce		json
//	@Success		200	{object}	Health			"The process serves"
//	@Header			all	{string}	X-Request-Id	"Names this request"
//	@Header			all	{string}	Cache-Control	"no-store, with a problem"
//	@Router			/health [get]
//	@Router			/health [head]
func (a *API) health(c *gin.Context) { c.JSON(http.StatusOK, a.healthNow(c)) }

func (a *API) healthNow(c *gin.Context) Health {
	l2, reason := a.l2(c)
	now := a.parts.Cache.Activity()
	h := Health{
		Status: "ok", L1: "ok", L2: l2, Reason: reason, Source: a.labels.Source, Version: a.labels.Version, SourceState: monitor.SourceState(now),
	}
	if len(now.Routes) > 0 {
		h.Routes = make(map[string]string, len(now.Routes))
	}
	for _, route := range now.Routes {
		h.Routes[route.Name] = monitor.SourceState(route.Activity)
		if feed := route.Changes; feed != nil {
			if h.Changes == nil {
				h.Changes = make(map[string]string)
			}
			h.Changes[route.Name] = feedState(feed)
		}
	}
	return h
}

func feedState(feed *ports.ChangeActivity) string {
	if feed.Up {
		return "ok"
	}
	return "down"
}

// l2 is the state of L2, and why it is degraded if it is.
func (a *API) l2(c *gin.Context) (state, reason string) {
	if state = a.parts.L2.Health(c.Request.Context()); state == "degraded" {
		reason = a.parts.L2.Reason()
	}
	return state, reason
}

// Readiness says that the instance wants traffic.
type Readiness struct {
	Status string `json:"status" example:"ready"`
} //	@name	Readiness

// readiness tells whether the instance wants traffic.
//
//	@Summary		Tell whether this instance wants traffic
//	@Description	200, or 503 when it is starting, filling its memory (MLCACHE_WARM_TIMEOUT) or shutting down. For load balancers.
//	@Tags			service
//	@Produce		json
//	@Success		200	{object}	Readiness		"It does"
//	@Failure		503	{object}	Problem			"It is starting, warming or shutting down"
//	@Header			503	{integer}	Retry-After		"Seconds after which to try again"
//	@Header			all	{string}	X-Request-Id	"Names this request"
//	@Header			all	{string}	Cache-Control	"no-store, with a problem"
//	@Router			/ready [get]
//	@Router			/ready [head]
func (a *API) readiness(c *gin.Context) {
	switch {
	case a.warming.Load():
		problem(c, problemWarming)
		return
	case !a.ready.Load():
		problem(c, problemNotReady)
		return
	}
	c.JSON(http.StatusOK, Readiness{Status: "ready"})
}
