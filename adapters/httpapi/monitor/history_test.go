package monitor_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/monitor"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// moving is a service that does something.
type moving struct {
	parts
	mu      sync.Mutex
	counts  ports.Counts
	now     ports.Activity
	latency ports.Durations
}

func (m *moving) Snapshot() ports.Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts
}

func (m *moving) Activity() ports.Activity {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *moving) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

// hits makes so many hits a second, until ctx ends.
func (m *moving) hits(ctx context.Context, perSecond uint64) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.change(func() { m.counts.Requests[domain.L1Hit] += perSecond / 10 })
		case <-ctx.Done():
			return
		}
	}
}

func (m *moving) monitor(open context.Context) *monitor.Monitor {
	return monitor.New(monitor.Parts{
		Counter: m, L1: m, L2: m, Activity: m, Exposition: m, Open: open, Ready: func() bool { return true },
		Latency: func() ports.Durations { return m.latency },
	}, monitor.Labels{Host: "h:8000"})
}

// watch is told what a live page is that is open for so long.
func watch(t *testing.T, h http.Handler, open time.Duration) (events []monitor.Live) {
	t.Helper()
	ctx, leave := context.WithTimeout(t.Context(), open)
	defer leave()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/events", http.NoBody))
	for line := range strings.Lines(w.Body.String()) {
		if data, is := strings.CutPrefix(line, "data:"); is {
			var e monitor.Live
			require.NoError(t, json.Unmarshal([]byte(data), &e))
			events = append(events, e)
		}
	}
	return events
}

func TestFiveMinutesAreKeptWhileNoPageIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open, end := context.WithCancel(t.Context())
		service := &moving{}
		m := service.monitor(open)
		began := float64(time.Now().Unix())
		var all sync.WaitGroup
		all.Go(m.Watch)
		all.Go(func() { service.hits(open, 60) })
		time.Sleep(400*time.Second + 50*time.Millisecond)
		page := m.Dashboard()
		events := watch(t, page, 2500*time.Millisecond)
		require.Len(t, events, 3)
		require.Equal(t, "h:8000", events[0].State.Host)
		require.InDelta(t, 400, events[0].Uptime, 1)
		points := events[0].Points
		require.InDelta(t, 300, len(points), 1, "and no more than that")
		for i, p := range points {
			require.InDelta(t, points[0].At+float64(i), p.At, 1e-3)
			require.InDelta(t, 60, p.Requests[0], 6)
		}
		require.InDelta(t, began+400, points[len(points)-1].At, 1e-3)
		require.Len(t, events[1].Points, 1, "then what is new")
		require.Greater(t, events[1].Points[0].At, points[len(points)-1].At)
		require.InDelta(t, 60, events[2].Recent.Requests, 1)
		require.InDelta(t, 1, *events[2].Recent.L1Ratio, 1e-9)

		again := watch(t, page, time.Nanosecond)[0].Points
		require.Equal(t, points[10], again[10-3+1], "a reload loses nothing")
		end()
		all.Wait()
	})
}

func TestNoRateIsTakenOverAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &moving{}
		page := service.monitor(t.Context()).Dashboard() // not watched: samples are taken for pages alone
		watch(t, page, 2500*time.Millisecond)
		service.change(func() { service.counts.Requests[domain.L1Hit] = 1000 })
		time.Sleep(40 * time.Second)
		events := watch(t, page, 1500*time.Millisecond)
		points := events[0].Points
		require.Len(t, points, 3)
		require.Nil(t, points[2].Requests, "the gap")
		require.InDelta(t, points[1].At+21, points[2].At, 2, "is drawn between")
		require.Equal(t, []float64{0, 0, 0, 0, 0, 0}, events[1].Points[0].Requests)
		require.Zero(t, events[1].Recent.Requests)
	})
}

func TestSeveralPagesAreToldTheSamePoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := (&moving{}).monitor(t.Context()).Dashboard()
		var first, second []monitor.Live
		var all sync.WaitGroup
		all.Go(func() { first = watch(t, page, 5*time.Second+time.Millisecond) })
		time.Sleep(300 * time.Millisecond)
		all.Go(func() { second = watch(t, page, 5*time.Second) })
		all.Wait()
		require.Len(t, first, 6)
		require.Equal(t, first[2].Points, second[2].Points)
		for i, e := range second[1:] {
			require.Len(t, e.Points, 1, i)
		}
	})
}

func TestARouteIsARowWithWhatItsSourceDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &moving{}
		named := func(a ports.Activity, c ports.Counts) {
			service.now.Routes = []ports.RouteActivity{{Name: "products", Activity: a}}
			service.counts.Routes = []ports.RouteCounts{{Name: "products", Counts: c}}
		}
		named(ports.Activity{SourceSlots: 4}, ports.Counts{})
		page := service.monitor(t.Context()).Dashboard()
		at := func(after time.Duration, a ports.Activity, f func(*ports.Counts)) {
			time.AfterFunc(after, func() {
				service.change(func() {
					var c ports.Counts
					f(&c)
					named(a, c)
				})
			})
		}
		feed := &ports.ChangeActivity{Up: true, Behind: 200 * time.Millisecond}
		at(500*time.Millisecond, ports.Activity{SourceSlots: 4, SourceCalls: 1, Changes: feed}, func(c *ports.Counts) {
			c.Requests[domain.L1Hit], c.Requests[domain.Loaded], c.SourceTook.Counts[6] = 30, 10, 10
		})
		events := watch(t, page, 30*time.Second+time.Millisecond)
		row := events[2].Routes[0]
		require.Equal(t, "products", row.Name)
		require.InDelta(t, 0.75, *row.HitRatio, 1e-9)
		require.InDelta(t, 20, row.Requests, 1)
		require.InDelta(t, 0.000995, *row.LoadP99, 1e-6)
		require.Equal(t, "ok", row.Source)
		require.Equal(t, &monitor.Changes{Up: true, Behind: 0.2}, row.Changes)
		require.Nil(t, events[20].Routes[0].HitRatio)
		require.Equal(t, "hanging", events[20].Routes[0].Source, "a call is in flight, and none has ended for 10 s")

		time.Sleep(time.Second)
		service.change(func() { named(ports.Activity{SourceSlots: 4, SourceCalls: 4}, ports.Counts{}) })
		require.Equal(t, "saturated", watch(t, page, time.Nanosecond)[0].Routes[0].Source)
		time.Sleep(time.Second)
		service.change(func() { named(ports.Activity{SourceSlots: 4, SourceCalls: 4, Failing: true}, ports.Counts{}) })
		require.Equal(t, "failing", watch(t, page, time.Nanosecond)[0].Routes[0].Source)
	})
}

func TestTheLastFindsAreToldNewestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &moving{}
		key := func(s string) domain.Key {
			k, err := domain.ParseKey(s)
			require.NoError(t, err)
			return k
		}
		find := func(s string, ago time.Duration) ports.Find {
			return ports.Find{Key: key(s), After: 10 * time.Second, At: time.Now().Add(-ago)}
		}
		service.now.Routes = []ports.RouteActivity{
			{Name: "a", Activity: ports.Activity{Inspected: &ports.Inspected{Finds: []ports.Find{find("old", time.Minute), find("new", time.Second)}}}},
			{Name: "b", Activity: ports.Activity{Inspected: &ports.Inspected{Finds: []ports.Find{find("between", 30*time.Second)}}}},
		}
		require.Equal(t, []monitor.Find{{"new", "a", 10, 1}, {"between", "b", 10, 30}, {"old", "a", 10, 60}},
			watch(t, service.monitor(t.Context()).Dashboard(), time.Nanosecond)[0].Finds)
	})
}

func TestASourceThatWasJustCalledIsNotSaidToHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &moving{now: ports.Activity{SourceSlots: 4}}
		time.AfterFunc(12500*time.Millisecond, func() { service.change(func() { service.now.SourceCalls = 1 }) })
		events := watch(t, service.monitor(t.Context()).Dashboard(), 30*time.Second+time.Millisecond)
		require.Equal(t, "ok", events[14].Routes[0].Source)
		require.Equal(t, 1, events[14].Routes[0].Calls)
		require.Equal(t, "hanging", events[29].Routes[0].Source)
	})
}
