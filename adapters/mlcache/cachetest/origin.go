package cachetest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
)

// Origin is a source that does as the test plans. It counts its calls, and answers
// with the version of the value that stood when the call came, however long it takes.
// It is an HTTP server, and by Load a loader. It is safe for concurrent use.
type Origin struct {
	// URL is where it listens; the value of a key is at /v/ and the key.
	URL    string
	server *http.Server
	over   chan struct{} // closed at the end, which ends what hangs

	mu       sync.Mutex
	calls    map[string]int
	after    map[string]int // of these, calls that began when another had ended
	ended    map[string]bool
	versions map[string]int
	plans    map[string]Plan
	usual    Plan
}

// Plan is how an Origin answers a call.
type Plan struct {
	Held  <-chan struct{} // it answers when this is closed; nil: at once
	Delay time.Duration
	Tags  string                                                  // of the value, in its Surrogate-Key
	How   func(o *Origin, w http.ResponseWriter, r *http.Request) // nil: with the value
}

// StartOrigin starts an origin on loopback, which ends with the test.
func StartOrigin(t T) *Origin {
	t.Helper()
	o := &Origin{
		over:  make(chan struct{}),
		calls: make(map[string]int), after: make(map[string]int), ended: make(map[string]bool),
		versions: make(map[string]int), plans: make(map[string]Plan),
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Errorf("an origin cannot listen: %v", err)
		t.FailNow()
	}
	o.URL = "http://" + listener.Addr().String()
	o.server = &http.Server{Handler: o}
	var serving sync.WaitGroup
	serving.Go(func() { _ = o.server.Serve(listener) })
	t.Cleanup(func() {
		close(o.over)
		_ = o.server.Close()
		serving.Wait()
	})
	return o
}

// Load is a loader for the cache as a Go package. A failure is an error, and a key
// that does not exist is mlcache.ErrNotFound.
func (o *Origin) Load(ctx context.Context, key string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.URL+"/v/"+url.PathEscape(key), nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return "", err
	case resp.StatusCode == http.StatusNotFound:
		return "", mlcache.ErrNotFound
	case resp.StatusCode != http.StatusOK:
		return "", fmt.Errorf("the origin answers %s", resp.Status)
	}
	return string(body), nil
}

// ServeHTTP answers a request for /v/key.
func (o *Origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/v/")
	p, version := o.begin(key)
	defer o.end(key)
	if !o.await(p.Held, r) || !o.Pass(p.Delay, r) {
		return
	}
	if p.How != nil {
		p.How(o, w, r)
		return
	}
	if p.Tags != "" {
		w.Header().Set("Surrogate-Key", p.Tags)
	}
	_, _ = io.WriteString(w, ValueOf(key, version))
}

func (o *Origin) begin(key string) (p Plan, version int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls[key]++
	if o.ended[key] {
		o.after[key]++
	}
	p, own := o.plans[key]
	if !own {
		p = o.usual
	}
	return p, o.versions[key]
}

func (o *Origin) end(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended[key] = true
}

// await waits until what is held may be answered, and reports whether the caller is
// still there.
func (o *Origin) await(held <-chan struct{}, r *http.Request) bool {
	if held == nil {
		return true
	}
	select {
	case <-held:
		return true
	case <-r.Context().Done():
	case <-o.over:
	}
	return false
}

// Pass lets time go by, and reports whether the caller is still there.
func (o *Origin) Pass(d time.Duration, r *http.Request) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-o.over:
	}
	return false
}

// ValueOf returns the value of key in a version.
func ValueOf(key string, version int) string { return fmt.Sprintf("%s v%d", key, version) }

// VersionOf returns the version that a value is of, below all others if it is no
// value of the origin's.
func VersionOf(value string) int {
	_, number, _ := strings.Cut(value, " v")
	version, err := strconv.Atoi(number)
	if err != nil {
		return -1
	}
	return version
}

// Answer has the origin answer so to calls that come from now on: for key, or
// for all that have no plan of their own when key is empty.
func (o *Origin) Answer(key string, p Plan) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if key == "" {
		o.usual = p
		return
	}
	o.plans[key] = p
}

// Hold has the origin answer calls for key as the plan says, but not before
// release is called.
func (o *Origin) Hold(key string, p Plan) (release func()) {
	held := make(chan struct{})
	p.Held = held
	o.Answer(key, p)
	return func() { close(held) }
}

// Change makes version the value of key.
func (o *Origin) Change(key string, version int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.versions[key] = version
}

// Called returns how often key was asked for.
func (o *Origin) Called(key string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.calls[key]
}

// Advance makes the next version the value of key, and returns it.
func (o *Origin) Advance(key string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.versions[key]++
	return o.versions[key]
}

// Version returns the version that is the value of key.
func (o *Origin) Version(key string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.versions[key]
}

// CalledAfterwards returns how many of the calls for key began when another had ended.
func (o *Origin) CalledAfterwards(key string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.after[key]
}

// CloseIdleConnections closes the connections that wait for a request.
func (o *Origin) CloseIdleConnections() {
	o.server.SetKeepAlivesEnabled(false)
	o.server.SetKeepAlivesEnabled(true)
}

// AwaitCall returns when key has been asked for n times.
func (o *Origin) AwaitCall(t T, key string, n int) {
	t.Helper()
	Eventually(t, "the origin is called", func() bool { return o.Called(key) >= n })
}
