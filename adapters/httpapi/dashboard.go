package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"path"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

const (
	// everySo is how often the live page gets new numbers.
	everySo = time.Second
	// maxStreams is how many pages may listen at once.
	maxStreams = 64
	// streamAge is after how long a stream ends. A page that still listens comes
	// back; one that does not read, which the service cannot see, makes room.
	streamAge = time.Minute
)

// streams are the answers that go on for as long as their clients listen.
type streams struct {
	places chan struct{}
	open   context.Context // ends when the service shuts down
	end    context.CancelFunc
}

func newStreams() streams {
	open, end := context.WithCancel(context.Background())
	return streams{make(chan struct{}, maxStreams), open, end}
}

func (a *API) routeDashboard() {
	a.page(page{path: "/dashboard", template: "dashboard.html", vendored: []string{"uPlot.iife.min.js", "uPlot.min.css"}})
	a.own("/dashboard/dashboard.js")
	a.own("/dashboard/dashboard.css")
	a.get("/dashboard/events", a.events)
}

// Live is what the live page gets each second. Its counters are totals: the page
// looks at what they grew by from one event of an instance to the next.
type Live struct {
	Instance string `json:"instance"` // differs after a restart
	// At is when this was so, in Unix seconds. Within an instance it is never set back.
	At float64 `json:"at"`

	Metrics Metrics `json:"metrics"`
	State   State   `json:"state"`
	Latency Latency `json:"latency"` // of answers to GET /data/{key}
}

// State is what the parts are in.
type State struct {
	L2      string `json:"l2" enums:"ok,degraded,embedded"`
	Reason  string `json:"l2_reason,omitempty"`
	Breaker string `json:"breaker" enums:"closed,open,half-open"`
	Ready   bool   `json:"ready"`
	Source  string `json:"source"`
	Version string `json:"version"`
}

// Latency is a histogram.
type Latency struct {
	Bounds []float64 `json:"bounds"` // in seconds
	Counts []uint64  `json:"counts"` // up to the bound at the same place; the last beyond all
}

// events tells the live page the numbers each second (Server-Sent Events, WHATWG
// HTML, section 9.2). It is for that page and not described.
func (a *API) events(c *gin.Context) {
	if a.stream.open.Err() != nil {
		problem(c, problemClosed)
		return
	}
	select {
	case a.stream.places <- struct{}{}:
		defer func() { <-a.stream.places }()
	default:
		problem(c, problemStreams)
		return
	}
	noStore(c.Writer.Header())
	c.Header("X-Accel-Buffering", "no") // nginx would collect events
	if c.Request.Method == http.MethodHead {
		c.Header("Content-Type", "text/event-stream;charset=utf-8")
		return
	}
	tick := time.NewTicker(everySo)
	defer tick.Stop()
	over := time.NewTimer(streamAge)
	defer over.Stop()
	for {
		c.SSEvent("live", a.live(c))
		c.Writer.Flush()
		select {
		case <-tick.C:
		case <-c.Request.Context().Done():
			return
		case <-over.C:
			return
		case <-a.stream.open.Done():
			return
		}
	}
}

func (a *API) live(c *gin.Context) Live {
	l2, reason := a.l2(c)
	return Live{
		Instance: a.ids.prefix,
		At:       float64(a.started.Add(time.Since(a.started)).UnixMilli()) / 1000,
		Metrics:  a.measure(),
		State: State{
			L2: l2, Reason: reason, Breaker: a.parts.L2.Breaker(), Ready: a.ready.Load(),
			Source: a.labels.Source, Version: a.labels.Version,
		},
		Latency: latencyOf(dataRoute, a.parts.Answers.Durations()),
	}
}

func latencyOf(route string, all []ports.RouteDurations) Latency {
	l := Latency{Bounds: make([]float64, len(ports.Bounds)), Counts: make([]uint64, len(ports.Bounds)+1)}
	for i, bound := range ports.Bounds {
		l.Bounds[i] = bound.Seconds()
	}
	for _, d := range all {
		if d.Route != route {
			continue
		}
		for i, n := range d.Counts {
			l.Counts[i] += n
		}
	}
	return l
}

// own serves one of the project's own files.
func (a *API) own(route string) {
	name := path.Base(route)
	sum := sha256.Sum256([]byte(asset(name)))
	a.file(route, "assets/"+name, `"`+hex.EncodeToString(sum[:16])+`"`)
}
