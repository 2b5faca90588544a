package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// scripted makes a page get the events that a test says, and its clock tick when a
// test says so.
const scripted = `
window.sources = [];
window.EventSource = class extends EventTarget {
	constructor() { super(); sources.push(this); }
	close() { this.closed = true; }
};
window.say = (at, requests, instance = "a") => {
	const metrics = { ...counters, requests, l1_hits: requests };
	const data = JSON.stringify({ ...rest, instance, at, metrics });
	sources.at(-1).dispatchEvent(new MessageEvent("live", { data }));
};
window.breakOff = () => sources.at(-1).onerror();
const interval = window.setInterval;
window.setInterval = (f, ms) => ms === 1000 ? (window.tick = f) : interval(f, ms);
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
	require.True(t, get[bool](p, `fetch("/metrics").then((r) => r.json()).then((m) => {
		window.counters = m;
		window.rest = { state: { l2: "ok", breaker: "closed", ready: true, source: "http", version: "v1" }, latency: { bounds: [0.001, 0.01], counts: [0, 0, 0] } };
		return true;
	})`))
	return p
}

// check requires that the expression is true, and that nothing was thrown.
func (p *page) check(expression string) {
	p.t.Helper()
	require.Empty(p.t, get[[]string](p, `exceptions`))
	require.True(p.t, get[bool](p, expression), expression)
}

func TestRatesAreByTheClockOfTheServiceHoweverLateEventsCome(t *testing.T) {
	p := openScripted(t)
	// What a tab gets that was blocked for half a minute: all at once.
	p.check(`(() => { for (let i = 0; i <= 30; i++) say(1e9 + i, 60 * i); return true; })()`)
	p.check(`charts[0].points[0].length === 30 && charts[0].points[0].every((rate) => rate === 60)`)
	p.check(`document.querySelector("#tiles .tile p").textContent.startsWith("60 ")`)
	p.check(`times.every((at, i) => at === 1e9 + 1 + i)`)
	// Events come by unsteady clocks, too; and one twice, which counts once.
	p.check(`(() => { say(1e9 + 30.5, 60 * 30.5); say(1e9 + 32.5, 60 * 32.5); say(1e9 + 32.5, 60 * 32.5); return true; })()`)
	p.check(`charts[0].points[0].length === 32 && charts[0].points[0].every((rate) => rate === 60)`)
}

func TestAGapIsDrawnAsAGap(t *testing.T) {
	p := openScripted(t)
	p.check(`(() => { for (const i of [0, 1, 2, 40, 41, 42]) say(1e9 + i, 60 * i); return true; })()`)
	p.check(`JSON.stringify(charts[0].points[0]) === "[60,60,null,60,60]"`)
	p.check(`charts.every((c) => c.points.every((points) => points.length === times.length && points[2] === null))`)
	p.check(`times.every((at, i) => !i || at > times[i - 1])`)
	p.check(`!charts[0].plot || charts[0].plot.data.slice(1).every((stack) => stack[2] === null && stack[3] !== null)`)
	p.check(`(() => { say(1e9 + 50, 60 * 50); return document.querySelector("#tiles .tile p").textContent.startsWith("–"); })()`)
	p.picture("dashboard-gap")

	// Another instance answers, or this one after a restart: its counters are others.
	p.check(`(() => { say(1e9 + 51, 10, "b"); say(1e9 + 52, 30, "b"); return charts[0].points[0].at(-1) === 20; })()`)
	p.check(`(() => { say(1e9 + 20, 5, "c"); say(1e9 + 21, 9, "c"); return JSON.stringify([times, charts[0].points[0]]) === "[[1000000021],[4]]"; })()`)
	// What is too old goes.
	p.check(`(() => { say(1e9 + 1000, 10, "c"); say(1e9 + 1001, 20, "c"); return times[0] > 1e9 + 500; })()`)
}

func TestAServiceThatIsGoneIsGreyUntilItIsBack(t *testing.T) {
	p := openScripted(t)
	const grey = `(document.querySelector("#offline").hidden === false && ["#states", "main"].every((s) => getComputedStyle(document.querySelector(s)).filter.includes("grayscale")))`
	const normal = `(document.querySelector("#offline").hidden && ["#states", "main"].every((s) => getComputedStyle(document.querySelector(s)).filter === "none"))`
	const seen = `document.querySelector("#offline").textContent.includes("last seen " + new Date(1e12 + 2000).toTimeString().slice(0, 8))`
	p.check(normal)
	p.check(`(() => { say(1e9, 10); say(1e9 + 1, 20); return ` + normal + `; })()`)
	// The service ends a stream now and then, and takes a new one at once.
	p.check(`(() => { breakOff(); return sources.length === 2 && ` + normal + `; })()`)
	p.check(`(() => { say(1e9 + 1.01, 21); say(1e9 + 2, 30); return charts[0].points[0].join() === "10,10" && ` + normal + `; })()`)
	p.check(`(() => { breakOff(); breakOff(); return ` + grey + ` && ` + seen + `; })()`)
	p.picture("dashboard-gone")
	p.until(`sources.length === 4`) // it tries again
	p.check(`(() => { say(1e9 + 20, 300); return ` + normal + `; })()`)
	// A connection that falls silent is given up.
	p.check(`(() => { say(1e9 + 1, 20, "d"); for (let i = 0; i < 5; i++) tick(); return sources.length === 4 && ` + normal + `; })()`)
	p.check(`(() => { tick(); return sources.length === 5 && sources[3].closed && ` + grey + `; })()`)
	p.check(`(() => { say(1e9 + 2, 20, "d"); return ` + normal + `; })()`)
}

func TestBeforeAnyTrafficThePageSaysHowToMakeSome(t *testing.T) {
	p := openScripted(t)
	p.check(`document.querySelector("#empty").hidden`)
	p.check(`(() => { say(1e9, 0); say(1e9 + 1, 0); return !document.querySelector("#empty").hidden; })()`)
	require.Contains(t, p.text("#empty"), "curl http://")
	p.check(`[...document.querySelectorAll("#tiles .tile p")].every((p) => !p.textContent.includes("NaN"))`)
	p.picture("dashboard-empty")
	p.check(`(() => { say(1e9 + 2, 1); return document.querySelector("#empty").hidden; })()`)
}

func TestWithoutUPlotTheNumbersAreShown(t *testing.T) {
	needBrowser(t)
	in := launch(t, 1, []string{"--oracle-delay=0"})[0]
	in.mustGet("/data/test")
	p := open(t, in.base+"/dashboard", 1280, 900, "light", exceptions, `Object.defineProperty(window, "uPlot", { get() {}, set() {} })`)
	p.until(`document.querySelector("#tiles")?.textContent.includes("1 in all") && times.length > 1`)
	p.check(`!document.querySelector("#bare").hidden && document.querySelector("#charts").hidden`)
	p.until(`getComputedStyle(document.querySelector("#bare")).visibility === "visible"`)
	p.prefer("dark")
	p.picture("dashboard-bare")
	p.check(`document.querySelectorAll("#states li").length === 5`)
}

func TestTheStateOfADegradedLayerSaysWhy(t *testing.T) {
	p := openScripted(t)
	p.check(`(() => { say(1e9, 1); return document.querySelector("#states").textContent.startsWith("L2ok"); })()`)
	p.check(`(() => {
		Object.assign(rest.state, { l2: "degraded", l2_reason: "the disk is full" });
		say(1e9 + 1, 2);
		const chip = document.querySelector("#states li");
		return chip.className === "bad" && chip.textContent === "L2degraded: the disk is full";
	})()`)
}
