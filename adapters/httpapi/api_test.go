package httpapi_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/monitor"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
	"github.com/multi-layer-cache/multi-layer-cache/ports/portstest"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	portstest.Main(m)
}

// traceKey is that of a value that something before the API put into a context.
type traceKey struct{}

// parts is everything that the API stands on, with answers set by the test.
type parts struct {
	asked  []string
	put    []domain.Value
	access httpapi.Access
	answer domain.Answer
	err    error
	counts ports.Counts
	l1     ports.L1Stats
	health string
	panics bool

	demands []domain.Constraints
	lives   []time.Duration
	results []domain.Result
	x       domain.Explanation
	now     ports.Activity
	breaker string
	log     io.Writer
	level   slog.Level
	ids     []string // of the requests, as the use case sees them
	traces  []any    // what the contexts of the requests have under traceKey

	mu   sync.Mutex
	took []ports.RouteDurations

	purged  []domain.PurgeRequest
	hottest []domain.HotRoute
	shown   int // hot keys that were asked for
	warmed  []domain.Key
}

func (p *parts) Hot(n int) []domain.HotRoute {
	p.shown = n
	return p.hottest
}

func (p *parts) Warm(_ context.Context, keys []domain.Key) domain.Warmed {
	p.warmed = keys
	return domain.Warmed{Held: 1, Loaded: 2, Failed: 3, Skipped: 4}
}

func (p *parts) GetWith(ctx context.Context, key domain.Key, d domain.Constraints) (domain.Answer, error) {
	if p.panics {
		panic("ouch: secret")
	}
	p.asked, p.demands = append(p.asked, key.String()), append(p.demands, d)
	p.ids, p.traces = append(p.ids, httpapi.RequestID(ctx)), append(p.traces, ctx.Value(traceKey{}))
	return p.answer, p.err
}

func (p *parts) GetMany(_ context.Context, keys []domain.Key, admit func(*domain.Entry) error) []domain.Result {
	for _, key := range keys {
		p.asked = append(p.asked, key.String())
	}
	if p.results == nil {
		results := make([]domain.Result, len(keys))
		for i := range results {
			results[i].Err = domain.ErrOverloaded
		}
		return results
	}
	results := slices.Clone(p.results)
	for i, r := range results {
		if r.Err == nil && !r.Entry.Missing() {
			results[i].Err = admit(r.Entry)
		}
	}
	return results
}

func (p *parts) Put(_ context.Context, key domain.Key, v domain.Value, life time.Duration) error {
	p.asked, p.put, p.lives = append(p.asked, key.String()), append(p.put, v), append(p.lives, life)
	return p.err
}

func (p *parts) Explain(_ context.Context, key domain.Key) domain.Explanation {
	p.asked = append(p.asked, key.String())
	return p.x
}

func (p *parts) Activity() ports.Activity { return p.now }
func (p *parts) Breaker() string          { return cmp.Or(p.breaker, "closed") }

func (p *parts) Took(route string, status int, d time.Duration) {
	var took ports.Durations
	took.Counts[0], took.Sum = 1, d
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took = append(p.took, ports.RouteDurations{Route: route, Status: status, Durations: took})
}

func (p *parts) Durations() []ports.RouteDurations {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.took)
}

func (p *parts) Purge(_ context.Context, request domain.PurgeRequest) error {
	p.purged = append(p.purged, request)
	return p.err
}

func (p *parts) Delete(_ context.Context, key domain.Key) error {
	p.asked = append(p.asked, key.String())
	return p.err
}

func (p *parts) Snapshot() ports.Counts        { return p.counts }
func (p *parts) Stats() ports.L1Stats          { return p.l1 }
func (p *parts) Health(context.Context) string { return p.health }
func (p *parts) Reason() string                { return "the disk is full" }

func (p *parts) api() *httpapi.API {
	return httpapi.New(p.parts(), httpapi.Labels{Version: "v9", Source: "oracle"}, p.access)
}

func (p *parts) parts() httpapi.Parts {
	return httpapi.Parts{
		Cache: p, Counter: p, L1: p, L2: p, Answers: p, Exposition: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "exposed")
		}),
		Limits: httpapi.Limits{RequestTimeout: 10 * time.Second, MaxBatchBytes: 16 << 20},
		Logger: slog.New(slog.NewTextHandler(cmp.Or(p.log, io.Discard), &slog.HandlerOptions{Level: p.level})),
	}
}

func do(t *testing.T, api http.Handler, method, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, http.NoBody))
	return w
}

func copyOf(body string, left time.Duration) domain.Copy {
	return domain.Copy{
		Entry:     domain.NewEntry(domain.Value{Body: body, ContentType: "application/json"}, 30*time.Second, 0),
		Remaining: left,
	}
}

func requireProblem(t *testing.T, w *httptest.ResponseRecorder, status int, kind string) httpapi.Problem {
	t.Helper()
	require.Equal(t, status, w.Code)
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	var p httpapi.Problem
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(t, status, p.Status)
	require.Equal(t, w.Header().Get("X-Request-Id"), p.Instance)
	require.NotEmpty(t, p.Instance)
	require.Equal(t, "urn:mlcache:"+kind, p.Type)
	require.NotEmpty(t, p.Title)
	return p
}

func TestTheValueIsAnsweredByteForByteWithItsHeaders(t *testing.T) {
	c := copyOf(`{"a":"é"}`, 21500*time.Millisecond)
	p := &parts{answer: domain.Answer{Copy: c, Outcome: domain.L1Hit}}
	w := do(t, p.api(), "GET", "/data/test")
	require.Equal(t, 200, w.Code)
	require.Equal(t, `{"a":"é"}`, w.Body.String())
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, c.Entry.ETag(), w.Header().Get("ETag"))
	require.Equal(t, "8", w.Header().Get("Age"))
	require.Equal(t, "no-cache", w.Header().Get("Cache-Control"))
	require.Equal(t, "mlcache; hit; ttl=22; detail=l1", w.Header().Get("Cache-Status"))
	require.Equal(t, "10", w.Header().Get("Content-Length"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
}

func TestCacheStatusSaysWhereTheAnswerCameFrom(t *testing.T) {
	for _, c := range []struct {
		outcome domain.Outcome
		left    time.Duration
		stored  bool
		want    string
	}{
		{domain.L1Hit, 30 * time.Second, false, "mlcache; hit; ttl=30; detail=l1"},
		{domain.L2Hit, time.Millisecond, false, "mlcache; hit; ttl=1; detail=l2"},
		{domain.Loaded, 30*time.Second - 1, true, "mlcache; fwd=uri-miss; fwd-status=200; stored; ttl=30; detail=source"},
		{domain.Loaded, 30 * time.Second, false, "mlcache; fwd=uri-miss; fwd-status=200; ttl=30; detail=source"},
		{domain.Coalesced, 30 * time.Second, true, "mlcache; fwd=uri-miss; fwd-status=200; stored; collapsed; ttl=30; detail=source"},
		{domain.Stale, -time.Millisecond, false, "mlcache; hit; ttl=-1; detail=stale"},
		{domain.Stale, -3 * time.Second, false, "mlcache; hit; ttl=-3; detail=stale"},
	} {
		p := &parts{answer: domain.Answer{Copy: copyOf("v", c.left), Outcome: c.outcome, Stored: c.stored}}
		require.Equal(t, c.want, do(t, p.api(), "GET", "/data/k").Header().Get("Cache-Status"))
	}
}

func TestCacheStatusSaysThatTheSourceConfirmedAValueWhereThatIsKnown(t *testing.T) {
	validated := domain.NewEntry(domain.Value{Body: "v", Validator: domain.Validator{ETag: `"1"`}}, 30*time.Second, 0)
	for status, want := range map[int]string{
		304: "mlcache; fwd=uri-miss; fwd-status=304; collapsed; ttl=30; detail=source",
		200: "mlcache; fwd=uri-miss; fwd-status=200; collapsed; ttl=30; detail=source",
		0:   "mlcache; fwd=uri-miss; collapsed; ttl=30; detail=source", // another instance asked
	} {
		p := &parts{answer: domain.Answer{Copy: domain.Copy{Entry: validated, Remaining: validated.TTL()}, Outcome: domain.Coalesced, SourceStatus: status}}
		require.Equal(t, want, do(t, p.api(), "GET", "/data/k").Header().Get("Cache-Status"))
	}
}

func TestCacheStatusSaysWhyTheSourceWasAsked(t *testing.T) {
	for want, answer := range map[string]domain.Answer{
		"mlcache; fwd=uri-miss; ": {},
		"mlcache; fwd=stale; ":    {Expired: true},
		"mlcache; fwd=request; ":  {Refused: true},
	} {
		answer.Copy, answer.Outcome = copyOf("v", time.Second), domain.Loaded
		require.Contains(t, do(t, (&parts{answer: answer}).api(), "GET", "/data/k").Header().Get("Cache-Status"), want)
		failed := &parts{answer: answer, err: domain.ErrSourceFailed}
		require.Equal(t, want+"detail=source-failed", do(t, failed.api(), "GET", "/data/k").Header().Get("Cache-Status"))
		answer.Outcome, answer.Remaining = domain.Stale, -time.Second
		require.Equal(t, "mlcache; hit; ttl=-1; detail=stale", do(t, (&parts{answer: answer}).api(), "GET", "/data/k").Header().Get("Cache-Status"))
	}
}

func TestHeadAnswersAsGetWithoutTheBody(t *testing.T) {
	p := &parts{answer: domain.Answer{Copy: copyOf("value", time.Second), Outcome: domain.L2Hit}}
	server := httptest.NewServer(p.api())
	defer server.Close()
	for _, path := range []string{"/data/k", "/", "/health", "/metrics", "/docs", "/redoc", "/openapi.json"} {
		get, err := server.Client().Get(server.URL + path)
		require.NoError(t, err)
		head, err := server.Client().Head(server.URL + path)
		require.NoError(t, err)
		require.Equal(t, 200, head.StatusCode, path)
		require.Equal(t, get.ContentLength, head.ContentLength, path)
		require.Equal(t, get.Header.Get("ETag"), head.Header.Get("ETag"), path)
		none, err := io.ReadAll(head.Body)
		require.NoError(t, err)
		require.Empty(t, none, path)
		require.NoError(t, get.Body.Close())
		require.NoError(t, head.Body.Close())
	}
	server.Client().CloseIdleConnections()
}

func TestKeysAreThePathAfterPercentDecoding(t *testing.T) {
	p := &parts{answer: domain.Answer{Copy: copyOf("v", time.Second)}}
	api := p.api()
	for target, want := range map[string]string{
		"/data/test":              "test",
		"/data/a/b":               "a/b",
		"/data/a%2Fb":             "a/b",
		"/data//":                 "/",
		"/data/a/":                "a/",
		"/data/..%2F..":           "../..",
		"/data/a%20b":             "a b",
		"/data/a+b":               "a+b",
		"/data/%7D":               "}",
		"/data/%F0%9F%98%80":      "😀",
		"/data/100%25":            "100%",
		"/data/x?y=z":             "x",
		"/data/" + long('k', 512): long('k', 512),
	} {
		p.asked = nil
		require.Equal(t, 200, do(t, api, "GET", target).Code, target)
		require.Equal(t, []string{want}, p.asked)
	}
}

func TestInvalidKeysAreProblems(t *testing.T) {
	p := &parts{}
	for _, target := range []string{"/data/", "/data/%00", "/data/a%0Ab", "/data/%7F", "/data/%C2%85", "/data/%FF", "/data/" + long('k', 513)} {
		got := requireProblem(t, do(t, p.api(), "GET", target), 400, "invalid-key")
		require.NotEmpty(t, got.Detail)
	}
	require.Empty(t, p.asked)
}

func TestErrorsBecomeProblemsWithoutInternalText(t *testing.T) {
	for err, want := range map[error]struct {
		status int
		kind   string
	}{
		domain.ErrSourceFailed:   {502, "source-failed"},
		domain.ErrSourceTooLarge: {502, "source-value-too-large"},
		domain.ErrWithdrawn:      {502, "withdrawn"},
		domain.ErrTimeout:        {504, "took-too-long"},
		domain.ErrOverloaded:     {503, "overloaded"},
		domain.ErrClosed:         {503, "shutting-down"},
		io.ErrUnexpectedEOF:      {500, "internal"},
	} {
		p := &parts{err: fmt.Errorf("%w: password=hunter2", err)}
		w := do(t, p.api(), "GET", "/data/k")
		requireProblem(t, w, want.status, want.kind)
		require.NotContains(t, w.Body.String(), "hunter2")
		require.Equal(t, want.status == 503, w.Header().Get("Retry-After") != "")
		require.Equal(t, want.status == 500, w.Header().Get("Cache-Status") == "", "what is unknown is no matter of the cache")
	}
}

func TestAKeyThatTheSourceDoesNotHaveIs404AndSaysWhoKnew(t *testing.T) {
	missing := domain.Copy{Entry: domain.NewMissing(5*time.Second, 0), Remaining: 5 * time.Second}
	p := &parts{answer: domain.Answer{Copy: missing, Outcome: domain.Loaded, Stored: true, SourceStatus: 410}}
	w := do(t, p.api(), "GET", "/data/k")
	requireProblem(t, w, 404, "no-such-key")
	require.Equal(t, "mlcache; fwd=uri-miss; fwd-status=410; stored; ttl=5; detail=source", w.Header().Get("Cache-Status"))

	p.answer.Outcome, p.answer.SourceStatus, p.answer.Stored = domain.Coalesced, 0, false // another instance loaded
	require.Equal(t, "mlcache; fwd=uri-miss; collapsed; ttl=5; detail=source", do(t, p.api(), "GET", "/data/k").Header().Get("Cache-Status"))

	p.answer.Outcome = domain.L1Hit
	require.Equal(t, "mlcache; hit; ttl=5; detail=l1", do(t, p.api(), "GET", "/data/k").Header().Get("Cache-Status"))
}

func TestAFailureSaysWhatTheSourceAnsweredIfItDid(t *testing.T) {
	for err, want := range map[error]string{
		error(&domain.SourceError{Status: 500, Err: domain.ErrSourceFailed}): "mlcache; fwd=uri-miss; fwd-status=500; detail=source-failed",
		error(&domain.SourceError{Status: 403, Err: domain.ErrWithdrawn}):    "mlcache; fwd=uri-miss; fwd-status=403; detail=withdrawn",
		domain.ErrSourceFailed: "mlcache; fwd=uri-miss; detail=source-failed",
		domain.ErrTimeout:      "mlcache; fwd=uri-miss; detail=took-too-long",
	} {
		p := &parts{err: fmt.Errorf("wrapped: %w", err)}
		require.Equal(t, want, do(t, p.api(), "GET", "/data/k").Header().Get("Cache-Status"))
	}
}

func TestAKeyThatTheSourceCannotBeAskedForIsInvalidEverywhere(t *testing.T) {
	p := &parts{}
	asParts := p.parts()
	asParts.KeyCheck = func(key domain.Key) error {
		if key.String() == "../x" {
			return fmt.Errorf("%w: it leads out", domain.ErrInvalidKey)
		}
		return nil
	}
	api := httpapi.New(asParts, httpapi.Labels{}, httpapi.Access{Token: "secret", MaxValueBytes: 10})
	for _, r := range [][2]string{{"GET", "/data/..%2Fx"}, {"HEAD", "/data/../x"}, {"PUT", "/data/..%2Fx"}, {"DELETE", "/data/..%2Fx"}, {"GET", "/explain/..%2Fx"}} {
		w := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), r[0], r[1], strings.NewReader("v"))
		req.Header.Set("Authorization", "Bearer secret")
		api.ServeHTTP(w, req)
		require.Equal(t, 400, w.Code, r)
	}
	w := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(t.Context(), "POST", "/batch", strings.NewReader(`{"keys":["../x"]}`))
	req.Header.Set("Content-Type", "application/json")
	api.ServeHTTP(w, req)
	require.Contains(t, w.Body.String(), `"status":400`)
	require.Contains(t, w.Body.String(), "it leads out")
	require.Empty(t, p.asked)
}

func TestAClientThatLeftGetsNothing(t *testing.T) {
	p := &parts{err: context.Canceled}
	require.Equal(t, 499, do(t, p.api(), "GET", "/data/k").Code)
}

func TestUnknownPathsAndMethodsAreProblems(t *testing.T) {
	api := (&parts{}).api()
	for _, target := range []string{"/nothing", "/data", "/nothing/", "/docs/nothing.js", "/docs/swagger-ui.js.map", "/docs/a/index.html"} {
		requireProblem(t, do(t, api, "GET", target), 404, "no-route")
	}
	w := do(t, api, "POST", "/data/k")
	requireProblem(t, w, 405, "no-method")
	require.ElementsMatch(t, []string{"GET", "HEAD", "PUT", "DELETE"}, strings.Split(strings.ReplaceAll(w.Header().Get("Allow"), " ", ""), ","))
}

// fromRoot returns a body with its relative links as they are at the root.
func fromRoot(w *httptest.ResponseRecorder) string {
	return strings.ReplaceAll(w.Body.String(), `"../`, `"`)
}

func TestEachPageIsTheSameWithASlashAtTheEnd(t *testing.T) {
	api := (&parts{}).api()
	api.SetReady(true)
	for _, path := range []string{"/health", "/ready", "/metrics", "/docs", "/redoc", "/dashboard", "/openapi.json", "/docs/index.html", "/dashboard/dashboard.js"} {
		for _, method := range []string{"GET", "HEAD"} {
			plain := do(t, api, method, path)
			require.Equal(t, 200, plain.Code, path)
			for _, slash := range []string{"/", "//", "/?x=y"} {
				w := do(t, api, method, path+slash)
				require.Equal(t, 200, w.Code, path+slash)
				require.Equal(t, fromRoot(plain), fromRoot(w), path+slash)
				require.Equal(t, plain.Header().Get("Content-Type"), w.Header().Get("Content-Type"), path+slash)
			}
		}
	}
	require.Equal(t, do(t, api, "POST", "/batch").Code, do(t, api, "POST", "/batch/").Code)
}

func TestEachPathSaysWhichMethodsItTakes(t *testing.T) {
	api := (&parts{}).api()
	for path, allowed := range map[string][]string{
		"/": {"GET", "HEAD"}, "/health": {"GET", "HEAD"}, "/health/": {"GET", "HEAD"}, "/metrics": {"GET", "HEAD"}, "/batch": {"POST"},
		"/explain/k": {"GET", "HEAD"}, "/data/k": {"GET", "HEAD", "PUT", "DELETE"}, "/dashboard/events": {"GET", "HEAD"}, "/docs": {"GET", "HEAD"},
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"} {
			if slices.Contains(allowed, method) {
				continue
			}
			w := do(t, api, method, path)
			requireProblem(t, w, 405, "no-method")
			require.ElementsMatch(t, allowed, strings.Split(w.Header().Get("Allow"), ", "), "%s %s", method, path)
		}
	}
	for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"} {
		requireProblem(t, do(t, api, method, "/nothing"), 404, "no-route")
	}
}

func TestAPanicInAHandlerIsAProblem(t *testing.T) {
	w := do(t, (&parts{panics: true}).api(), "GET", "/data/k")
	requireProblem(t, w, 500, "internal")
	require.NotContains(t, w.Body.String(), "secret")
}

func TestTheRootSaysWhatThisIs(t *testing.T) {
	var got httpapi.Index
	require.NoError(t, json.Unmarshal(do(t, (&parts{}).api(), "GET", "/").Body.Bytes(), &got))
	require.Equal(t, "Multi-layer cache service running", got.Message)
	require.Equal(t, "v9", got.Version)
	require.Equal(t, "/docs", got.Links.Docs)
}

func TestHealthNamesTheStateOfEachPart(t *testing.T) {
	free := ports.Activity{SourceSlots: 2}
	w := do(t, (&parts{health: "degraded", now: free}).api(), "GET", "/health")
	require.Equal(t, 200, w.Code, "a dead L2 does not make an instance unhealthy")
	require.JSONEq(t, `{"status":"ok","l1":"ok","l2":"degraded","l2_reason":"the disk is full","source":"oracle","source_state":"ok","version":"v9"}`, w.Body.String())
	full, failing := ports.Activity{SourceCalls: 2, SourceSlots: 2}, ports.Activity{SourceSlots: 2, Failing: true}
	w = do(t, (&parts{health: "ok", now: full}).api(), "GET", "/health")
	require.JSONEq(t, `{"status":"ok","l1":"ok","l2":"ok","source":"oracle","source_state":"saturated","version":"v9"}`, w.Body.String(), "there is a reason for what is wrong only")
	overdue := ports.Activity{SourceCalls: 1, SourceSlots: 2, Overdue: 1, Failing: true}
	w = do(t, (&parts{health: "ok", now: overdue}).api(), "GET", "/health")
	require.Contains(t, w.Body.String(), `"source_state":"saturated"`)
	for state, routes := range map[string][]ports.RouteActivity{
		"failing":   {{Name: "a", Activity: full}, {Name: "b", Activity: failing}},
		"saturated": {{Name: "a", Activity: full}, {Name: "b", Activity: free}},
	} {
		w = do(t, (&parts{health: "ok", now: ports.Activity{SourceSlots: 4, Failing: routes[1].Failing, Routes: routes}}).api(), "GET", "/health")
		var got httpapi.Health
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
		require.Equal(t, state, got.SourceState, "the worst")
		require.Equal(t, map[string]string{"a": "saturated", "b": strings.ReplaceAll(state, "saturated", "ok")}, got.Routes)
	}
}

func TestAKeyWithoutARouteIsNotFoundWhoeverAsks(t *testing.T) {
	p := &parts{}
	as := p.parts()
	as.KeyCheck = func(domain.Key) error { return domain.ErrNoRoute }
	api := httpapi.New(as, httpapi.Labels{}, httpapi.Access{Token: "secret"})
	for _, path := range []string{"/data/k", "/explain/k"} {
		requireProblem(t, do(t, api, "GET", path), 404, "no-route")
	}
}

func TestMetricsHaveTheNumbersOfEachRoute(t *testing.T) {
	p := &parts{now: ports.Activity{SourceSlots: 2, Routes: []ports.RouteActivity{{Name: "a", Activity: ports.Activity{SourceSlots: 2, Waiting: 7}}}}}
	p.counts.Requests[domain.L1Hit] = 3
	p.counts.Routes = []ports.RouteCounts{{Name: "a", Counts: p.counts}}
	var got monitor.Metrics
	require.NoError(t, json.Unmarshal(do(t, p.api(), "GET", "/metrics").Body.Bytes(), &got))
	require.Len(t, got.Routes, 1)
	require.EqualValues(t, 3, got.Routes["a"].L1Hits)
	require.EqualValues(t, 3, got.Routes["a"].Requests)
	require.Equal(t, 7, got.Routes["a"].Waiting)
	require.EqualValues(t, 3, got.L1Hits)
}

func TestReadinessIsWhatItWasSetTo(t *testing.T) {
	api := (&parts{}).api()
	requireProblem(t, do(t, api, "GET", "/ready"), 503, "not-ready")
	api.SetReady(true)
	require.Equal(t, 200, do(t, api, "GET", "/ready").Code)
	api.SetReady(false)
	requireProblem(t, do(t, api, "GET", "/ready"), 503, "not-ready")
	api.SetWarming(true)
	requireProblem(t, do(t, api, "GET", "/ready"), 503, "warming")
	require.Equal(t, 200, do(t, api, "GET", "/health").Code)
}

func TestMetricsShowEachCounterUnderItsName(t *testing.T) {
	p := &parts{}
	p.l1 = ports.L1Stats{Entries: 7, Bytes: 700, EvictedForEntries: 31, EvictedForBytes: 32, EvictedExpired: 33}
	want := map[string]float64{"l1_entries": 7, "l1_bytes": 700, "l1_misses": 2 + 3 + 4 + 5 + 6 + 7 + 8,
		"l1_evictions": 96, "l1_evictions_entries": 31, "l1_evictions_bytes": 32, "l1_evictions_expired": 33, "source_seconds": 1.5, "requests": 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8,
		"source_calls_under_way": 41, "source_places": 42, "source_calls_overdue": 49, "flights": 43, "refreshes_under_way": 44, "waiting": 45, "purged_tags": 46,
		"bus_up": 1, "l2_up": 0, "breaker_open": 1}
	p.now = ports.Activity{SourceCalls: 41, SourceSlots: 42, Overdue: 49, Calls: 43, Refreshes: 44, Waiting: 45, PurgedTags: 46, Subscribed: true}
	p.breaker = "half-open"
	p.counts.SourceTook.Sum = 1500 * time.Millisecond
	for i, name := range []string{"l1_hits", "l2_hits", "loaded", "coalesced", "stale_served", "failed", "deferred", "abandoned"} {
		p.counts.Requests[i] = uint64(i + 1)
		want[name] = float64(i + 1)
	}
	for i, name := range []string{"cache_misses", "source_failures", "l2_failures", "l2_undecodable", "loads_unleased", "leases_won", "lease_waits", "leases_lost", "refreshes", "changes_heard", "gaps_heard"} {
		p.counts.Events[i] = uint64(i + 11)
		want[name] = float64(i + 11)
	}
	var got map[string]float64
	require.NoError(t, json.Unmarshal(do(t, p.api(), "GET", "/metrics").Body.Bytes(), &got))
	require.Equal(t, want, got)
}

func TestTheDescriptionNamesEveryRouteOfTheContract(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]any `json:"responses"`
		} `json:"paths"`
	}
	w := do(t, (&parts{}).api(), "GET", "/openapi.json")
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &doc))
	for path, statuses := range map[string][]string{
		"/": {"200"}, "/health": {"200"}, "/ready": {"200", "503"}, "/metrics": {"200"},
		"/data/{key}": {"200", "400", "404", "502", "503", "504"},
	} {
		for _, status := range statuses {
			require.Contains(t, doc.Paths[path]["get"].Responses, status, path)
		}
	}
	require.Contains(t, doc.Paths["/data/{key}"], "head")
}

func TestRequestsAreLoggedAtDebugOnly(t *testing.T) {
	for level, lines := range map[slog.Level]int{slog.LevelDebug: 1, slog.LevelInfo: 0} {
		var out strings.Builder
		p := &parts{err: domain.ErrTimeout, log: &out, level: level}
		do(t, p.api(), "GET", "/data/k")
		require.Equal(t, lines, strings.Count(out.String(), "status=504"))
	}
}

func long(c byte, n int) string { return strings.Repeat(string(c), n) }
