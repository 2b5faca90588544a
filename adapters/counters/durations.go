package counters

import (
	"cmp"
	"slices"
	"time"

	"github.com/puzpuzpuz/xsync/v4"

	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// histogram counts durations. It is safe for concurrent use, and striped as a
// Recorder is.
type histogram struct {
	counts [len(ports.Bounds) + 1]*xsync.Counter
	nanos  *xsync.Counter
}

func newHistogram() *histogram {
	h := &histogram{nanos: xsync.NewCounter()}
	for i := range h.counts {
		h.counts[i] = xsync.NewCounter()
	}
	return h
}

func (h *histogram) observe(d time.Duration) {
	at, _ := slices.BinarySearch(ports.Bounds[:], d)
	h.counts[at].Inc()
	h.nanos.Add(int64(d))
}

func (h *histogram) snapshot() (d ports.Durations) {
	for i, c := range h.counts {
		d.Counts[i] = uint64(c.Value())
	}
	d.Sum = time.Duration(h.nanos.Value())
	return d
}

// Answers counts how long answers took. It is safe for concurrent use.
type Answers struct {
	kinds *xsync.Map[answerKind, *histogram]
}

type answerKind struct {
	route  string
	status int
}

// NewAnswers returns Answers at zero.
func NewAnswers() *Answers {
	return &Answers{xsync.NewMap[answerKind, *histogram]()}
}

// Took counts one answer. Routes and statuses are few, so each pair is kept.
func (a *Answers) Took(route string, status int, d time.Duration) {
	kind := answerKind{route, status}
	h, ok := a.kinds.Load(kind)
	if !ok {
		h, _ = a.kinds.LoadOrStore(kind, newHistogram())
	}
	h.observe(d)
}

// Durations returns what was counted, in the order of routes and statuses.
func (a *Answers) Durations() []ports.RouteDurations {
	var all []ports.RouteDurations
	for kind, h := range a.kinds.Range {
		all = append(all, ports.RouteDurations{Route: kind.route, Status: kind.status, Durations: h.snapshot()})
	}
	slices.SortFunc(all, func(a, b ports.RouteDurations) int {
		return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.Status, b.Status))
	})
	return all
}
