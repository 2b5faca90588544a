// The live page: draws what /dashboard/events tells each second, and asks for keys.
"use strict";

const $ = (id) => document.getElementById(id);
const HERE = new URL(".", document.currentScript.src);  // what the page loads, also behind a path prefix
const ROOT = new URL("..", HERE); // of the service, unless the page stands alone
const KEPT = 300;      // seconds in the charts, at most
const SHOWN = 60;      // seconds in the charts, at least
const WINDOW = 10;     // seconds that ratios and percentiles are taken over
const SPACED = 0.5;    // seconds between two events that a rate is taken over, at least: a new stream begins with one at once
const GAP = 3;         // seconds between two events after which some are missing
const SILENCE = 5;     // seconds without an event after which the service is taken to be gone

// Each chart: its series, and how to get a point of them from two states of the counters.
const since = (now, before, name) => Math.max(0, now.metrics[name] - before.metrics[name]);
const rates = (...names) => (now, before, seconds) => names.map((n) => since(now, before, n) / seconds);
const charts = [
  { id: "requests", stacked: true, height: 260, verb: rate,
    series: [["L1", "l1"], ["L2", "l2"], ["Loaded", "source"], ["Shared a load", "shared"], ["Stale", "stale"], ["Failed", "failed"]],
    point: rates("l1_hits", "l2_hits", "loaded", "coalesced", "stale_served", "failed") },
  { id: "latency", log: true, verb: millis, tick: power,
    series: [["p50", "l1"], ["p90", "l2"], ["p99", "source"]],
    point: () => [0.5, 0.9, 0.99].map((q) => percentile(q)) },
  { id: "loads", verb: rate,
    series: [["Source calls", "source"], ["Shared", "shared"], ["In the background", "l2"]],
    point: rates("cache_misses", "coalesced", "refreshes") },
  { id: "evictions", verb: rate,
    series: [["Too many", "l2"], ["Too large", "shared"], ["Expired", "stale"]],
    point: rates("l1_evictions_entries", "l1_evictions_bytes", "l1_evictions_expired") },
  { id: "busy", verb: whole, tick: wholes,
    series: [["Source calls", "source"], ["Waiting", "shared"]],
    point: (now) => [now.metrics.source_calls_under_way, now.metrics.waiting] },
];

// What the events of the last WINDOW seconds said, newest last, without a gap. Times
// are the service's: how long an event took to get here says nothing about rates.
const history = [];
const times = [];
let silent = 0; // seconds since the last event, as far as this page was awake
for (const c of charts) c.points = c.series.map(() => []);

function rate(n) { return n == null ? "–" : n >= 1000 ? Math.round(n).toLocaleString("en") : String(Math.round(n * 10) / 10); }
function whole(n) { return n == null ? "–" : Math.round(n).toLocaleString("en"); }
function wholes(n) { return Number.isInteger(n) ? whole(n) : ""; }
function power(n) { return String(Number(n.toPrecision(1))); }
function millis(n) { return n == null ? "–" : n < 1 ? n.toFixed(2) : n < 10 ? n.toFixed(1) : String(Math.round(n)); }
function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) { n /= 1024; i++; }
  return `${i && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

const clock = (t) => new Date(t * 1000).toTimeString().slice(0, 8);

// decades keeps the powers of ten.
const decades = (u, ticks) => ticks.map((v) => Number.isInteger(Math.round(1e6 * Math.log10(v)) / 1e6) ? v : null);

const latest = () => history[history.length - 1];

// percentile returns that of the latency over the window, in milliseconds: where in
// its bucket it lies is taken to be even.
function percentile(q) {
  const now = latest().latency, old = history[0].latency;
  const counts = now.counts.map((n, i) => Math.max(0, n - old.counts[i]));
  const total = counts.reduce((a, b) => a + b, 0);
  if (!total) return null;
  let left = q * total;
  for (let i = 0; i < counts.length; i++) {
    if (left <= counts[i]) {
      const low = i ? now.bounds[i - 1] : 0, high = i < now.bounds.length ? now.bounds[i] : low;
      return 1000 * (low + (high - low) * (left / counts[i]));
    }
    left -= counts[i];
  }
  return 1000 * now.bounds[now.bounds.length - 1];
}

// Charts.

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const dark = matchMedia("(prefers-color-scheme: dark)");

// shown is what the time axis spans.
function shown() {
  const last = times.at(-1) ?? Date.now() / 1000;
  return [Math.min(times[0] ?? last, last - SHOWN), last];
}

function draw(c) {
  const box = $(c.id);
  if (c.plot) c.plot.destroy();
  const faint = color("faint"), line = color("line");
  // Of stacked series the highest is painted first; values in the legend are the series' own.
  const order = c.series.map((_, i) => c.stacked ? c.series.length - 1 - i : i);
  c.order = order;
  const axis = { stroke: faint, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  c.plot = new uPlot({
    width: box.clientWidth, height: c.height || 190, padding: [8, 8, 0, 0],
    cursor: { y: false, drag: { x: false }, points: { show: !c.stacked } },
    scales: { x: { range: shown }, y: c.log ? { distr: 3, range: (u, min, max) => min === null ? [0.1, 10] : uPlot.rangeLog(min, max, 10, true) } : { range: (u, min, max) => [0, Math.max(1, max * 1.08)] } },
    axes: [
      { ...axis, space: 80, size: 28, values: (u, ticks) => ticks.map(clock) },
      { ...axis, size: 52, grid: c.log ? { ...axis.grid, filter: decades } : axis.grid, values: (u, ticks) => ticks.map((v) => v == null ? "" : (c.tick || c.verb)(v)) },
    ],
    series: [
      { value: (u, t) => clock(t ?? shown()[1]) },
      ...order.map((i) => ({
        label: c.series[i][0], stroke: color(c.series[i][1]), width: c.stacked ? 1 : 1.75, points: { show: false },
        fill: c.stacked ? color(c.series[i][1]) + "cc" : undefined,
        value: (u, v, s, at) => c.verb(at == null ? c.points[i][c.points[i].length - 1] : c.points[i][at]),
      })),
    ],
    legend: { live: true },
  }, plotted(c), box);
}

function plotted(c) {
  if (!c.stacked) return [times, ...c.points];
  const sums = times.map(() => 0);
  const stacks = c.points.map((points) => points.map((p, i) => p === null ? null : sums[i] += p));
  return [times, ...c.order.map((i) => stacks[i])];
}

function redraw() {
  if (!window.uPlot) return;
  $("bare").hidden = true;
  $("charts").hidden = false;
  for (const c of charts) draw(c);
}
dark.addEventListener("change", redraw);
new ResizeObserver(() => requestAnimationFrame(() => {
  for (const c of charts) if (c.plot && c.plot.width !== $(c.id).clientWidth) c.plot.setSize({ width: $(c.id).clientWidth, height: c.plot.height });
})).observe($("charts"));

// Numbers and states.

function element(name, attributes, ...children) {
  const e = Object.assign(document.createElement(name), attributes);
  e.append(...children);
  return e;
}

function tile(title, value, unit, more) {
  return element("div", { className: "tile" }, element("h3", {}, title),
    element("p", {}, value, " ", element("small", {}, unit)), element("div", {}, more));
}

function showTiles(now) {
  const old = history[0], m = now.metrics;
  const seconds = now.at - old.at; // 0 at first, and after a gap
  const grown = (name) => since(now, old, name), per = (n) => seconds ? rate(n / seconds) : "–";
  const requests = grown("requests"), hits = grown("l1_hits") + grown("l2_hits");
  const share = (n) => requests ? (100 * n / requests).toFixed(n === requests ? 0 : 1) : "–";
  $("tiles").replaceChildren(
    tile("Requests", per(requests), "/s", `${whole(m.requests)} in all`),
    tile("Hit ratio", share(hits), "%", `L1 ${share(grown("l1_hits"))} · L2 ${share(grown("l2_hits"))} %`),
    tile("Latency p99", millis(percentile(0.99)), "ms", `p50 ${millis(percentile(0.5))} ms`),
    tile("Source calls", per(grown("cache_misses")), "/s", `${m.source_calls_under_way} of ${m.source_places} slots in use`),
    tile("Shared a load", per(grown("coalesced")), "/s", `${whole(m.waiting)} waiting now`),
    tile("L1", whole(m.l1_entries), "entries", bytes(m.l1_bytes)),
    tile("Failed", per(grown("failed")), "/s", `${whole(m.stale_served)} stale in all`),
  );
}

function showStates({ state, metrics }) {
  const rows = [
    ["L2", state.l2_reason ? `${state.l2}: ${state.l2_reason}` : state.l2, state.l2 === "degraded" ? "bad" : "good"],
    ["Breaker", state.breaker, state.breaker === "closed" ? "good" : state.breaker === "open" ? "bad" : "warn"],
    ["Bus", metrics.bus_up ? "connected" : "down", metrics.bus_up ? "good" : "warn"],
    ["Source", state.source, metrics.source_calls_under_way < metrics.source_places ? "good" : "warn"],
    ["Instance", state.ready ? "ready" : "not ready", state.ready ? "good" : "warn"],
  ];
  $("states").replaceChildren(...rows.map(([name, value, how]) => element("li", { className: how }, name, element("b", {}, value))));
  $("version").textContent = state.version;
}

// Events.

function live(event) {
  const now = JSON.parse(event.data), last = latest();
  silent = 0;
  if (last && now.instance === last.instance && now.at - last.at < SPACED) return here();
  if (last && (now.instance !== last.instance || now.at - last.at > GAP)) interrupt(last.at, now.at);
  history.push(now);
  while (history.length > 2 && history[1].at <= now.at - WINDOW) history.shift();
  here();
  $("empty").hidden = now.metrics.requests > 0;
  showStates(now);
  showTiles(now);
  if (history.length < 2) return;
  const old = history[history.length - 2];
  point(now.at, (c) => c.point(now, old, now.at - old.at));
  for (const c of charts) if (c.plot) c.plot.setData(plotted(c));
}

// point appends to each chart, and forgets what is too old for them.
function point(at, of) {
  times.push(at);
  for (const c of charts) of(c).forEach((p, i) => c.points[i].push(p));
  while (times[0] < at - KEPT) { times.shift(); for (const c of charts) for (const p of c.points) p.shift(); }
}

// interrupt starts over after a gap: no rate is taken over it, and no line drawn. The
// clock of another instance may be behind what is drawn.
function interrupt(from, to) {
  history.length = 0;
  if (to > from) return point((from + to) / 2, (c) => c.series.map(() => null));
  times.length = 0;
  for (const c of charts) for (const p of c.points) p.length = 0;
}

function here() {
  document.body.classList.remove("gone");
  $("offline").hidden = true;
}

function gone() {
  if (document.body.classList.contains("gone")) return;
  document.body.classList.add("gone");
  const last = latest();
  $("offline").textContent = `The service does not answer${last ? `, last seen ${clock(last.at)}` : ""}. Trying again …`;
  $("offline").hidden = false;
}

// listen goes on for as long as the page is there. A stream that ends is opened again
// at once, as the service ends each after a while; one that cannot be opened, later.
let events;
function listen() {
  const source = events = new EventSource(new URL("events", HERE));
  let heard = false;
  source.addEventListener("live", (event) => { heard = true; live(event); });
  source.onerror = () => {
    source.close();
    if (heard) return listen();
    gone();
    setTimeout(() => { if (events === source) listen(); }, 1000);
  };
}

// A connection can also fall silent. Ticks are counted, since the time that a page
// was asleep is no silence.
setInterval(() => {
  if (++silent <= SILENCE) return;
  silent = 0;
  gone();
  events.close();
  listen();
}, 1000);

// Keys.

const pathOf = (key) => encodeURIComponent(key);
const list = (pairs) => element("dl", {}, ...pairs.filter(([, v]) => v !== undefined && v !== null && v !== "")
  .flatMap(([name, v]) => [element("dt", {}, name), element("dd", {}, String(v))]));

// The browser's own cache is bypassed; without a Cache-Control of its own such a request
// would ask for a reload.
async function get(key, cacheControl) {
  const began = performance.now();
  const r = await fetch(new URL(`data/${pathOf(key)}`, ROOT), { headers: { "Cache-Control": cacheControl }, cache: "no-store" });
  const body = await r.text();
  const took = performance.now() - began;
  const status = r.headers.get("Cache-Status") || "";
  const layer = r.ok ? (status.match(/detail=(\w+)/) || [])[1] || "source" : "problem";
  const names = { l1: "from L1", l2: "from L2", source: "from the source", stale: "stale", problem: `status ${r.status}` };
  return [
    element("p", { className: "verdict" }, element("span", { className: `badge of-${layer}` }, names[layer] || layer), `${took.toFixed(1)} ms`),
    list([["Status", r.status], ...["cache-status", "age", "etag", "content-type", "retry-after", "x-request-id"].map((h) => [h, r.headers.get(h)])]),
    element("pre", {}, body.length > 4000 ? `${body.slice(0, 4000)} …` : body),
  ];
}

const steps = {
  "l1-hit": "answers from L1", "l2-hit": "answers from L2", stale: "answers with a stale value", join: "joins the load in flight here",
  wait: "waits for another instance's load", load: "loads from the source", "cools-down": "fails, since the last load just did",
};

function heldCard(title, h) {
  const s = (n) => n === undefined ? undefined : `${n} s`;
  return element("div", {}, element("h3", {}, `${title}: ${h.missing ? `${h.state}, no such key` : h.state}`), list([
    ["Age", s(h.age)], ["TTL", s(h.ttl)], ["Load took", s(h.load_seconds)], ["Bytes", h.bytes], ["ETag", h.etag],
    ["Type", h.content_type], ["Unverified", h.doubtful && "until L2 confirms it"],
  ]));
}

async function explain(key) {
  const r = await fetch(new URL(`explain/${pathOf(key)}`, ROOT), { cache: "no-store" });
  const x = await r.json();
  if (!r.ok) return [element("p", { className: "verdict" }, element("span", { className: "badge of-problem" }, `status ${r.status}`), x.title), element("pre", {}, x.detail || "")];
  return [
    element("p", { className: "verdict" }, `The next GET ${steps[x.next] || x.next}.`),
    element("div", { className: "cards" },
      heldCard("L1", x.l1), heldCard("L2", x.l2),
      element("div", {}, element("h3", {}, `Lease: ${x.lease.state}`), list([
        ["Holder", x.lease.holder && (x.lease.here ? `${x.lease.holder} (here)` : x.lease.holder)],
        ["Expires in", x.lease.state === "held" ? `${x.lease.seconds_left.toFixed(1)} s` : undefined],
      ])),
      element("div", {}, element("h3", {}, `Load: ${x.flight.under_way ? "in flight" : "none"}`), list([
        ["Waiting here", x.flight.under_way ? x.flight.waiters : undefined],
        ["Since", x.flight.under_way ? `${x.flight.seconds.toFixed(1)} s` : undefined],
        ["Last failure", x.failure && `${x.failure.kind}, not tried for ${x.failure.seconds_left.toFixed(1)} s`],
        ["Refresh chance", `${(100 * x.refresh_chance).toPrecision(2)} %`],
      ]))),
  ];
}

if ($("try")) $("try").addEventListener("submit", async (event) => {
  event.preventDefault();
  const key = $("key").value, what = event.submitter ? event.submitter.value : "get";
  const buttons = [...event.target.querySelectorAll("button")];
  for (const b of buttons) b.disabled = true;
  try {
    $("answer").replaceChildren(...await (what === "explain" ? explain(key) : get(key, what === "reload" ? "no-cache" : "no-transform")));
  } catch (e) {
    $("answer").replaceChildren(element("p", { className: "verdict" }, element("span", { className: "badge of-problem" }, "no answer"), String(e.message || e)));
  } finally {
    for (const b of buttons) b.disabled = false;
  }
});

listen();
if ($("example")) $("example").textContent = `curl ${new URL("data/test", ROOT)}`;
$("uplot").addEventListener("load", redraw);
redraw();
