package main

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/monitor"
)

// scripted makes a page get the events that a test says, and its clock tick when a
// test says so. Nothing else happens from time to time.
const scripted = `
window.sources = [];
window.EventSource = class extends EventTarget {
	constructor() { super(); sources.push(this); }
	close() { this.closed = true; }
};
window.say = (event) => sources.at(-1).dispatchEvent(new MessageEvent("live", { data: JSON.stringify(event) }));
window.breakOff = () => sources.at(-1).onerror();
window.setInterval = (f, ms) => { if (ms === 1000) window.tick = f; };
`

// exceptions collects what no part of a page caught.
const exceptions = `window.exceptions = []; addEventListener("error", (e) => e.message && exceptions.push(e.message));
addEventListener("unhandledrejection", (e) => exceptions.push(String(e.reason)))`

// openScripted opens the live page with events by script.
func openScripted(t *testing.T) *page {
	t.Helper()
	needBrowser(t)
	in := launch(t, 1, nil)[0]
	p := open(t, in.base+"/dashboard", 1280, 900, "light", exceptions, scripted)
	p.until(`!!window.tick`)
	return p
}

// check requires that the expression is true, and that nothing was thrown.
func (p *page) check(expression string) {
	p.t.Helper()
	require.Empty(p.t, get[[]string](p, `exceptions`))
	require.True(p.t, get[bool](p, expression), expression)
}

// say tells the page an event.
func (p *page) say(event monitor.Live) {
	p.t.Helper()
	data, err := json.Marshal(event)
	require.NoError(p.t, err)
	p.check(fmt.Sprintf(`(say(%s), true)`, data))
}

// at is an event of a quiet service at a second, with a point for each second since then.
func at(second int, since int) monitor.Live {
	e := monitor.Live{
		Instance: "a", At: 1e9 + float64(second), Uptime: 11520, Routes: []monitor.Route{{Source: "ok", Slots: 256}},
		Metrics: monitor.Metrics{RouteMetrics: monitor.RouteMetrics{Requests: 1, SourceSlots: 256}, L2Up: 1, BusUp: 1},
		State:   monitor.State{L2: "ok", Breaker: "closed", Ready: true, Source: "http", Version: "v1", Host: "shop-7:8000"},
	}
	for s := since; s <= second; s++ {
		e.Points = append(e.Points, pointAt(s))
	}
	return e
}

func pointAt(second int) monitor.Point {
	return monitor.Point{
		At: 1e9 + float64(second), Requests: []float64{60, 5, 4, 3, 2, 1}, Latency: []float64{40e-6, 1.2e-3, 2.47},
		Loads: []float64{4, 3, 0}, Evictions: []float64{0, 0, 1}, Busy: []float64{2, 5},
	}
}

func TestChartsShowWhatTheServiceKept(t *testing.T) {
	p := openScripted(t)
	p.say(at(400, 0))
	p.check(`points.length === 301 && points[0].at === 1e9 + 100`) // five minutes and no more
	p.until(`!window.uPlot || charts.every((c) => c.plot)`)
	p.check(`charts.every((c) => !c.plot || c.plot.data[0].length === 301)`)
	p.check(`charts.every((c) => !c.plot || c.plot.scales.x.max - c.plot.scales.x.min === 300)`)
	p.say(at(401, 401))
	p.check(`points.length === 301 && points.at(-1).at === 1e9 + 401`)
	p.say(at(401, 400)) // again
	p.check(`points.length === 301`)
	// A stream that is new tells all of it again, whatever instance it is of.
	p.check(`(breakOff(), sources.length === 2)`)
	p.say(at(20, 15))
	p.check(`points.length === 6 && points[0].at === 1e9 + 15`)
	p.check(`charts.every((c) => !c.plot || c.plot.scales.x.max - c.plot.scales.x.min === 300)`) // as wide for 6 points
	// Stacked, but each says its own.
	p.check(`!charts[0].plot || charts[0].plot.data.slice(1).map((stack) => stack.at(-1)).join() === "75,74,72,69,65,60"`)
	p.check(`!charts[0].plot || charts[0].plot.series.find((s) => s.label === "L2").value(charts[0].plot, null, 0, null) === "5"`)
}

func TestAGapIsDrawnAsAGap(t *testing.T) {
	p := openScripted(t)
	e := at(20, 15)
	e.Points[2] = monitor.Point{At: e.Points[2].At}
	p.say(e)
	p.until(`!window.uPlot || charts.every((c) => c.plot)`)
	p.check(`charts.every((c) => plotted(c).slice(1).every((line) => line[2] === null && line[1] !== null && line[3] !== null))`)
	e.Points = []monitor.Point{{At: 1e9 + 21, Requests: []float64{0, 0, 0, 0, 0, 0}, Loads: []float64{0, 0, 0}, Evictions: []float64{0, 0, 0}, Busy: []float64{0, 0}}}
	p.say(e)
	p.check(`plotted(charts[1]).slice(1).every((line) => line.at(-1) === null)`) // no answers: no latency
	p.accessible("dashboard-gap")
}

func TestEachChartIsInWordsToo(t *testing.T) {
	p := openScripted(t)
	e := at(20, 10)
	e.Points[3].Busy = []float64{7, 12}
	p.say(e)
	p.check(`document.querySelectorAll("figure").length === 5 && [...document.querySelectorAll("figure > p")].every((words) => words.textContent.length > 20)`)
	p.check(`$("busy-words").textContent === "Source calls: now 2, between 2 and 7 in the last five minutes. Waiting requests: now 5, between 5 and 12 in the last five minutes."`)
	p.check(`$("latency-words").textContent.includes("p50: now 40 µs") && $("latency-words").textContent.includes("p99: now 2.47 s")`)
	p.check(`$("requests-words").textContent.startsWith("L1: now 60 per second")`)
}

func TestNumbersAreInUnitsThatScaleAndTicksAreWhole(t *testing.T) {
	p := openScripted(t)
	p.check(`[2.467, 0.05, 0.9999, 40e-6, 59.99, 150, 7200, 200000, 0, null].map(seconds).join("|") === "2.47 s|50 ms|1 s|40 µs|1 min|2.5 min|2 h|2.31 d|0 s|–"`)
	p.check(`[0, 980, 1024, 1.5 * 2 ** 20, 2 ** 31].map(bytes).join("|") === "0 B|980 B|1 KiB|1.5 MiB|2 GiB"`)
	p.check(`[0, 0.123, 1].map(percent).join("|") === "0 %|12.3 %|100 %"`)
	if get[int](p, `fetch("dashboard/uPlot.iife.min.js").then((r) => r.status)`) != 200 {
		skip(t, "embedded uPlot (make assets)")
	}
	p.until(`charts.every((c) => c.plot)`)
	for _, top := range []float64{0, 0.4, 1, 3, 7, 150, 12345} {
		e := at(20, 10)
		for i := range e.Points {
			e.Points[i].Loads[0], e.Points[i].Busy[0] = top, top
		}
		p.check(`(breakOff(), true)`)
		p.say(e)
		p.until(`charts[2].plot.axes[1]._values?.length > 0`)
		p.check(`[charts[0], charts[2], charts[3], charts[4]].every((c) => c.plot.axes[1]._splits.every(Number.isInteger) && new Set(c.plot.axes[1]._values).size === c.plot.axes[1]._values.length)`)
		p.check(`charts[0].plot.axes[0]._values.every((v) => /^\d\d:\d\d$/.test(v))`)
	}
	p.check(`charts[1].plot.axes[1]._values.filter(Boolean).every((v) => / (s|ms|µs)$/.test(v))`)
}

func TestAServiceThatIsGoneIsGreyUntilItIsBack(t *testing.T) {
	p := openScripted(t)
	const grey = `($("offline").hidden === false && ["#states", ".try", "#tiles"].every((s) => getComputedStyle(document.querySelector(s).closest("ul, section")).filter.includes("grayscale")))`
	const normal = `($("offline").hidden && ["#states", ".try", "#tiles"].every((s) => getComputedStyle(document.querySelector(s).closest("ul, section")).filter === "none"))`
	const seen = `$("offline").textContent.includes("last seen " + new Date(1e12 + 2000).toTimeString().slice(0, 8))`
	p.check(normal)
	p.say(at(1, 0))
	p.check(normal)
	// The service ends a stream now and then, and takes a new one at once.
	p.check(`(breakOff(), sources.length === 2 && ` + normal + `)`)
	p.say(at(2, 0))
	p.check(`(breakOff(), breakOff(), ` + grey + ` && ` + seen + `)`)
	p.check(`$("offline").textContent.includes("look whether its process runs")`)
	p.accessible("dashboard-gone")
	p.until(`sources.length === 4`) // it tries again
	p.say(at(20, 0))
	p.check(normal)
	// A connection that falls silent is given up.
	p.check(`(() => { for (let i = 0; i < 5; i++) tick(); return sources.length === 4 && ` + normal + `; })()`)
	p.check(`(tick(), sources.length === 5 && sources[3].closed && ` + grey + `)`)
	p.say(at(21, 0))
	p.check(normal)
}

func TestBeforeAnyTrafficThePageSaysHowToMakeSome(t *testing.T) {
	p := openScripted(t)
	p.check(`$("empty").hidden`)
	e := at(1, 2)
	e.Metrics.Requests = 0
	p.say(e)
	p.check(`!$("empty").hidden`)
	require.Contains(t, p.text("#empty"), "curl http://")
	p.check(`!document.body.textContent.includes("NaN") && !document.body.textContent.includes("undefined")`)
	p.accessible("dashboard-empty")
	p.fitsAPhone("dashboard-empty")
	p.say(at(2, 2))
	p.check(`$("empty").hidden`)
}

func TestWithoutUPlotTheNumbersAreShown(t *testing.T) {
	needBrowser(t)
	in := launch(t, 1, []string{"--oracle-delay=0"})[0]
	in.mustGet("/data/test")
	p := open(t, in.base+"/dashboard", 1280, 900, "light", exceptions, `Object.defineProperty(window, "uPlot", { get() {}, set() {} })`)
	p.until(`$("tiles")?.textContent.includes("1 in all") && points.length > 1`)
	p.check(`!$("bare").hidden && $("charts").hidden`)
	p.until(`getComputedStyle($("bare")).visibility === "visible"`)
	p.check(`document.querySelectorAll("#states li").length === 5`)
	p.accessible("dashboard-bare")
}
