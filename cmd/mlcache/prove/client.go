package prove

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// Reply is an answer to a request. One without an answer has the status 0, and the
// error as its body.
type Reply struct {
	Status int
	Header http.Header
	Body   string
	Took   time.Duration
}

// Layer returns where the answer came from, as its Cache-Status says.
func (r Reply) Layer() string {
	_, layer, _ := strings.Cut(r.Header.Get("Cache-Status"), "detail=")
	return layer
}

// slowest returns how long the slowest of the replies took.
func slowest(replies []Reply) (took time.Duration) {
	for _, r := range replies {
		took = max(took, r.Took)
	}
	return took
}

// Get returns the answer to GET /data/key, with headers given as names and values in
// turn.
func (p *Process) Get(key string, headers ...string) Reply {
	return p.Do(http.MethodGet, "/data/"+key, "", headers...)
}

// Do sends a request with the token.
func (p *Process) Do(method, path, body string, headers ...string) Reply {
	began := time.Now()
	failed := func(err error) Reply { return Reply{Body: err.Error(), Took: time.Since(began)} }
	req, err := http.NewRequest(method, p.Base+path, strings.NewReader(body))
	if err != nil {
		return failed(err)
	}
	req.Header.Set("Authorization", "Bearer "+Token)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := p.Client.Do(req)
	if err != nil {
		return failed(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return failed(err)
	}
	return Reply{resp.StatusCode, resp.Header, string(got), time.Since(began)}
}

// Metrics returns the numbers in the answer to GET /metrics.
func (p *Process) Metrics() map[string]float64 {
	p.t.Helper()
	var all map[string]any
	r := p.Do(http.MethodGet, "/metrics", "")
	if err := json.Unmarshal([]byte(r.Body), &all); err != nil {
		must(p.t, errors.New("no metrics: "+r.Body))
	}
	numbers := make(map[string]float64)
	for name, value := range all {
		if n, ok := value.(float64); ok { // routes are no number
			numbers[name] = n
		}
	}
	return numbers
}
