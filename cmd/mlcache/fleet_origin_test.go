package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// origin is the source of a fleet. It counts its calls, and answers with the
// version of the value that stood when the call came, however long it takes.
type origin struct {
	url    string
	server *httptest.Server
	over   chan struct{} // closed at the end, which ends what hangs

	mu       sync.Mutex
	calls    map[string]int
	after    map[string]int // of these, calls that began when another had ended
	ended    map[string]bool
	versions map[string]int
	plans    map[string]plan
	usual    plan
}

// plan is how the origin answers.
type plan struct {
	held  <-chan struct{} // it answers when this is closed; nil: at once
	delay time.Duration
	how   func(o *origin, w http.ResponseWriter, r *http.Request) // nil: with the value
}

func startOrigin(t *testing.T) *origin {
	t.Helper()
	o := &origin{
		over:  make(chan struct{}),
		calls: make(map[string]int), after: make(map[string]int), ended: make(map[string]bool),
		versions: make(map[string]int), plans: make(map[string]plan),
	}
	o.server = httptest.NewServer(o)
	o.url = o.server.URL
	t.Cleanup(func() {
		close(o.over)
		o.server.Close()
	})
	return o
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/v/")
	p, version := o.begin(key)
	defer o.end(key)
	if !o.await(p.held, r) || !o.pass(p.delay, r) {
		return
	}
	if p.how != nil {
		p.how(o, w, r)
		return
	}
	_, _ = io.WriteString(w, valueOf(key, version))
}

func (o *origin) begin(key string) (p plan, version int) {
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

func (o *origin) end(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended[key] = true
}

// await waits until what is held may be answered, and reports whether the caller is
// still there.
func (o *origin) await(held <-chan struct{}, r *http.Request) bool {
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

// pass lets time go by, and reports whether the caller is still there.
func (o *origin) pass(d time.Duration, r *http.Request) bool {
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

func valueOf(key string, version int) string { return fmt.Sprintf("%s v%d", key, version) }

// versionOf returns the version that a value is of, below all others if it is no
// value of the origin's.
func versionOf(value string) int {
	_, number, _ := strings.Cut(value, " v")
	version, err := strconv.Atoi(number)
	if err != nil {
		return -1
	}
	return version
}

// answer has the origin answer so to calls that come from now on: for key, or
// for all that have no plan of their own when key is empty.
func (o *origin) answer(key string, p plan) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if key == "" {
		o.usual = p
		return
	}
	o.plans[key] = p
}

// hold has the origin answer calls for key as the plan says, but not before
// release is called.
func (o *origin) hold(key string, p plan) (release func()) {
	held := make(chan struct{})
	p.held = held
	o.answer(key, p)
	return func() { close(held) }
}

// change makes version the value of key.
func (o *origin) change(key string, version int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.versions[key] = version
}

// called returns how often key was asked for.
func (o *origin) called(key string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.calls[key]
}

// calledAfterwards returns how many of the calls for key began when another had ended.
func (o *origin) calledAfterwards(key string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.after[key]
}

// awaitCall returns when key has been asked for n times.
func (o *origin) awaitCall(t *testing.T, key string, n int) {
	t.Helper()
	eventually(t, "the origin is called", func() bool { return o.called(key) >= n })
}

func hasNone(_ *origin, w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }

func fails(_ *origin, w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusInternalServerError)
}

// hangs waits until the caller gives up.
func hangs(o *origin, _ http.ResponseWriter, r *http.Request) { o.pass(time.Hour, r) }

// ignoresTheEnd goes on although the caller has given up.
func ignoresTheEnd(o *origin, _ http.ResponseWriter, _ *http.Request) { <-o.over }

const tooMuch = 10 << 20

func answersTooMuch(_ *origin, w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", strconv.Itoa(tooMuch))
	_, _ = io.WriteString(w, strings.Repeat("x", tooMuch))
}

// answersTooMuchBitByBit does not say beforehand how much it will be.
func answersTooMuchBitByBit(_ *origin, w http.ResponseWriter, _ *http.Request) {
	for range 10 {
		_, _ = io.WriteString(w, strings.Repeat("x", tooMuch/10))
		w.(http.Flusher).Flush()
	}
}

func answersHalf(_ *origin, w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, strings.Repeat("x", 500))
}

// answersHalfAndHangs does so in the middle of the body.
func answersHalfAndHangs(o *origin, w http.ResponseWriter, r *http.Request) {
	answersHalf(o, w, r)
	w.(http.Flusher).Flush()
	hangs(o, w, r)
}
