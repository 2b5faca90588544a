package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func (p *parts) purge(t *testing.T, contentType, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/purge", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer s3cret")
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	p.api().ServeHTTP(w, r)
	return w
}

func TestAPurgeSaysWhatIsDone(t *testing.T) {
	key, err := domain.ParseKey("a/b c")
	require.NoError(t, err)
	for body, c := range map[string]struct {
		purged domain.PurgeRequest
		answer string
	}{
		`{"keys":["a/b c","a/b c"]}`:                        {domain.PurgeRequest{Keys: []domain.Key{key}}, `{"keys":1,"tags":0,"all":false,"soft":false}`},
		`{"tags":["z","a","z"],"soft":true}`:                {domain.PurgeRequest{Purge: domain.Purge{Tags: domain.Tags{"a", "z"}, Soft: true}}, `{"keys":0,"tags":2,"all":false,"soft":true}`},
		`{"all":true}`:                                      {domain.PurgeRequest{Purge: domain.Purge{All: true}}, `{"keys":0,"tags":0,"all":true,"soft":false}`},
		`{"keys":["a/b c"],"version":18446744073709551615}`: {domain.PurgeRequest{Keys: []domain.Key{key}, Version: 1<<64 - 1}, `{"keys":1,"tags":0,"all":false,"soft":false}`},
	} {
		p := writable()
		w := p.purge(t, "application/json", body)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.JSONEq(t, c.answer, w.Body.String())
		require.Equal(t, []domain.PurgeRequest{c.purged}, p.purged, body)
	}
}

func TestWhatIsNoPurgeIsRefused(t *testing.T) {
	many := `["` + strings.Repeat(`x","`, 1000) + `x"]`
	for body, c := range map[string]struct {
		status int
		kind   string
	}{
		`{}`:                              {400, "invalid-purge"},
		`{"keys":[],"tags":[]}`:           {400, "invalid-purge"},
		`{"all":false}`:                   {400, "invalid-purge"},
		`{"keys":[null]}`:                 {400, "invalid-purge"},
		`{"tags":[null]}`:                 {400, "invalid-purge"},
		`{"keys":"k"}`:                    {400, "invalid-purge"},
		`{"tag":["a"]}`:                   {400, "invalid-purge"},
		`{"keys":["a"],"keys":["b"]}`:     {400, "invalid-purge"},
		`{"keys":["a"],"version":-1}`:     {400, "invalid-purge"},
		`{"tags":["a b"]}`:                {400, "invalid-purge"},
		`{"tags":["` + "\\u0001r" + `"]}`: {400, "invalid-purge"}, // that of a route
		`{"keys":[""]}`:                   {400, "invalid-key"},
		`{"keys":["a","\u0000"]}`:         {400, "invalid-key"},
		`{"keys":` + many + `}`:           {413, "purge-too-large"},
		`{"tags":` + many + `}`:           {413, "purge-too-large"},
		``:                                {400, "invalid-purge"},
	} {
		p := writable()
		requireProblem(t, p.purge(t, "application/json", body), c.status, c.kind)
		require.Empty(t, p.purged, body)
	}
	requireProblem(t, writable().purge(t, "text/plain", `{"all":true}`), 415, "media-type")
}

func TestOnlyWhoMayWritePurges(t *testing.T) {
	p := writable()
	p.access.Token = "another one"
	requireProblem(t, p.purge(t, "application/json", `{"all":true}`), 401, "wrong-token")
	p.access.Token = ""
	requireProblem(t, p.purge(t, "application/json", `{"all":true}`), 403, "writing-disabled")
	require.Empty(t, p.purged)
}

func TestAPurgeThatFailsSaysSo(t *testing.T) {
	p := writable()
	p.err = fmt.Errorf("%w: %w", domain.ErrL2Unavailable, domain.ErrTimeout)
	requireProblem(t, p.purge(t, "application/json", `{"all":true}`), 503, "not-written-everywhere")
}

func TestMinVersionIsAskedFor(t *testing.T) {
	p := &parts{answer: domain.Answer{Copy: domain.Copy{Entry: domain.NewEntry(domain.Value{Body: "v"}, 1, 0), Remaining: 1}}}
	require.Equal(t, http.StatusOK, p.ask(t, "/data/k", "Min-Version", "18446744073709551615").Code)
	require.Equal(t, uint64(1<<64-1), p.demands[0].MinVersion)
	for _, wrong := range []string{"", "0", "-1", "x", "1,2", "18446744073709551616"} {
		requireProblem(t, p.ask(t, "/data/k", "Min-Version", wrong), 400, "invalid-version")
	}
	require.Len(t, p.demands, 1)
}
