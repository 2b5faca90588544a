package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// send sends a request with the token.
func (p *parts) send(t *testing.T, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer s3cret")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	p.api().ServeHTTP(w, r)
	return w
}

func TestHotKeysAreShownByRoute(t *testing.T) {
	key, err := domain.ParseKey("a <b>")
	require.NoError(t, err)
	p := writable()
	p.hottest = []domain.HotRoute{{Keys: []domain.HotKey{{Key: key, Rate: 2.5, Error: 0.5}}}, {Route: "empty"}}
	w := p.send(t, "GET", "/hot", "")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.JSONEq(t, `{"routes":[{"keys":[{"key":"a <b>","rate":2.5,"error":0.5}]},{"route":"empty","keys":[]}]}`, w.Body.String())
	require.Equal(t, 20, p.shown)
	require.Equal(t, http.StatusOK, p.send(t, "HEAD", "/hot?n=1000", "").Code)
	require.Equal(t, 1000, p.shown)
	for _, n := range []string{"0", "1001", "-1", "x", "", "1.5"} {
		requireProblem(t, p.send(t, "GET", "/hot?n="+n, ""), 400, "invalid-count")
	}
}

func TestHotAndWarmNeedTheToken(t *testing.T) {
	for _, c := range [][2]string{{"GET", "/hot"}, {"POST", "/warm"}} {
		requireProblem(t, do(t, writable().api(), c[0], c[1]), 401, "wrong-token")
		requireProblem(t, do(t, (&parts{}).api(), c[0], c[1]), 403, "writing-disabled")
	}
}

func TestWarmSaysWhatBecameOfTheKeys(t *testing.T) {
	p := writable()
	w := p.send(t, "POST", "/warm", `{"keys":["b","a","b"]}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.JSONEq(t, `{"keys":10,"held":1,"loaded":2,"failed":3,"skipped":4}`, w.Body.String())
	require.Len(t, p.warmed, 2)
	require.Equal(t, "a", p.warmed[0].String())
	for body, problem := range map[string]string{
		`{}`: "invalid-batch", `{"keys":[1]}`: "invalid-batch", `{"keys":[""]}`: "invalid-key",
	} {
		requireProblem(t, writable().send(t, "POST", "/warm", body), 400, problem)
	}
	many := `{"keys":["` + strings.Repeat(`x","`, 1000) + `x"]}`
	requireProblem(t, writable().send(t, "POST", "/warm", many), 413, "batch-too-large")
}
