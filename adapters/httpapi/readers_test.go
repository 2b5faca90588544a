package httpapi_test

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// guarded has a token for each of two routes, and one for all other keys if there is
// any.
func guarded(others string) *parts {
	return &parts{
		answer: domain.Answer{Copy: copyOf("v", time.Second)},
		access: httpapi.Access{Token: "writer", ReadTokens: []httpapi.ReadToken{
			{Token: others}, {Prefix: "a:", Token: "reads-a"}, {Prefix: "a:b:", Token: "reads-b"},
		}},
	}
}

func TestReadingAKeyNeedsTheTokenOfItsRoute(t *testing.T) {
	for token, may := range map[string][]string{
		"":        {},
		"writer":  {"x", "a:1", "a:b:1", "a:", "a:b:"},
		"reader":  {"x", "a:"},
		"reads-a": {"a:1", "a:b:"},
		"reads-b": {"a:b:1"},
		"reads-":  {}, "Reader": {}, "reader x": {}, "reader,writer": {},
	} {
		for _, key := range []string{"x", "a:1", "a:b:1", "a:", "a:b:"} {
			for _, path := range []string{"/data/", "/explain/"} {
				p := guarded("reader")
				w := p.ask(t, path+key, "Authorization", "Bearer "+token)
				if slices.Contains(may, key) {
					require.Equal(t, 200, w.Code, "%q, %s", token, key)
					continue
				}
				requireProblem(t, w, 401, "wrong-token")
				require.Equal(t, "Bearer", w.Header().Get("WWW-Authenticate"))
				require.Empty(t, p.asked, "%q, %s", token, key)
			}
		}
	}
}

func TestWithoutATokenForAllOtherKeysTheyAreOpen(t *testing.T) {
	for key, status := range map[string]int{"x": 200, "a:1": 401, "a:b:1": 401, "a:": 200} {
		require.Equal(t, status, guarded("").ask(t, "/data/"+key).Code, key)
	}
	open := &parts{answer: domain.Answer{Copy: copyOf("v", time.Second)}, access: httpapi.Access{Token: "writer", ReadTokens: []httpapi.ReadToken{{}}}}
	require.Equal(t, 200, open.ask(t, "/data/x", "Authorization", "Bearer whatever").Code)
}

func TestATokenForReadingNeitherWritesNorForcesLoads(t *testing.T) {
	p := guarded("reader")
	p.access.ReloadInterval = time.Minute
	require.Equal(t, 200, p.ask(t, "/data/x", "Authorization", "Bearer reader", "Cache-Control", "no-cache").Code)
	require.Equal(t, time.Minute, p.demands[0].Within)
	requireProblem(t, p.write(t, "PUT", "/data/x", "Bearer reader", strings.NewReader("v")), 401, "wrong-token")
	requireProblem(t, p.write(t, "DELETE", "/data/x", "Bearer reader", nil), 401, "wrong-token")
}

func (p *parts) askMany(t *testing.T, token string, keys ...string) *httptest.ResponseRecorder {
	t.Helper()
	body, err := json.Marshal(httpapi.Batch{Keys: keys})
	require.NoError(t, err)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/batch", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	p.api().ServeHTTP(w, r)
	return w
}

func TestABatchGetsTheKeysThatItsTokenReads(t *testing.T) {
	p := guarded("reader")
	for _, token := range []string{"", "nonsense"} {
		requireProblem(t, p.askMany(t, token, "x", "a:1"), 401, "wrong-token")
		require.Empty(t, p.asked)
	}
	var got httpapi.Batched
	p.results = []domain.Result{{Answer: p.answer}}
	require.NoError(t, json.Unmarshal(p.askMany(t, "reads-a", "x", "a:1", "a:b:1").Body.Bytes(), &got))
	require.Equal(t, []string{"a:1"}, p.asked)
	var statuses []int
	for _, answer := range got.Answers {
		statuses = append(statuses, answer.Status)
	}
	require.Equal(t, []int{401, 200, 401}, statuses)
	require.Equal(t, "urn:mlcache:wrong-token", got.Answers[0].Problem.Type)
	require.Empty(t, got.Answers[0].Value)

	p = guarded("")
	p.results = []domain.Result{{Answer: p.answer}}
	require.Equal(t, 200, p.askMany(t, "", "x", "a:1").Code)
	require.Equal(t, []string{"x"}, p.asked, "some keys are open")
}
