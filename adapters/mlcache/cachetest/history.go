package cachetest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// History is what clients of a cache saw: who wrote and read what, and when. See
// Violation for what must hold of it. It is safe for concurrent use until it is checked.
type History struct {
	Began time.Time

	mu         sync.Mutex
	Operations map[string][]Operation // by key
	Refused    []Operation            // GETs that got no value
	Outages    []Span                 // when an instance may have missed invalidations
	Failures   []Span                 // of the origin, when expired values may be served
}

// Operation is one request. Times are since the history began, by the monotonic
// clock of this process.
type Operation struct {
	Method       string // GET, PUT or DELETE
	At           int    // the instance, from 0 on
	Begun, Ended time.Duration
	Status       int // 0: there was no answer
	Value        Value
	// Origin is, of a write, the version that the origin had when it began.
	Origin int
	Layer  string // of a GET: where the answer came from (l1, l2, source, stale)
	Body   string // of one that was refused
}

// Value is what a PUT stores or a GET gets. No two writes of a key have the same
// version, and the origin has a version before a write of that version begins.
type Value struct {
	Version int
	Put     bool // by a PUT; else by the origin
}

// Span is a time in which an instance was in a state that excuses something.
type Span struct {
	At       int // the instance, or everywhere
	From, To time.Duration
}

// Everywhere is where all instances are.
const Everywhere = -1

// NewHistory begins a history now.
func NewHistory() *History {
	return &History{Began: time.Now(), Operations: make(map[string][]Operation)}
}

// Now returns the time since the history began.
func (h *History) Now() time.Duration { return time.Since(h.Began) }

// IsWrite reports whether it is a PUT or DELETE.
func (o Operation) IsWrite() bool { return o.Method != http.MethodGet }

// Succeeded reports whether a write was answered as done. One that was not may have
// taken effect.
func (o Operation) Succeeded() bool { return o.Status == http.StatusNoContent }

func (o Operation) String() string {
	what := o.Method
	if o.IsWrite() {
		what += fmt.Sprintf(" v%d", o.Value.Version)
	} else {
		what += " got " + o.Value.String() + " from " + o.Layer
	}
	return fmt.Sprintf("%s at %d from %.1f to %.1f ms (%d)", what, o.At, milliseconds(o.Begun), milliseconds(o.Ended), o.Status)
}

func (v Value) String() string {
	if v.Put {
		return fmt.Sprintf("put v%d", v.Version)
	}
	return fmt.Sprintf("v%d", v.Version)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// PutOf is what a PUT of a version stores; what the origin answers is ValueOf.
func PutOf(key string, version int) string { return fmt.Sprintf("%s put v%d", key, version) }

// ParseValue returns what a GET got. The version of what is no such value is -1.
func ParseValue(body string) Value {
	return Value{VersionOf(body), strings.Contains(body, " put v")}
}

// Add takes note of an operation that has ended.
func (h *History) Add(key string, o Operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !o.IsWrite() && o.Status != http.StatusOK {
		h.Refused = append(h.Refused, o)
		return
	}
	h.Operations[key] = append(h.Operations[key], o)
}

// Writes returns the writes of key, in the order in which they ended.
func (h *History) Writes(key string) (writes []Operation) {
	for _, o := range h.Operations[key] {
		if o.IsWrite() {
			writes = append(writes, o)
		}
	}
	return writes
}

// Reads returns how many GETs got a value.
func (h *History) Reads() (n int) {
	for key, all := range h.Operations {
		n += len(all) - len(h.Writes(key))
	}
	return n
}

func (h *History) String() string {
	writes, failed, excused := 0, 0, 0
	for _, all := range h.Operations {
		for _, o := range all {
			if o.IsWrite() {
				writes++
			}
			if o.IsWrite() && !o.Succeeded() {
				failed++
			}
			if h.in(h.Outages, o) {
				excused++
			}
		}
	}
	return fmt.Sprintf("%d writes, of which %d failed, and %d reads; %d of all during outages", writes, failed, h.Reads(), excused)
}
