package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// described is the API description that the service itself gives out.
type described struct {
	t   *testing.T
	doc *openapi3.T
}

func descriptionOf(t *testing.T, in *instance) described {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(in.mustGet("/openapi.json").body))
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()), "its examples included")
	return described{t, doc}
}

// unremarkable are headers that every HTTP answer may have.
var unremarkable = []string{"Content-Type", "Content-Length", "Date", "Transfer-Encoding", "X-Content-Type-Options", "Content-Encoding", "Connection",
	"Content-Security-Policy", "Cross-Origin-Resource-Policy", "Referrer-Policy"}

// covers requires that an answer is as the description says: its status, its body
// and each of its headers.
func (d described) covers(r *http.Request, answer reply) {
	d.t.Helper()
	path := r.URL.Path
	for _, prefix := range []string{"/data/", "/explain/"} {
		if strings.HasPrefix(path, prefix) {
			path = prefix + "{key}"
		}
	}
	item := d.doc.Paths.Value(path)
	require.NotNil(d.t, item, "%s is not described", path)
	operation := item.GetOperation(r.Method)
	require.NotNil(d.t, operation, "%s %s is not described", r.Method, path)
	response := operation.Responses.Status(answer.status)
	require.NotNil(d.t, response, "%s %s: status %d is not described", r.Method, path, answer.status)
	for name := range answer.header {
		if slices.Contains(unremarkable, name) {
			continue
		}
		found := false
		for known := range response.Value.Headers {
			found = found || http.CanonicalHeaderKey(known) == name
		}
		require.True(d.t, found, "%s %s, %d: header %s is not described", r.Method, path, answer.status, name)
	}
	if r.Method == http.MethodHead || !strings.Contains(answer.header.Get("Content-Type"), "json") {
		return
	}
	if answer.status >= 400 {
		d.hasExampleOf(response.Value, answer.body)
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: r, Route: &routers.Route{Spec: d.doc, Path: path, PathItem: item, Method: r.Method, Operation: operation},
		},
		Status: answer.status, Header: answer.header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: path == "/data/{key}" && answer.status == 200},
	}
	input.SetBodyBytes([]byte(answer.body))
	require.NoError(d.t, openapi3filter.ValidateResponse(d.t.Context(), input), "%s %s, %d: %s", r.Method, path, answer.status, answer.body)
}

// hasExampleOf requires that a problem that the service answers with is among the
// examples.
func (d described) hasExampleOf(response *openapi3.Response, body string) {
	d.t.Helper()
	content := response.Content["application/problem+json"]
	examples := []any{content.Example}
	for _, example := range content.Examples {
		examples = append(examples, example.Value.Value)
	}
	var is map[string]any
	require.NoError(d.t, json.Unmarshal([]byte(body), &is))
	require.True(d.t, slices.ContainsFunc(examples, func(example any) bool {
		given, ok := example.(map[string]any)
		return ok && given["type"] == is["type"] && given["title"] == is["title"] && given["status"] == is["status"]
	}), "no example is like %s", body)
}

// send sends a request with headers, given as names and values in turn, whose
// answer must be as described.
func (in *instance) send(d described, method, path, body string, headers ...string) reply {
	in.t.Helper()
	r, err := http.NewRequestWithContext(in.t.Context(), method, in.base+path, strings.NewReader(body))
	require.NoError(in.t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	resp, err := in.client.Do(r)
	require.NoError(in.t, err)
	defer resp.Body.Close()
	answered, err := io.ReadAll(resp.Body)
	require.NoError(in.t, err)
	got := reply{status: resp.StatusCode, header: resp.Header, body: string(answered)}
	if !slices.Contains([]int{http.StatusMethodNotAllowed, http.StatusRequestHeaderFieldsTooLarge}, got.status) && path != "/nothing" {
		d.covers(r, got)
	}
	if got.status >= 400 && method != http.MethodHead {
		require.Equal(in.t, "application/problem+json", got.header.Get("Content-Type"))
		var p struct{ Type, Title, Instance string }
		require.NoError(in.t, json.NewDecoder(bytes.NewReader(answered)).Decode(&p))
		require.True(in.t, strings.HasPrefix(p.Type, "urn:mlcache:"))
		require.NotEmpty(in.t, p.Title)
		require.Equal(in.t, got.header.Get("X-Request-Id"), p.Instance)
	}
	return got
}

func TestEachRowOfTheHTTPContractHoldsAndIsDescribed(t *testing.T) {
	held := make(chan struct{})
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch key := strings.TrimPrefix(r.URL.Path, "/"); key {
		case "missing":
			w.WriteHeader(http.StatusNotFound)
		case "broken":
			w.WriteHeader(http.StatusInternalServerError)
		case "slow":
			select {
			case <-held:
			case <-r.Context().Done():
			}
			io.WriteString(w, "late")
		case "endless":
			<-r.Context().Done()
		default:
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"key":`+string(must(json.Marshal(key)))+`}`)
		}
	}))
	defer origin.Close()
	const auth, bearer = "Authorization", "Bearer s3cret"
	in := start(t, "--source=http", "--source-url="+origin.URL+"/{key}", "--token=s3cret", "--max-value-bytes=1KiB", "--ttl=10m", "--source-timeout=1m", "--request-timeout=2m", "--refresh-ahead=0")
	d := descriptionOf(t, in)
	status := func(r reply) string { return atFirst(r.header.Get("Cache-Status")) }

	for _, path := range []string{"/", "/health", "/ready", "/metrics", "/metrics?format=prometheus"} {
		for _, method := range []string{"GET", "HEAD"} {
			require.Equal(t, 200, in.send(d, method, path, "").status, path)
		}
	}

	require.Equal(t, 400, in.send(d, "GET", "/metrics?format=xml", "").status)
	require.Contains(t, in.send(d, "GET", "/", "", "Accept", "text/html").body, "<!DOCTYPE html>")

	first := in.send(d, "GET", "/data/a", "")
	require.Equal(t, 200, first.status)
	require.Equal(t, `{"key":"a"}`, first.body)
	require.Equal(t, "mlcache; fwd=uri-miss; fwd-status=200; stored; ttl=600; detail=source", status(first))
	etag := first.header.Get("ETag")
	hit := in.send(d, "HEAD", "/data/a", "")
	require.Equal(t, 200, hit.status)
	require.Equal(t, "mlcache; hit; ttl=600; detail=l1", status(hit))
	require.Equal(t, 304, in.send(d, "GET", "/data/a", "", "If-None-Match", etag).status)
	require.Equal(t, 304, in.send(d, "HEAD", "/data/a", "", "If-None-Match", "W/"+etag).status)
	require.Equal(t, "mlcache; fwd=request; fwd-status=200; stored; ttl=600; detail=source", status(in.send(d, "GET", "/data/a", "", "Cache-Control", "no-cache", auth, bearer)))
	require.Equal(t, "mlcache; fwd=request; fwd-status=200; ttl=600; detail=source", status(in.send(d, "GET", "/data/a", "", "Cache-Control", "no-cache, no-store", auth, bearer)))
	require.Equal(t, "mlcache; fwd=request; fwd-status=200; stored; ttl=600; detail=source", status(in.send(d, "GET", "/data/a", "", "Cache-Control", "min-fresh=601", auth, bearer)))
	require.Equal(t, 200, in.send(d, "GET", "/data/a", "", "If-Match", etag).status)
	require.Equal(t, 412, in.send(d, "GET", "/data/a", "", "If-Match", `"another"`).status)
	require.Equal(t, 412, in.send(d, "HEAD", "/data/a", "", "If-Match", "W/"+etag).status)
	require.Equal(t, "mlcache; hit; ttl=600; detail=l1", status(in.send(d, "GET", "/data/a", "", "Cache-Control", "max-age=500, min-fresh=5, max-stale=3, stale-if-error=9")))

	require.Equal(t, 400, in.send(d, "GET", "/data/%00", "").status)
	require.Equal(t, 404, in.send(d, "GET", "/data/missing", "").status)
	require.Equal(t, 502, in.send(d, "GET", "/data/broken", "").status)
	none := in.send(d, "GET", "/data/none", "", "Cache-Control", "only-if-cached")
	require.Equal(t, 504, none.status)
	require.Equal(t, "mlcache; detail=not-cached", status(none))
	late := in.send(d, "GET", "/data/slow", "", "Prefer", "wait=0")
	require.Equal(t, 202, late.status)
	require.Equal(t, "wait=0", late.header.Get("Preference-Applied"))
	close(held)
	require.Equal(t, "late", in.send(d, "GET", "/data/slow", "", "Prefer", "wait=60").body, "the load went on")
	require.EqualValues(t, 1, in.metrics()["deferred"])
	impatient := start(t, "--source=http", "--source-url="+origin.URL+"/{key}", "--source-timeout=50ms")
	require.Equal(t, 504, impatient.send(d, "GET", "/data/endless", "").status)

	require.Equal(t, 204, in.send(d, "PUT", "/data/p", "\x00written", auth, bearer, "Content-Type", "image/png", "Cache-Control", "max-age=300").status)
	put := in.send(d, "GET", "/data/p", "")
	require.Equal(t, "\x00written", put.body)
	require.Equal(t, "image/png", put.header.Get("Content-Type"))
	require.Equal(t, "mlcache; hit; ttl=300; detail=l1", status(put))
	require.Equal(t, 413, in.send(d, "PUT", "/data/p", strings.Repeat("x", 1025), auth, bearer).status)
	require.Equal(t, 400, in.send(d, "PUT", "/data/%00", "", auth, bearer).status)
	require.Equal(t, 400, in.send(d, "PUT", "/data/p", "x", auth, bearer, "Content-Range", "bytes 0-0/2").status)
	require.Equal(t, 415, in.send(d, "PUT", "/data/p", "x", auth, bearer, "Content-Encoding", "gzip").status)
	require.Equal(t, 415, in.send(d, "PUT", "/data/p", "x", auth, bearer, "Content-Type", "application/x-www-form-urlencoded").status)
	for _, method := range []string{"PUT", "DELETE"} {
		require.Equal(t, 401, in.send(d, method, "/data/p", "").status)
		require.Equal(t, 401, in.send(d, method, "/data/p", "", auth, "Bearer wrong").status)
		require.Equal(t, 501, in.send(d, method, "/data/p", "", auth, bearer, "If-Match", "*").status)
	}
	require.Equal(t, 204, in.send(d, "DELETE", "/data/p", "", auth, bearer).status)
	require.Equal(t, 204, in.send(d, "DELETE", "/data/p", "", auth, bearer).status)
	require.Equal(t, `{"key":"p"}`, in.send(d, "GET", "/data/p", "").body)

	batch := in.send(d, "POST", "/batch", `{"keys":["a","slow","missing","new","broken",""]}`, "Content-Type", "application/json")
	require.Equal(t, 200, batch.status)
	var answers struct{ Answers []struct{ Status int } }
	require.NoError(t, json.Unmarshal([]byte(batch.body), &answers))
	require.Equal(t, []struct{ Status int }{{200}, {200}, {404}, {200}, {502}, {400}}, answers.Answers)
	require.Equal(t, 400, in.send(d, "POST", "/batch", `{}`, "Content-Type", "application/json").status)
	require.Equal(t, 413, in.send(d, "POST", "/batch", `{"keys":[`+strings.Repeat(`"k",`, 1000)+`"k"]}`, "Content-Type", "application/json").status)
	require.Equal(t, 415, in.send(d, "POST", "/batch", `{}`, "Content-Type", "text/plain").status)
	require.Equal(t, 415, in.send(d, "POST", "/batch", `{}`).status)

	explained := in.send(d, "GET", "/explain/a", "")
	require.Contains(t, explained.body, `"next":"l1-hit"`)
	require.Equal(t, 200, in.send(d, "HEAD", "/explain/new", "").status)
	require.Equal(t, 400, in.send(d, "GET", "/explain/%00", "").status)

	require.Equal(t, 404, in.send(d, "GET", "/nothing", "").status)
	wrong := in.send(d, "POST", "/data/a", "")
	require.Equal(t, 405, wrong.status)
	require.Contains(t, wrong.header.Get("Allow"), "PUT")
	require.Equal(t, 431, in.send(d, "GET", "/data/a", "", "X-Large", strings.Repeat("x", 17<<10)).status)

	closed := start(t)
	require.Equal(t, 403, closed.send(d, "PUT", "/data/a", "v", auth, bearer).status)
	require.Equal(t, 403, closed.send(d, "DELETE", "/data/a", "", auth, bearer).status)
}

// atFirst rounds the TTL in a Cache-Status up to five minutes: on a busy machine
// some of it has passed.
func atFirst(status string) string {
	return regexp.MustCompile(`ttl=\d+`).ReplaceAllStringFunc(status, func(ttl string) string {
		seconds, _ := strconv.Atoi(strings.TrimPrefix(ttl, "ttl="))
		return fmt.Sprint("ttl=", (seconds+299)/300*300)
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestPrometheusAndJSONTellTheSame(t *testing.T) {
	in := start(t, "--oracle-delay=1ms", "--l1-max-entries=3")
	for _, key := range []string{"a", "a", "b", "c", "d", "e"} {
		in.mustGet("/data/" + key)
	}
	text, m := in.mustGet("/metrics?format=prometheus").body, in.metrics()
	for name, want := range map[string]float64{
		`mlcache_requests_total{outcome="l1_hit"}`: m["l1_hits"], `mlcache_requests_total{outcome="loaded"}`: m["loaded"],
		"mlcache_source_calls_total": m["cache_misses"], `mlcache_l1_evictions_total{cause="entries"}`: m["l1_evictions"],
		"mlcache_l1_entries": m["l1_entries"], `mlcache_leases_total{outcome="won"}`: m["leases_won"],
	} {
		require.Positive(t, want, name)
		require.Contains(t, text, "\n"+name+" "+string(must(json.Marshal(want)))+"\n")
	}
	require.Contains(t, text, `mlcache_http_request_duration_seconds_count{route="/data/*key",status="200"} 6`)
	require.NotContains(t, text, `"a"`, "keys are no labels")
}

func TestSpansAreExportedWhereTheStandardVariablesSay(t *testing.T) {
	got := make(chan string, 100)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/x-protobuf")
		got <- r.URL.Path + " " + string(body)
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	in := start(t, "--oracle-delay=1ms", "--log-level=debug", "--log-format=json")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, in.base+"/data/traced", http.NoBody)
	require.NoError(t, err)
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	r.Header.Set("Traceparent", "00-"+id+"-00f067aa0ba902b7-01")
	r.Header.Set("X-Request-Id", "the-request")
	answer, err := in.client.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.NoError(t, in.stop()) // exports what is left
	close(got)
	exported := ""
	for export := range got {
		require.True(t, strings.HasPrefix(export, "/v1/traces "))
		exported += export
	}
	for _, part := range []string{"mlcache", "GET /data/*key", "l2 get", "lease acquire", "source call", "l2 fill", "loaded"} {
		require.Contains(t, exported, part)
	}
	require.Contains(t, in.log.String(), `"request_id":"the-request","trace_id":"`+id+`"`)
}

func TestABatchOfAThousandColdKeysIsOneCallForEachOnBothInstances(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	flags := []string{"--l2-timeout=1m", "--lock-ttl=10m", "--source-timeout=10m", "--request-timeout=10m", "--redis-url=" + redis.URL(), "--oracle-delay=300ms", "--source-concurrency=1000"}
	one, other := start(t, flags...), start(t, flags...)
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = fmt.Sprint("key ", i)
	}
	batch := string(must(json.Marshal(map[string][]string{"keys": keys})))
	d := descriptionOf(t, one)
	var all sync.WaitGroup
	for _, in := range []*instance{one, other, one} {
		all.Go(func() {
			answer, err := in.client.Post(in.base+"/batch", "application/json", strings.NewReader(batch))
			if !assert.NoError(t, err) {
				return
			}
			defer answer.Body.Close()
			var got struct{ Answers []struct{ Status int } }
			assert.NoError(t, json.NewDecoder(answer.Body).Decode(&got))
			for _, a := range got.Answers {
				assert.Equal(t, 200, a.Status)
			}
		})
	}
	all.Wait()
	require.Zero(t, one.metrics()["l2_failures"]+other.metrics()["l2_failures"])
	require.InDelta(t, 1000, one.metrics()["cache_misses"]+other.metrics()["cache_misses"], 0)
	require.Equal(t, 200, other.send(d, "POST", "/batch", batch, "Content-Type", "application/json").status)
}
