package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/monitor"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func (p *parts) batch(t *testing.T, contentType, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/batch", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	p.api().ServeHTTP(w, r)
	return w
}

func result(body, contentType string, o domain.Outcome) domain.Result {
	c := domain.Copy{Entry: domain.NewEntry(domain.Value{Body: body, ContentType: contentType}, 30*time.Second, 0), Remaining: 21500 * time.Millisecond}
	return domain.Result{Answer: domain.Answer{Copy: c, Outcome: o}}
}

func TestABatchAnswersForEachKeyInItsPlace(t *testing.T) {
	missing := domain.Result{Answer: domain.Answer{
		Copy: domain.Copy{Entry: domain.NewMissing(5*time.Second, 0), Remaining: 5 * time.Second}, Outcome: domain.L2Hit,
	}}
	p := &parts{results: []domain.Result{
		result(`{"a": "<é>"}`, "application/json", domain.L1Hit),
		result("\x00\xff", "image/png", domain.Loaded),
		missing,
		{Err: fmt.Errorf("%w: password=hunter2", domain.ErrSourceFailed)},
		result(`[1]`, "application/vnd.x+json; charset=utf-8", domain.Coalesced),
		result(`not json`, "application/json", domain.Stale),
		result("", "", domain.L2Hit),
		{Err: errors.New("secret")},
	}}
	w := p.batch(t, "application/json; charset=utf-8", `{"keys":["a","b","","c","d/e"," ","}","😀","h"]}`)
	require.Equal(t, 200, w.Code)
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(t, []string{"a", "b", "c", "d/e", " ", "}", "😀", "h"}, p.asked, "what is no key is not asked for")
	require.NotContains(t, w.Body.String(), "hunter2")
	require.NotContains(t, w.Body.String(), "secret")
	require.Contains(t, w.Body.String(), `"<é>"`)

	var got httpapi.Batched
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Len(t, got.Answers, 9)
	statuses, layers := []int{}, []string{}
	for i, key := range []string{"a", "b", "", "c", "d/e", " ", "}", "😀", "h"} {
		a := got.Answers[i]
		require.Equal(t, key, a.Key)
		statuses, layers = append(statuses, a.Status), append(layers, a.Layer)
		require.Equal(t, a.Status != 200, a.Problem != nil)
		if a.Problem != nil {
			require.Equal(t, w.Header().Get("X-Request-Id"), a.Problem.Instance)
			require.Equal(t, a.Status, a.Problem.Status)
		}
	}
	require.Equal(t, []int{200, 200, 400, 404, 502, 200, 200, 200, 500}, statuses)
	require.Equal(t, []string{"l1", "source", "", "l2", "", "source", "stale", "l2", ""}, layers)
	require.JSONEq(t, `{"a": "<é>"}`, string(got.Answers[0].Value))
	require.Equal(t, p.results[0].Entry.ETag(), got.Answers[0].ETag)
	require.EqualValues(t, 8, *got.Answers[0].Age)
	require.EqualValues(t, 22, *got.Answers[0].TTL)
	require.Equal(t, []byte("\x00\xff"), *got.Answers[1].Base64)
	require.Equal(t, "urn:mlcache:no-such-key", got.Answers[3].Problem.Type)
	require.EqualValues(t, 5, *got.Answers[3].TTL)
	require.True(t, got.Answers[5].Collapsed)
	require.JSONEq(t, `[1]`, string(got.Answers[5].Value))
	require.Equal(t, []byte("not json"), *got.Answers[6].Base64)
	require.Empty(t, *got.Answers[7].Base64)
	require.Equal(t, "application/octet-stream", got.Answers[7].ContentType)
}

func TestAValueThatIsJSONButForItsBytesIsBase64(t *testing.T) {
	p := &parts{results: []domain.Result{result("\"\xff\"", "application/json", domain.L1Hit)}}
	var got httpapi.Batched
	require.NoError(t, json.Unmarshal(p.batch(t, "application/json", `{"keys":["k"]}`).Body.Bytes(), &got))
	require.Empty(t, got.Answers[0].Value)
	require.Equal(t, []byte("\"\xff\""), *got.Answers[0].Base64)
}

func TestOnlyUnknownFailuresOfABatchAreLogged(t *testing.T) {
	var log strings.Builder
	p := &parts{log: &log, results: []domain.Result{{Err: domain.ErrSourceFailed}, {Err: domain.ErrOverloaded}}}
	p.batch(t, "application/json", `{"keys":["a","b",""]}`)
	require.Empty(t, log.String())
	p.results = []domain.Result{{Err: errors.New("a surprise")}}
	p.batch(t, "application/json", `{"keys":["a"]}`)
	require.Contains(t, log.String(), "a surprise")
}

func TestABatchHasRoomForTheLongestKeysHoweverTheyAreSpelled(t *testing.T) {
	p := &parts{}
	spelled := `"` + strings.Repeat(`\u006b`, 512) + `"`
	require.Equal(t, 200, p.batch(t, "application/json", `{"keys":[`+strings.Repeat(spelled+",", 999)+spelled+`]}`).Code)
	require.Len(t, p.asked, 1000)
	require.Equal(t, long('k', 512), p.asked[999])
}

func TestABatchThatBreaksOffIsAProblem(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/batch", iotest.ErrReader(errors.New("reset by peer")))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	(&parts{}).api().ServeHTTP(w, r)
	requireProblem(t, w, 400, "body-broke-off")
}

func TestAnEmptyBatchHasNoAnswers(t *testing.T) {
	w := (&parts{}).batch(t, "application/json", `{"keys":[]}`)
	require.Equal(t, 200, w.Code)
	require.JSONEq(t, `{"answers":[]}`, w.Body.String())
}

func TestWhatIsNoBatchIsAProblem(t *testing.T) {
	keys := func(n int) string { return `{"keys":[` + strings.Repeat(`"k",`, n-1) + `"k"]}` }
	p := &parts{}
	for body, kind := range map[string]string{
		"": "invalid-batch", "{}": "invalid-batch", "[]": "invalid-batch", `{"keys":null}`: "invalid-batch", `{"keys":"k"}`: "invalid-batch",
		`{"keys":[1]}`: "invalid-batch", `{"keys":["k"]} {}`: "invalid-batch", `{"keys":[null]}`: "invalid-batch",
		`{"keys":["a","b"],"keys":[null]}`: "invalid-batch", `{"keys":["a"],"keys":["b"]}`: "invalid-batch", `{"keys":["a"],"x":{"y":1,"y":2}}`: "invalid-batch", "{\"keys\":[\"\xff\"]}": "invalid-batch",
		strings.Repeat("[", 100_000): "invalid-batch",
	} {
		requireProblem(t, p.batch(t, "application/json", body), 400, kind)
	}
	got := requireProblem(t, p.batch(t, "application/json", keys(1001)), 413, "batch-too-large")
	require.Contains(t, got.Detail, "1001")
	requireProblem(t, p.batch(t, "application/json", `{"keys":["`+long('k', 5<<20)+`"]}`), 413, "batch-too-large")
	for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "application/jsonx", "nonsense;;", ""} {
		requireProblem(t, p.batch(t, contentType, keys(1)), 415, "media-type")
	}
	require.Empty(t, p.asked)

	require.Equal(t, 200, p.batch(t, "application/json", keys(1000)).Code)
	require.Len(t, p.asked, 1000)
}

func TestHalfASurrogatePairIsNoKey(t *testing.T) {
	p := &parts{}
	for _, body := range []string{`{"keys":["\ud800"]}`, `{"keys":["a\uDC00b","c"]}`} {
		requireProblem(t, p.batch(t, "application/json", body), 400, "invalid-batch")
	}
	require.Empty(t, p.asked)
	for _, body := range []string{`{"keys":["\ufffd"]}`, `{"keys":["\uFFFD"]}`, "{\"keys\":[\"\ufffd\"]}", `{"keys":["\ud83d\ude00"]}`} {
		require.Equal(t, 200, p.batch(t, "application/json", body).Code, body)
	}
}

func TestABatchWhoseClientLeftIsNeitherAnsweredNorLogged(t *testing.T) {
	var log strings.Builder
	p := &parts{log: &log, results: []domain.Result{{Err: context.Canceled}}}
	gone, leave := context.WithCancel(t.Context())
	leave()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(gone, http.MethodPost, "/batch", strings.NewReader(`{"keys":["a"]}`))
	r.Header.Set("Content-Type", "application/json")
	p.api().ServeHTTP(w, r)
	require.Equal(t, 499, w.Code)
	require.Empty(t, log.String())
}

func FuzzABatch(f *testing.F) {
	f.Add(`{"keys":["a","b"]}`)
	f.Add(`{"keys":["\ud800","\u0000",""]}`)
	f.Fuzz(func(t *testing.T, body string) {
		p := &parts{}
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/batch", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		p.api().ServeHTTP(w, r)
		if w.Code == 200 {
			var got httpapi.Batched
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
			return
		}
		require.Less(t, w.Code, 500)
	})
}

func TestAnExplanationTellsWhatEachPartKnows(t *testing.T) {
	held := domain.Copy{
		Entry: domain.NewEntry(domain.Value{Body: "v", ContentType: "text/plain"}, 30*time.Second, 2*time.Second), Remaining: 20 * time.Second, Unverified: true,
	}
	p := &parts{x: domain.Explanation{
		L1: domain.Held{Copy: held}, L2: domain.Held{Copy: held.After(25 * time.Second)},
		Lease:   domain.LeaseState{Held: true, Holder: "other", Remaining: 4200 * time.Millisecond, Floor: 7},
		Purges:  domain.Mark{Generation: 1, Number: 8},
		Call:    domain.CallState{Under: true, Waiters: 3, Since: 1500 * time.Millisecond},
		Failure: fmt.Errorf("%w: secret", domain.ErrSourceFailed), FailureRemaining: 800 * time.Millisecond,
		RefreshChance: 0.25, Next: domain.StepL1Hit,
	}}
	w := p.ask(t, "/explain/a%2Fb")
	require.Equal(t, 200, w.Code)
	require.Equal(t, []string{"a/b"}, p.asked)
	require.JSONEq(t, `{"key":"a/b","next":"l1-hit","refresh_chance":0.25,"version_floor":7,"purge_sequence":8,
		"l1":{"state":"fresh","doubtful":true,"age":10,"ttl":20,"load_seconds":2,"bytes":1,"etag":`+quoted(held.Entry.ETag())+`,"content_type":"text/plain"},
		"l2":{"state":"stale","doubtful":true,"age":35,"ttl":-5,"load_seconds":2,"bytes":1,"etag":`+quoted(held.Entry.ETag())+`,"content_type":"text/plain"},
		"lease":{"state":"held","holder":"other","seconds_left":4.2},
		"flight":{"under_way":true,"waiters":3,"seconds":1.5},
		"failure":{"kind":"source-failed","seconds_left":0.8}}`, w.Body.String())

	p.x = domain.Explanation{L2: domain.Held{Err: errors.New("secret")}, Lease: domain.LeaseState{Err: errors.New("secret")}, Next: domain.StepLoad}
	require.JSONEq(t, `{"key":"k","next":"load","refresh_chance":0,"purge_sequence":0,"l1":{"state":"none"},"l2":{"state":"unknown"},
		"lease":{"state":"unknown","seconds_left":0},"flight":{"under_way":false,"waiters":0,"seconds":0}}`, p.ask(t, "/explain/k").Body.String())
	requireProblem(t, p.ask(t, "/explain/%00"), 400, "invalid-key")

	missing := domain.Copy{Entry: domain.NewMissing(5*time.Second, 0), Remaining: 5*time.Second - 1234567*time.Nanosecond}
	p.x = domain.Explanation{L1: domain.Held{Copy: missing}, Lease: domain.LeaseState{Held: true, Holder: "me", Here: true, Remaining: time.Second}, Next: domain.StepL1Hit}
	w = p.ask(t, "/explain/k")
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"), "it is of one moment")
	require.JSONEq(t, `{"key":"k","next":"l1-hit","refresh_chance":0,"purge_sequence":0,
		"l1":{"state":"fresh","missing":true,"age":0.001,"ttl":4.999,"load_seconds":0,"bytes":0},"l2":{"state":"none"},
		"lease":{"state":"held","holder":"me","here":true,"seconds_left":1},"flight":{"under_way":false,"waiters":0,"seconds":0}}`, w.Body.String())

	tagged := domain.Copy{Entry: domain.NewEntry(domain.Value{Body: "v", Tags: domain.Tags{"brand:9", "shoes"}, Version: math.MaxUint64}, 0, 0)}
	p.x = domain.Explanation{L1: domain.Held{Copy: tagged}}
	require.Contains(t, p.ask(t, "/explain/k").Body.String(), `"tags":["brand:9","shoes"],"version":18446744073709551615}`)

	p.x = domain.Explanation{}
	require.Contains(t, p.ask(t, "/explain/k").Body.String(), `"lease":{"state":"free"`)
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestAPutMayGiveItsValueATTL(t *testing.T) {
	for given, want := range map[string]time.Duration{
		"": -1, "max-age=60": time.Minute, "max-age=0": 0, "no-transform, max-age=5": 5 * time.Second, "max-age=x": -1, "private": -1,
	} {
		p := writable()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/data/k", strings.NewReader("v"))
		r.Header.Set("Authorization", "Bearer s3cret")
		r.Header.Set("Cache-Control", given)
		w := httptest.NewRecorder()
		p.api().ServeHTTP(w, r)
		require.Equal(t, 204, w.Code)
		require.Equal(t, []time.Duration{want}, p.lives, given)
	}
}

func TestTheLivePageGetsTheNumbersEachSecond(t *testing.T) {
	p := &parts{health: "degraded", breaker: "open"}
	p.counts.Requests[domain.L1Hit] = 7
	api := p.api()
	server := httptest.NewServer(api)
	defer server.Close()
	answer, err := server.Client().Get(server.URL + "/dashboard/events")
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, "text/event-stream;charset=utf-8", answer.Header.Get("Content-Type"))
	stream := bufio.NewReader(answer.Body)
	head, err := stream.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "event:live\n", head)
	data, err := stream.ReadString('\n')
	require.NoError(t, err)
	data = strings.TrimPrefix(data, "data:")
	var got monitor.Live
	require.NoError(t, json.Unmarshal([]byte(data), &got))
	require.EqualValues(t, 7, got.Metrics.L1Hits)
	require.Equal(t, "degraded", got.State.L2)
	require.Equal(t, "open", got.State.Breaker)
	require.Len(t, got.Routes, 1, "all keys are one")

	api.EndStreams()
	_, err = io.Copy(io.Discard, stream)
	require.NoError(t, err, "the stream ends, so that a shutdown need not wait")
	server.Client().CloseIdleConnections()
}
