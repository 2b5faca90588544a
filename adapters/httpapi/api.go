package httpapi

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Cache is the use case, as far as HTTP calls it.
type Cache interface {
	Get(ctx context.Context, key domain.Key) (domain.Answer, error)
	Put(ctx context.Context, key domain.Key, v domain.Value) error
	Delete(ctx context.Context, key domain.Key) error
}

// Counter tells what was counted.
type Counter interface{ Snapshot() ports.Counts }

// Memory tells what L1 holds and what had to go.
type Memory interface{ Stats() ports.L1Stats }

// SharedLayer tells the state of L2: ok, degraded or embedded.
type SharedLayer interface {
	Health(ctx context.Context) string
}

// Parts are what the API stands on. All are required.
type Parts struct {
	Cache   Cache
	Counter Counter
	L1      Memory
	L2      SharedLayer
	Logger  *slog.Logger
}

// Labels are shown as they are.
type Labels struct {
	Version string // of the program
	Source  string // the kind of source: oracle or http
}

// API answers HTTP requests. It is safe for concurrent use.
type API struct {
	engine *gin.Engine
	parts  Parts
	labels Labels
	access Access
	ready  atomic.Bool
}

// New returns an API that is not ready yet.
func New(p Parts, l Labels, access Access) *API {
	a := &API{engine: gin.New(), parts: p, labels: l, access: access}
	a.engine.HandleMethodNotAllowed = true
	// Every path is a name as it stands: nothing is guessed, nothing is corrected.
	a.engine.RedirectTrailingSlash = false
	a.engine.Use(gin.CustomRecoveryWithWriter(io.Discard, a.panicked))
	if p.Logger.Enabled(context.Background(), slog.LevelDebug) {
		a.engine.Use(a.logRequest)
	}
	a.engine.NoRoute(func(c *gin.Context) { problem(c, problemNoRoute) })
	a.engine.NoMethod(func(c *gin.Context) { problem(c, problemNoMethod) })
	a.route()
	return a
}

func (a *API) route() {
	a.get("/", a.index)
	a.get("/health", a.health)
	a.get("/ready", a.readiness)
	a.get("/data/*key", a.data)
	a.engine.PUT("/data/*key", a.put)
	a.engine.DELETE("/data/*key", a.remove)
	a.get("/metrics", a.metrics)
	a.routePages()
}

// get routes HEAD as well: net/http leaves the body out.
func (a *API) get(path string, h gin.HandlerFunc) {
	a.engine.Match([]string{http.MethodGet, http.MethodHead}, path, h)
}

// SetReady says whether the instance wants new traffic.
func (a *API) SetReady(ready bool) { a.ready.Store(ready) }

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.engine.ServeHTTP(w, r) }

func (a *API) panicked(c *gin.Context, reason any) {
	a.parts.Logger.Error("panic in a handler", "path", c.Request.URL.Path, "panic", reason)
	problem(c, problemInternal)
}

func (a *API) logRequest(c *gin.Context) {
	c.Next()
	a.parts.Logger.Debug("request", "method", c.Request.Method, "path", c.Request.URL.Path,
		"status", c.Writer.Status(), "cache_status", c.Writer.Header().Get("Cache-Status"))
}
