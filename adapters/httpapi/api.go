package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/assets"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/monitor"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Cache is the use case, as far as HTTP calls it.
type Cache interface {
	GetWith(ctx context.Context, key domain.Key, d domain.Constraints) (domain.Answer, error)
	GetMany(ctx context.Context, keys []domain.Key, admit func(*domain.Entry) error) []domain.Result
	Put(ctx context.Context, key domain.Key, v domain.Value, life time.Duration) error
	Delete(ctx context.Context, key domain.Key) error
	Purge(ctx context.Context, p domain.PurgeRequest) error
	Explain(ctx context.Context, key domain.Key) domain.Explanation
	Activity() ports.Activity
	Hot(n int) []domain.HotRoute
	Warm(ctx context.Context, keys []domain.Key) domain.Warmed
}

// ChangeEvents returns what change events of a database purge. Its error is one line
// that any client may read.
type ChangeEvents func(events []byte) ([]domain.PurgeRequest, error)

// Counter tells what was counted.
type Counter = monitor.Counter

// Memory tells what L1 holds and has evicted.
type Memory = monitor.Memory

// SharedLayer tells the state of L2.
type SharedLayer = monitor.SharedLayer

// Labels are shown as they are.
type Labels = monitor.Labels

// Answers counts how long answers took.
type Answers interface {
	Took(route string, status int, d time.Duration)
	Durations() []ports.RouteDurations
}

// Exposition writes what was counted in the formats of Prometheus.
type Exposition http.Handler

// Tracing is what each request goes through first; nil for nothing.
type Tracing gin.HandlerFunc

// KeyCheck returns an error that wraps domain.ErrInvalidKey for a key that the
// source cannot be asked for, or domain.ErrNoRoute for one that has no source; nil
// where any key is taken.
type KeyCheck func(domain.Key) error

// Limits bound what requests may take.
type Limits struct {
	RequestTimeout time.Duration // for the body of a request
	MaxBatchBytes  int64         // of the values in one answer to a batch
}

// Parts are what the API stands on. All are required but KeyCheck, Tracing and
// ChangeEvents.
type Parts struct {
	Cache      Cache
	KeyCheck   KeyCheck
	Counter    Counter
	L1         Memory
	L2         SharedLayer
	Answers    Answers
	Exposition Exposition
	Tracing    Tracing
	// ChangeEvents reads the bodies of POST /purge/debezium; nil: there is no such path.
	ChangeEvents ChangeEvents
	Logger       *slog.Logger
	Limits       Limits
}

// API answers HTTP requests. It is safe for concurrent use.
type API struct {
	public   *face
	own      *face // for the admin address, if there is one
	parts    Parts
	labels   Labels
	access   Access
	readers  readers
	ids      requestIDs
	inert    inert
	vendored map[string]assets.Vendored
	monitor  *monitor.Monitor
	open     context.Context // ends when the service shuts down
	end      context.CancelFunc
	debug    bool
	ready    atomic.Bool
	warming  atomic.Bool
	bodies   budget // of request bodies in memory
	held     *held  // values that are being written
}

const (
	// bodiesBytes is what all bodies of requests together may take, and the keys
	// of batches that are being answered.
	bodiesBytes = 32 << 20
	// answersBatches is how many answers to batches, each as large as allowed, the
	// values of all answers under way may be. Batches leave room for one to others.
	answersBatches = 3
)

// New returns an API that is not ready yet.
func New(p Parts, l Labels, access Access) *API {
	a := &API{
		parts: p, labels: l, access: access, readers: newReaders(access), ids: newRequestIDs(),
		inert: newInert(), vendored: assets.Pinned(),
		debug: p.Logger.Enabled(context.Background(), slog.LevelDebug),
	}
	a.open, a.end = context.WithCancel(context.Background())
	a.monitor = monitor.New(monitor.Parts{
		Counter: p.Counter, L1: p.L1, L2: p.L2, Activity: p.Cache, Exposition: p.Exposition, Latency: a.latency,
		Ready: a.ready.Load, Open: a.open,
	}, l)
	a.bodies.limit = max(bodiesBytes, 2*access.MaxValueBytes)
	a.held = newHeld(answersBatches * max(p.Limits.MaxBatchBytes, access.MaxValueBytes))
	a.route()
	return a
}

const dataRoute = "/data/*key"

// route says what is where. The routes for those that run the service are served at
// the admin address alone, if there is one.
func (a *API) route() {
	a.public = a.newFace()
	all, admin := faces{a.public}, faces{a.public}
	if a.access.AdminApart {
		a.own = a.newFace()
		all, admin = faces{a.public, a.own}, faces{a.own}
		admin.routeProfiles()
	}
	all.get("/health", a.health)
	all.get("/ready", a.readiness)
	all.get(dataRoute, a.data)
	all.on(http.MethodPut, dataRoute, a.put)
	all.on(http.MethodDelete, dataRoute, a.remove)
	all.on(http.MethodPost, "/batch", acceptsJSON, a.batch)
	admin.on(http.MethodPost, "/purge", a.writes, acceptsJSON, a.purge)
	if a.parts.ChangeEvents != nil {
		admin.on(http.MethodPost, "/purge/debezium", a.writes, acceptsJSON, a.purgeChanged)
	}
	admin.get("/hot", a.writes, a.hot)
	admin.on(http.MethodPost, "/warm", a.writes, acceptsJSON, a.warm)
	admin.get("/explain/*key", a.explain)
	admin.get("/metrics", a.metrics)
	a.routeIndex()
	a.routePages(all)
	a.routeDashboard(admin)
}

// SetReady says whether the instance wants new traffic.
func (a *API) SetReady(ready bool) { a.ready.Store(ready) }

// Watch keeps the history that the live page shows, until EndStreams.
func (a *API) Watch() { a.monitor.Watch() }

// SetWarming says whether the instance is not ready because it fills its memory.
func (a *API) SetWarming(warming bool) { a.warming.Store(warming) }

// EndStreams ends the answers that would go on for as long as their clients
// listen. No new ones begin.
func (a *API) EndStreams() { a.end() }

// ServeHTTP answers one request that came to the public address.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.public.ServeHTTP(w, r) }

// Admin returns the handler of requests that came to the admin address, which serves
// all that there is; nil if Access says that there is none.
func (a *API) Admin() http.Handler {
	if a.own == nil {
		return nil
	}
	return a.own
}

// around is what each request goes through: it gets an id, is refused if nothing
// here may serve it, and the time of its answer is counted.
func (a *API) around(c *gin.Context) {
	began := time.Now()
	id := a.ids.of(c.Request)
	h := c.Writer.Header()
	h[requestIDHeader] = []string{id}
	a.inert.set(h)
	begin(c)
	if !a.refused(c) {
		c.Next()
	}
	finish(c)
	route := c.FullPath()
	if route == "" {
		route = "none"
	}
	a.parts.Answers.Took(route, c.Writer.Status(), time.Since(began))
	if a.debug {
		a.parts.Logger.DebugContext(a.context(c), "request", "method", c.Request.Method, "path", c.Request.URL.Path,
			"status", c.Writer.Status(), "cache_status", c.Writer.Header().Get("Cache-Status"))
	}
}

func (a *API) panicked(c *gin.Context, reason any) {
	a.parts.Logger.ErrorContext(a.context(c), "panic in a handler", "path", c.Request.URL.Path, "panic", reason)
	problem(c, problemInternal)
}
