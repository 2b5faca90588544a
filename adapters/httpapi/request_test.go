package httpapi_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// ask sends a GET with headers, given as names and values in turn.
func (p *parts) ask(t *testing.T, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.api().ServeHTTP(w, r)
	return w
}

func TestWhatARequestAsksOfItsAnswer(t *testing.T) {
	const s = time.Second
	for given, want := range map[string]domain.Constraints{
		"":                               {},
		"no-cache":                       {NoCache: true},
		"No-Cache":                       {NoCache: true},
		"max-age=0":                      {NoCache: true},
		"max-age=5":                      {MaxAge: 5 * s},
		"max-age=5, min-fresh=3":         {MaxAge: 5 * s, MinFresh: 3 * s},
		"max-stale":                      {MaxStale: math.MaxInt64},
		"max-stale=9":                    {MaxStale: 9 * s},
		"only-if-cached,no-store":        {OnlyIfCached: true, NoStore: true},
		"stale-if-error=60":              {StaleIfError: 60 * s},
		"stale-if-error=0":               {StaleIfError: -1},
		"Stale-If-Error=0":               {StaleIfError: -1},
		"max-age=99999999999999999999":   {MaxAge: 1 << 31 * s},
		"max-age=2147483648":             {MaxAge: 1 << 31 * s},
		"max-age=2147483649":             {MaxAge: 1 << 31 * s},
		"min-fresh=99999999999999999999": {MinFresh: 1 << 31 * s},
		"max-stale=18446744073709551616": {MaxStale: 1 << 31 * s},
		// Each directive is read by itself.
		"no-store, max-age=x":               {NoStore: true},
		"only-if-cached, max-stale=x":       {OnlyIfCached: true},
		"no-cache, max-age=abc":             {NoCache: true},
		"max-age=-1, no-store":              {NoStore: true},
		"max-age=1.5, min-fresh=2":          {MinFresh: 2 * s},
		"max-age, min-fresh=, max-stale=":   {},
		"max-age=0x10, no-cache":            {NoCache: true},
		"max-age=1 2, no-store":             {NoStore: true},
		"ma x-age=1, no-store":              {NoStore: true},
		"=5, no-store":                      {NoStore: true},
		`max-age="5`:                        {},
		`foo="x, no-store, bar`:             {NoStore: true},
		`foo="x, no-store"`:                 {},
		`foo="a\", no-store", no-cache`:     {NoCache: true},
		"max-age = 0":                       {NoCache: true},
		"max-age =5 ,\tno-store\t":          {MaxAge: 5 * s, NoStore: true},
		`max-age="5"`:                       {MaxAge: 5 * s},
		`max-age="\5"`:                      {MaxAge: 5 * s},
		"MAX-AGE=5, NO-STORE":               {MaxAge: 5 * s, NoStore: true},
		"max-age=007":                       {MaxAge: 7 * s},
		"max-age=5, max-age=0":              {MaxAge: 5 * s},
		"max-age=x, max-age=5":              {MaxAge: 5 * s},
		"max-age=0, max-age=5":              {NoCache: true},
		`no-cache="a field"`:                {NoCache: true},
		"no-store=yes":                      {NoStore: true},
		"stale-if-error=x, no-cache":        {NoCache: true},
		`"\",\",", no-store, x="y`:          {NoStore: true},
		"stale-if-error = 0":                {StaleIfError: -1},
		"max-stale=0, min-fresh=0":          {},
		"public, what-is-this, no-cache":    {NoCache: true},
		"x-stale-if-error=5":                {},
		`foo="stale-if-error=0"`:            {},
		`no-store , Stale-If-Error="00"`:    {NoStore: true, StaleIfError: -1},
		"max-age=five":                      {},
		`no-cache="unfinished`:              {},
		", , ,":                             {},
		"no-transform,min-fresh=1,no-store": {MinFresh: s, NoStore: true},
	} {
		p := &parts{answer: domain.Answer{Copy: copyOf("v", time.Second)}}
		require.Equal(t, 200, p.ask(t, "/data/k", "Cache-Control", given).Code, given)
		require.Equal(t, []domain.Constraints{want}, p.demands, given)
	}
	p := &parts{answer: domain.Answer{Copy: copyOf("v", time.Second)}}
	p.ask(t, "/data/k", "Cache-Control", "max-age=5", "Cache-Control", "no-store")
	require.Equal(t, []domain.Constraints{{MaxAge: 5 * s, NoStore: true}}, p.demands, "several lines are one list")
}

func TestPragmaCountsWhereThereIsNoCacheControl(t *testing.T) {
	for _, c := range []struct {
		headers []string
		want    domain.Constraints
	}{
		{[]string{"Pragma", "No-Cache"}, domain.Constraints{NoCache: true}},
		{[]string{"Pragma", "x, no-cache"}, domain.Constraints{NoCache: true}},
		{[]string{"Pragma", "no-store, max-age=5"}, domain.Constraints{}},
		{[]string{"Pragma", "no-cache", "Cache-Control", "max-age=5"}, domain.Constraints{MaxAge: 5 * time.Second}},
		{[]string{"Pragma", "no-cache", "Cache-Control", ""}, domain.Constraints{}},
	} {
		p := &parts{answer: domain.Answer{Copy: copyOf("v", time.Second)}}
		p.ask(t, "/data/k", c.headers...)
		require.Equal(t, []domain.Constraints{c.want}, p.demands, c.headers)
	}
}

func TestRequestsWithoutTheTokenForceNoMoreLoadsThanTheInterval(t *testing.T) {
	for directive, forces := range map[string]bool{
		"no-cache": true, "max-age=0": true, "max-age=9": true, "min-fresh=9": true, "no-store": true, "no-cache, only-if-cached": true,
		"max-stale": false, "only-if-cached": false, "stale-if-error=5": false, "x": false,
	} {
		for authorization, trusted := range map[string]bool{
			"": false, "Bearer wrong": false, "Bearer": false, "Bearer s3cret": true, "bearer   s3cret": true,
		} {
			p := &parts{answer: domain.Answer{Copy: copyOf("v", time.Second)}, access: httpapi.Access{Token: "s3cret", ReloadInterval: time.Minute}}
			require.Equal(t, 200, p.ask(t, "/data/k", "Cache-Control", directive, "Authorization", authorization).Code)
			want := time.Duration(0)
			if forces && !trusted {
				want = time.Minute
			}
			require.Equal(t, want, p.demands[0].Within, "%s, %s", directive, authorization)
		}
	}
	p := &parts{answer: domain.Answer{Copy: copyOf("v", time.Second)}, access: httpapi.Access{ReloadInterval: time.Minute}}
	p.ask(t, "/data/k", "Cache-Control", "no-cache", "Authorization", "Bearer ")
	require.Equal(t, time.Minute, p.demands[0].Within, "without a token nobody has it")
}

func TestHowLongARequestWouldWait(t *testing.T) {
	for given, want := range map[string]time.Duration{
		"wait=3": 3 * time.Second, "respond-async, wait=3": 3 * time.Second, `Wait = "3" ; x=y`: 3 * time.Second,
		"wait=0": time.Nanosecond, "wait=3, wait=9": 3 * time.Second,
		"wait": 0, "wait=-1": 0, "wait=x": 0, "awaits=3": 0, "": 0, "wait=99999999999": 1 << 31 * time.Second,
		"wait = 3": 3 * time.Second, `x="wait=5", wait=3`: 3 * time.Second, `x; y="wait=5, wait=6", wait=3`: 3 * time.Second,
		"wait=3;x, y": 3 * time.Second, "???, wait=3": 3 * time.Second, "wait=x, wait=3": 0,
	} {
		p := &parts{answer: domain.Answer{Copy: copyOf("v", time.Second)}}
		w := p.ask(t, "/data/k", "Prefer", given)
		require.Equal(t, []domain.Constraints{{Wait: want}}, p.demands, given)
		require.Equal(t, want > 0, w.Header().Get("Preference-Applied") != "", given)
	}
	p := &parts{answer: domain.Answer{Copy: copyOf("v", time.Second)}}
	p.ask(t, "/data/k", "Prefer", "respond-async", "Prefer", "wait=3")
	require.Equal(t, []domain.Constraints{{Wait: 3 * time.Second}}, p.demands, "several lines are one list")
}

func TestALoadThatTakesLongerThanTheClientWouldWaitIs202(t *testing.T) {
	p := &parts{err: domain.ErrStillLoading, answer: domain.Answer{Outcome: domain.Deferred}}
	w := p.ask(t, "/data/k", "Prefer", "wait=2")
	require.Equal(t, 202, w.Code)
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	require.Equal(t, "wait=2", w.Header().Get("Preference-Applied"))
	require.Equal(t, "mlcache; fwd=uri-miss; detail=loading", w.Header().Get("Cache-Status"))
	require.JSONEq(t, `{"status":"loading"}`, w.Body.String())
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"), "the next answer may be the value")
}

func TestErrorsSayInCacheStatusWhetherTheSourceWasAsked(t *testing.T) {
	for want, p := range map[string]*parts{
		"mlcache; detail=not-cached":                  {err: domain.ErrNotCached},
		"mlcache; fwd=uri-miss; detail=source-failed": {err: fmt.Errorf("x: %w", domain.ErrSourceFailed)},
		"mlcache; fwd=request; detail=took-too-long":  {err: domain.ErrTimeout, answer: domain.Answer{Refused: true}},
	} {
		require.Equal(t, want, p.ask(t, "/data/k").Header().Get("Cache-Status"))
	}
	requireProblem(t, (&parts{err: domain.ErrNotCached}).ask(t, "/data/k", "Cache-Control", "only-if-cached"), 504, "not-cached")
}

func TestAForcedLoadSaysThatTheRequestWantedIt(t *testing.T) {
	p := &parts{answer: domain.Answer{Copy: copyOf("v", 30*time.Second), Outcome: domain.Loaded, Stored: true, Refused: true}}
	require.Equal(t, "mlcache; fwd=request; fwd-status=200; stored; ttl=30; detail=source", p.ask(t, "/data/k").Header().Get("Cache-Status"))
}

func TestAValueThatTheClientHasIs304(t *testing.T) {
	c := copyOf("v", 21500*time.Millisecond)
	etag := c.Entry.ETag()
	for given, want := range map[string]int{
		etag: 304, "W/" + etag: 304, "*": 304, ` "other", ` + etag: 304, `"a,b", W/` + etag + ` ,"x"`: 304,
		"": 200, `"other"`: 200, strings.Trim(etag, `"`): 200, etag[:10]: 200, "W/": 200, `",`: 200,
	} {
		p := &parts{answer: domain.Answer{Copy: c, Outcome: domain.L1Hit}}
		w := p.ask(t, "/data/k", "If-None-Match", given)
		require.Equal(t, want, w.Code, given)
		require.Equal(t, etag, w.Header().Get("ETag"))
		require.Equal(t, "8", w.Header().Get("Age"))
		require.Equal(t, "no-cache", w.Header().Get("Cache-Control"))
		require.Equal(t, "mlcache; hit; ttl=22; detail=l1", w.Header().Get("Cache-Status"))
		require.Equal(t, want == 200, w.Body.Len() > 0, given)
		require.Equal(t, want == 200, w.Header().Get("Content-Type") != "", given)
	}
	p := &parts{answer: domain.Answer{Copy: c, Outcome: domain.L1Hit}}
	require.Equal(t, 304, p.ask(t, "/data/k", "If-None-Match", `"other"`, "If-None-Match", etag).Code, "several lines are one list")
	require.Equal(t, 304, p.ask(t, "/data/k", "If-None-Match", " * ").Code)
	missing := &parts{answer: domain.Answer{Copy: domain.Copy{Entry: domain.NewMissing(time.Second, 0), Remaining: time.Second}}}
	require.Equal(t, 404, missing.ask(t, "/data/k", "If-None-Match", "*").Code)
}

func TestAValueThatIsNotTheOneThatTheClientWantsIs412(t *testing.T) {
	c := copyOf("v", 21500*time.Millisecond)
	etag := c.Entry.ETag()
	for given, want := range map[string]int{
		etag: 200, "*": 200, `"other", ` + etag: 200, "W/" + etag: 412, `"other"`: 412, "": 412, strings.Trim(etag, `"`): 412,
	} {
		p := &parts{answer: domain.Answer{Copy: c, Outcome: domain.L1Hit}}
		w := p.ask(t, "/data/k", "If-Match", given)
		require.Equal(t, want, w.Code, given)
		require.Equal(t, "mlcache; hit; ttl=22; detail=l1", w.Header().Get("Cache-Status"))
		if want == 412 {
			requireProblem(t, w, 412, "precondition-failed")
		}
	}
	p := &parts{answer: domain.Answer{Copy: c, Outcome: domain.L1Hit}}
	require.Equal(t, 200, p.ask(t, "/data/k", "If-Match", `"other"`, "If-Match", etag).Code, "several lines are one list")
	require.Equal(t, 412, p.ask(t, "/data/k", "If-Match", `"other"`, "If-None-Match", etag).Code, "If-Match comes first")
	require.Equal(t, 304, p.ask(t, "/data/k", "If-Match", etag, "If-None-Match", etag).Code)
	const later = "Fri, 01 Jan 2100 00:00:00 GMT"
	require.Equal(t, 200, p.ask(t, "/data/k", "If-Modified-Since", later, "If-Unmodified-Since", "x", "Range", "bytes=0-0", "If-Range", etag).Code,
		"values have no time of modification, and ranges may be ignored")
	missing := &parts{answer: domain.Answer{Copy: domain.Copy{Entry: domain.NewMissing(time.Second, 0), Remaining: time.Second}}}
	require.Equal(t, 404, missing.ask(t, "/data/k", "If-Match", etag).Code)
}

func TestEachAnswerNamesItsRequest(t *testing.T) {
	p := &parts{answer: domain.Answer{Copy: copyOf("v", time.Second)}}
	api := p.api()
	seen := map[string]bool{}
	for _, target := range []string{"/data/k", "/", "/nothing", "/metrics", "/docs", "/data/%00", "/data/k"} {
		id := do(t, api, "GET", target).Header().Get("X-Request-Id")
		require.NotEmpty(t, id, target)
		require.False(t, seen[id], "each has its own")
		seen[id] = true
	}
	require.True(t, seen[p.ids[0]], "the use case knows it too")
	for _, given := range []string{"aB3-._~", "azAZ09", long('x', 128)} {
		require.Equal(t, given, p.ask(t, "/data/k", "X-Request-Id", given).Header().Get("X-Request-Id"))
	}
	for _, given := range []string{"", "a b", "a\nb", "é", `"`, "a/b", "<script>", long('x', 129)} {
		require.NotEqual(t, given, p.ask(t, "/data/k", "X-Request-Id", given).Header().Get("X-Request-Id"))
	}
}

func TestTwoProcessesGiveNoRequestsTheSameID(t *testing.T) {
	seen := map[string]bool{}
	for range 10 {
		api := (&parts{}).api()
		for range 10 {
			seen[do(t, api, "GET", "/").Header().Get("X-Request-Id")] = true
		}
	}
	require.Len(t, seen, 100)
}

func TestARequestWithTwoIDsGetsOneOfItsOwn(t *testing.T) {
	w := (&parts{}).ask(t, "/", "X-Request-Id", "a", "X-Request-Id", "b")
	require.Len(t, w.Header()["X-Request-Id"], 1)
	require.NotContains(t, []string{"a", "b"}, w.Header().Get("X-Request-Id"))
}

func TestTheUseCaseSeesWhatTheContextOfTheRequestHas(t *testing.T) {
	p := &parts{answer: domain.Answer{Copy: copyOf("v", time.Second)}}
	ctx := context.WithValue(t.Context(), traceKey{}, "trace")
	p.api().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/data/k", http.NoBody))
	require.Equal(t, []any{"trace"}, p.traces)
	require.Empty(t, httpapi.RequestID(ctx), "only the API gives one")
}

func TestAPanicIsLoggedWithTheRequest(t *testing.T) {
	var log bytes.Buffer
	p := &parts{panics: true, log: &log}
	requireProblem(t, p.ask(t, "/data/k", "X-Request-Id", "the-id"), 500, "internal")
	require.Contains(t, log.String(), "panic in a handler")
}

func TestAHeaderThatIsTooLargeIs431(t *testing.T) {
	p := &parts{answer: domain.Answer{Copy: copyOf("v", time.Second)}}
	require.Equal(t, 200, p.ask(t, "/data/k", "X-Large", long('x', 15<<10)).Code)
	requireProblem(t, p.ask(t, "/data/k", "X-Large", long('x', 16<<10)), 431, "header-too-large")
	require.Len(t, p.asked, 1)
	many := []string{}
	for i := range 512 { // 33 bytes each, names and values
		many = append(many, fmt.Sprintf("X-%014d", i), long('x', 17))
	}
	requireProblem(t, p.ask(t, "/data/k", many...), 431, "header-too-large")

	server := httptest.NewServer(p.api())
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/data/k", http.NoBody)
	require.NoError(t, err)
	r.Header.Set("X-Large", long('x', 200<<10))
	answer, err := server.Client().Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, 431, answer.StatusCode)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "header-too-large")
	server.Client().CloseIdleConnections()
}

func TestTheTimeOfEachAnswerIsCountedByItsRoute(t *testing.T) {
	p := &parts{answer: domain.Answer{Copy: copyOf("v", time.Second)}}
	api := p.api()
	for _, target := range []string{"/data/k", "/data/%00", "/nothing/like/it", "/explain/k"} {
		do(t, api, "GET", target)
	}
	var got []string
	for _, d := range p.took {
		require.Positive(t, d.Sum)
		got = append(got, fmt.Sprint(d.Route, " ", d.Status))
	}
	require.Equal(t, []string{"/data/*key 200", "/data/*key 400", "none 404", "/explain/*key 200"}, got)
}

func TestPrometheusIsAnsweredWhenItIsAskedFor(t *testing.T) {
	for accept, want := range map[string]bool{
		"":    false,
		"*/*": false,
		"text/html,application/xhtml+xml,*/*;q=0.8": false,
		"application/json":                          false,
		"application/json, text/plain":              false,
		"text/plain":                                true,
		"application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2":                                                                                                                           true,
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2": true,
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2":                          true,
		"application/json;q=0, text/plain":                          true,
		"text/plain;q=0, */*":                                       false,
		"TEXT/PLAIN":                                                true,
		"Text/*":                                                    true,
		"APPLICATION/JSON, text/plain;q=0.9":                        false,
		"application/json;q=0.4, text/plain;q=0.5":                  true,
		"application/json;Q=0.4, text/plain ; q = 0.5":              true,
		"application/*;q=0.2, text/plain;q=0.5":                     true,
		"application/*, text/plain":                                 false,
		"*/*;q=0.1, text/plain":                                     true,
		"image/png":                                                 false,
		"text/plain;q=x":                                            false,
		"text/plain;q=2, application/json;q=0.1":                    false,
		"text/plain;q=1.000, application/json;q=0.999":              true,
		`application/json;x=", text/plain";q=0.1, text/plain;q=0.2`: true,
		"application/json;q=0":                                      false,
		"application/json;q=x, */*;q=0.5, text/plain;q=0.1, application/openmetrics-text;q=0.1, application/vnd.google.protobuf;q=0.1": false,
		"text/plain;q=0":            false,
		"text, /, ;q=1, text/plain": true,
	} {
		w := (&parts{}).ask(t, "/metrics", "Accept", accept)
		require.Equal(t, want, w.Body.String() == "exposed", accept)
		require.Equal(t, "Accept", w.Header().Get("Vary"))
	}
	require.Equal(t, "exposed", (&parts{}).ask(t, "/metrics?format=prometheus").Body.String())
	require.Contains(t, (&parts{}).ask(t, "/metrics?format=json", "Accept", "text/plain").Body.String(), `"l1_hits"`)
	require.Equal(t, "exposed", (&parts{}).ask(t, "/metrics", "Accept", "application/json;q=0.1", "Accept", "text/plain").Body.String(), "several lines are one list")
	for _, format := range []string{"xml", "JSON", "prometheus,json"} {
		requireProblem(t, (&parts{}).ask(t, "/metrics?format="+format), 400, "unknown-format")
	}
}

// FuzzARequest looks for what no request may cause: a status of 500 or above where
// the use case has an answer, or a panic.
func FuzzARequest(f *testing.F) {
	f.Add("/data/k", "max-age=5, min-fresh=3", "wait=3; x", `W/"x", "y"`, "id")
	f.Add("/explain/%7D", `no-cache="`, `wait="`, `",`, "")
	f.Add("/data/%F0%9F%98%80", "stale-if-error=", "=", "*", "\xff")
	f.Fuzz(func(t *testing.T, target, cacheControl, prefer, noneMatch, id string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x"+target, http.NoBody)
		if err != nil || !strings.HasPrefix(r.URL.Path, "/") {
			t.Skip("not a request")
		}
		for name, value := range map[string]string{"Cache-Control": cacheControl, "Prefer": prefer, "If-None-Match": noneMatch, "X-Request-Id": id} {
			r.Header.Set(name, value)
		}
		if strings.HasPrefix(r.URL.Path, "/dashboard/events") {
			t.Skip("that does not end by itself")
		}
		w := httptest.NewRecorder()
		(&parts{answer: domain.Answer{Copy: copyOf("v", time.Second)}}).api().ServeHTTP(w, r)
		if r.URL.Path != "/ready" {
			require.Less(t, w.Code, 500)
		}
	})
}
