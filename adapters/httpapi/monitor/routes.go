package monitor

import (
	"slices"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Route is what the live page shows of a route.
type Route struct {
	Name     string   `json:"name,omitempty"`      // empty: there is only one
	Requests float64  `json:"requests"`            // per second
	HitRatio *float64 `json:"hit_ratio,omitempty"` // 0 to 1, if there were requests
	LoadP99  *float64 `json:"load_p99,omitempty"`  // of source calls, in seconds, if some ended
	Source   string   `json:"source" enums:"ok,failing,saturated,hanging"`
	Calls    int      `json:"calls"` // of the source, in flight
	Slots    int      `json:"slots"`
	Changes  *Changes `json:"changes,omitempty"`
}

// Changes is how far a feed of changes is.
type Changes struct {
	Up       bool    `json:"up" example:"true"`                   // an instance follows it
	Leads    bool    `json:"leads" example:"false"`               // this one does
	Behind   float64 `json:"behind" example:"0.2"`                // seconds that it was behind when this instance last led
	Retained int64   `json:"retained,omitempty" example:"104857"` // bytes that the database retains for it, if this instance leads
} //	@name	Changes

// ChangesOf returns nil for no feed.
func ChangesOf(feed *ports.ChangeActivity) *Changes {
	if feed == nil {
		return nil
	}
	return &Changes{feed.Up, feed.Leads, feed.Behind.Seconds(), feed.Retained}
}

// Find is a copy that differed from what the source had.
type Find struct {
	Key   string  `json:"key,omitempty" example:"product:7"`
	Route string  `json:"route,omitempty" example:"products"`
	After float64 `json:"after" example:"10"` // seconds for which it differed, at least
	Ago   float64 `json:"ago" example:"12.5"` // seconds since then
} //	@name	Find

// FindOf returns a find of a route as it is shown.
func FindOf(route string, f ports.Find) Find {
	return Find{Key: f.Key.String(), Route: route, After: f.After.Seconds(), Ago: time.Since(f.At).Seconds()}
}

// SourceState is the state of a source, or the worst of several.
func SourceState(now ports.Activity) string {
	saturated := now.SourceCalls >= now.SourceSlots
	for _, route := range now.Routes {
		saturated = saturated || route.SourceCalls >= route.SourceSlots
	}
	switch {
	case now.Overdue > 0: // so its loads fail, too
		return "saturated"
	case now.Failing:
		return "failing"
	case saturated:
		return "saturated"
	default:
		return "ok"
	}
}

// routesOf returns a row for each route, by what they did between two samples.
func routesOf(first, last sample) []Route {
	if len(last.now.Routes) == 0 {
		return []Route{routeOf("", first.now, last.now, first.counts, last.counts, last.at-first.at)}
	}
	var rows []Route
	for _, route := range last.now.Routes {
		i := slices.IndexFunc(first.now.Routes, func(r ports.RouteActivity) bool { return r.Name == route.Name })
		before := ports.Activity{}
		if i >= 0 {
			before = first.now.Routes[i].Activity
		}
		rows = append(rows, routeOf(route.Name, before, route.Activity, countsOf(first.counts, route.Name), countsOf(last.counts, route.Name), last.at-first.at))
	}
	return rows
}

func countsOf(all ports.Counts, route string) ports.Counts {
	for _, r := range all.Routes {
		if r.Name == route {
			return r.Counts
		}
	}
	return ports.Counts{}
}

func routeOf(name string, before, now ports.Activity, old, counts ports.Counts, over time.Duration) Route {
	row := Route{Name: name, Source: SourceState(now), Calls: now.SourceCalls, Slots: now.SourceSlots, Changes: ChangesOf(now.Changes)}
	var requests, earlier uint64
	for i, n := range counts.Requests {
		requests, earlier = requests+n, earlier+old.Requests[i]
	}
	row.Requests = rate(earlier, requests, over.Seconds())
	if requests > earlier {
		hits := counts.Requests[domain.L1Hit] + counts.Requests[domain.L2Hit] - old.Requests[domain.L1Hit] - old.Requests[domain.L2Hit]
		ratio := float64(hits) / float64(requests-earlier)
		row.HitRatio = &ratio
	}
	grown := grownBy(old.SourceTook, counts.SourceTook)
	if grown.Total() > 0 {
		p99 := percentile(grown, .99)
		row.LoadP99 = &p99
	} else if row.Source == "ok" && over >= window && before.SourceCalls > 0 && now.SourceCalls > 0 {
		row.Source = "hanging" // no call has ended
	}
	return row
}

// findsOf returns the last finds of all routes, newest first.
func findsOf(now ports.Activity) (finds []Find) {
	add := func(name string, inspected *ports.Inspected) {
		if inspected != nil {
			for _, f := range inspected.Finds {
				finds = append(finds, FindOf(name, f))
			}
		}
	}
	if len(now.Routes) == 0 {
		add("", now.Inspected)
	}
	for _, route := range now.Routes {
		add(route.Name, route.Inspected)
	}
	slices.SortStableFunc(finds, func(a, b Find) int {
		if a.Ago < b.Ago {
			return -1
		}
		return 1
	})
	return finds[:min(len(finds), 10)]
}
