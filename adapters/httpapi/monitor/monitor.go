// Package monitor shows what a cache has counted and what it does now: the counters as
// JSON and for Prometheus, and the live page. It stands on net/http alone, so that a
// program that has the cache as a package serves it with whatever it serves else. It
// knows nothing of routes, and what it cannot answer it leaves to its caller.
package monitor

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/assets"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Why there is no answer.
var (
	ErrFormat  = errors.New("no such format: it must be json or prometheus")
	ErrEnded   = errors.New("shutting down")
	ErrStreams = errors.New("too many pages are listening")
)

// Counter tells what was counted.
type Counter interface{ Snapshot() ports.Counts }

// Memory tells what L1 holds and has evicted.
type Memory interface{ Stats() ports.L1Stats }

// SharedLayer tells the state of L2.
type SharedLayer interface {
	// Health is ok, degraded or embedded.
	Health(ctx context.Context) string
	// Reason says why it is degraded, in words that any client may read.
	Reason() string
	// Breaker is closed, open or half-open.
	Breaker() string
}

// Parts are what is shown. All are required.
type Parts struct {
	Counter    Counter
	L1         Memory
	L2         SharedLayer
	Activity   interface{ Activity() ports.Activity }
	Exposition http.Handler           // writes the counters in the formats of Prometheus
	Latency    func() ports.Durations // that the live page shows
	Ready      func() bool            // whether the instance wants traffic
	// Open ends with the service: it ends the answers that would go on for as long as
	// their clients listen, and no new ones begin.
	Open context.Context
}

// Labels are shown as they are.
type Labels struct {
	Version string // of the program
	Source  string // the kind of source: oracle, http, sql or routes
	Host    string // where the program runs, and its port; may be empty
}

// Monitor shows the parts. It is safe for concurrent use.
type Monitor struct {
	parts    Parts
	labels   Labels
	instance string // differs after a restart
	started  time.Time
	streams  chan struct{} // live pages that listen
	history  history
}

// New returns a Monitor of p.
func New(p Parts, l Labels) *Monitor {
	return &Monitor{parts: p, labels: l, instance: strings.ToLower(rand.Text()[:10]), started: time.Now(), streams: make(chan struct{}, maxStreams)}
}

// Page returns the live page, which loads the files that it names and listens to
// ServeEvents at events, beside them.
func Page() assets.Page {
	return assets.Page{
		Template: "dashboard.html", Vendored: []string{"uPlot.iife.min.js", "uPlot.min.css"},
		Own: []string{"base.css", "dashboard.css", "words.js", "charts.js", "states.js", "keys.js", "dashboard.js"},
	}
}
