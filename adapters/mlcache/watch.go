package mlcache

import (
	"context"
	"net/http"
	"runtime/debug"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/counters"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/monitor"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/prometheus"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Metrics answers with the counters of the cache, in JSON, or in a format of Prometheus
// if the request likes that better, or has format=prometheus. There the name of the
// cache is the label route. The handler works at any path.
func (c *core) Metrics() http.Handler { return c.monitor().Metrics() }

// Dashboard answers with a page that shows what the cache does, live. The handler works
// at any path and needs all that is below it: mux.Handle("/products/", c.Dashboard()).
func (c *core) Dashboard() http.Handler { return c.monitor().Dashboard() }

func (c *core) newMonitor() *monitor.Monitor {
	exposition := prometheus.Handler(prometheus.Parts{
		Counter: c.counts, L1: c.l1, Activity: named{c}, L2: c.layer, Answers: counters.NewAnswers(),
	}, version())
	return monitor.New(monitor.Parts{
		Counter: c.counts, L1: c.l1, L2: c.layer, Activity: named{c}, Exposition: exposition, Open: c.open,
		Latency: func() ports.Durations { return c.counts.Snapshot().SourceTook },
		Ready:   func() bool { return true }, // else Open has ended
	}, monitor.Labels{Version: version(), Source: c.name})
}

// named has the activity of the cache under its name, as its counters are.
type named struct{ *core }

func (n named) Activity() ports.Activity {
	now := n.service.Activity()
	now.Routes = []ports.RouteActivity{{Name: n.name, Activity: now}}
	return now
}

// version is that of this module in the program.
func version() string {
	const module = "github.com/multi-layer-cache/multi-layer-cache"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if m.Path == module && m.Version != "" {
				return m.Version
			}
		}
	}
	return "(devel)"
}

// Stats are what a cache has counted since it was made, and its state. Metrics has more.
type Stats struct {
	Hits   uint64 // Gets that a layer answered, also with an expired value
	Misses uint64 // Gets that waited for a load, of whatever outcome
	Loads  uint64 // calls of the loader
	Failed uint64 // calls of the loader that failed

	Entries int   // in memory
	Bytes   int64 // that they occupy

	L2      string // state of the second layer: ok, embedded, or degraded while it cannot be used
	Dropped uint64 // events that no hook was told of, because too many were waiting
}

// Stats returns what was counted up to now. Keys of GetMany count as Gets.
func (c *core) Stats() Stats {
	n, l1 := c.counts.Snapshot(), c.l1.Stats()
	s := Stats{
		Hits:  n.Requests[domain.L1Hit] + n.Requests[domain.L2Hit] + n.Requests[domain.Stale],
		Loads: n.Events[ports.SourceCalled], Failed: n.Events[ports.SourceFailed],
		Entries: l1.Entries, Bytes: l1.Bytes,
		L2: c.layer.Health(context.Background()), Dropped: c.hooks.dropped.Load(),
	}
	for _, requests := range n.Requests {
		s.Misses += requests
	}
	s.Misses -= s.Hits
	return s
}
