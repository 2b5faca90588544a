package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
)

// history is what the clients of a fleet saw: who wrote and read what, and when. See
// history.violation for what must hold of it. It is safe for concurrent use until it
// is checked.
type history struct {
	began time.Time

	mu         sync.Mutex
	operations map[string][]operation // by key; GETs that got no value are in refused
	refused    []operation
	outages    []span
	failures   []span // of the origin
}

// operation is one request. Times are since the history began, by the monotonic
// clock of this process.
type operation struct {
	method       string
	at           int // the instance
	begun, ended time.Duration
	status       int // 0: there was no answer
	value        value
	// origin is, of a write, the version that the origin had when it began.
	origin int
	layer  string // of a GET: where the answer came from
	body   string // of one that was refused
}

// value is what a PUT stores or a GET gets. No two writes of a key have the same
// version, and the origin has a version before a write of that version begins.
type value struct {
	version int
	put     bool // by a PUT; else by the origin
}

// span is a time in which an instance was in a state that excuses something.
type span struct {
	at       int // the instance, or everywhere
	from, to time.Duration
}

// everywhere is where all instances are.
const everywhere = -1

func newHistory() *history {
	return &history{began: time.Now(), operations: make(map[string][]operation)}
}

func (h *history) now() time.Duration { return time.Since(h.began) }

func (o operation) isWrite() bool { return o.method != http.MethodGet }

// succeeded reports whether a write was answered as done. One that was not may have
// taken effect.
func (o operation) succeeded() bool { return o.status == http.StatusNoContent }

func (o operation) String() string {
	what := o.method
	if o.isWrite() {
		what += fmt.Sprintf(" v%d", o.value.version)
	} else {
		what += " got " + o.value.String() + " from " + o.layer
	}
	return fmt.Sprintf("%s at %d from %.1f to %.1f ms (%d)", what, o.at, milliseconds(o.begun), milliseconds(o.ended), o.status)
}

func (v value) String() string {
	if v.put {
		return fmt.Sprintf("put v%d", v.version)
	}
	return fmt.Sprintf("v%d", v.version)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// putOf is what a PUT stores, valueOf what the origin answers.
func putOf(key string, version int) string { return fmt.Sprintf("%s put v%d", key, version) }

func parseValue(body string) value {
	return value{cachetest.VersionOf(body), strings.Contains(body, " put v")}
}

// add takes note of an operation that has ended.
func (h *history) add(key string, o operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !o.isWrite() && o.status != http.StatusOK {
		h.refused = append(h.refused, o)
		return
	}
	h.operations[key] = append(h.operations[key], o)
}

// writes returns the writes of key, in the order of their versions, and reads those
// that got a value, of all keys.
func (h *history) writes(key string) (writes []operation) {
	for _, o := range h.operations[key] {
		if o.isWrite() {
			writes = append(writes, o)
		}
	}
	return writes
}

func (h *history) reads() (n int) {
	for key, all := range h.operations {
		n += len(all) - len(h.writes(key))
	}
	return n
}

func (h *history) String() string {
	writes, failed, excused := 0, 0, 0
	for _, all := range h.operations {
		for _, o := range all {
			if o.isWrite() {
				writes++
			}
			if o.isWrite() && !o.succeeded() {
				failed++
			}
			if h.in(h.outages, o) {
				excused++
			}
		}
	}
	return fmt.Sprintf("%d writes, of which %d failed, and %d reads; %d of all during outages", writes, failed, h.reads(), excused)
}
