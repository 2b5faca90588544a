package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

// source is the slow thing behind all loaders: an HTTP server in this process. It
// counts what it is asked.
type source struct {
	latency time.Duration

	mu      sync.Mutex
	keys    map[string]*record
	changed chan struct{} // closed, and replaced, when a call begins or ends
}

// record is what is known of a key. Keys have values of the form key@version.
type record struct {
	version int
	calls   []call
}

// call is one of the source's.
type call struct {
	instance string // that asked
	ended    time.Time
}

func newSource(latency time.Duration) *source {
	return &source{latency: latency, keys: map[string]*record{}, changed: make(chan struct{})}
}

// The beginnings of keys whose calls are not like the others.
const (
	failing = "failing-"
	slow    = "slow-" // slowly times the latency
	slowly  = 5
)

// ServeHTTP answers with the value that the key has when the call begins.
func (s *source) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := path.Base(r.URL.Path)
	latency := s.latency
	if strings.HasPrefix(key, slow) {
		latency *= slowly
	}
	at, version := s.begin(key, r.URL.Query().Get("instance"))
	select {
	case <-time.After(latency):
	case <-r.Context().Done():
		return
	}
	s.end(key, at)
	if strings.HasPrefix(key, failing) {
		http.Error(w, "no", http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, value(key, version)) // a caller that is gone needs no answer
}

func value(key string, version int) string { return fmt.Sprintf("%s@%d", key, version) }

func (s *source) begin(key, instance string) (at, version int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.recordLocked(key)
	r.calls = append(r.calls, call{instance: instance})
	s.changedLocked()
	return len(r.calls) - 1, r.version
}

func (s *source) end(key string, at int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recordLocked(key).calls[at].ended = time.Now()
	s.changedLocked()
}

func (s *source) recordLocked(key string) *record {
	if s.keys[key] == nil {
		s.keys[key] = &record{version: 1}
	}
	return s.keys[key]
}

func (s *source) changedLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// change gives a key its next value.
func (s *source) change(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recordLocked(key).version++
}

// calls returns the calls for a key so far.
func (s *source) calls(key string) []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]call(nil), s.recordLocked(key).calls...)
}

// loaded returns when the first call for a key ended, if one did.
func (s *source) loaded(key string) (first time.Time) {
	for _, c := range s.calls(key) {
		if !c.ended.IsZero() && (first.IsZero() || c.ended.Before(first)) {
			first = c.ended
		}
	}
	return first
}

// called waits until a key is called for, and returns the first call.
func (s *source) called(ctx context.Context, key string) (call, error) {
	for {
		s.mu.Lock()
		changed, calls := s.changed, s.recordLocked(key).calls
		s.mu.Unlock()
		if len(calls) > 0 {
			return calls[0], nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return call{}, fmt.Errorf("the source was not called for %s: %w", key, ctx.Err())
		}
	}
}
