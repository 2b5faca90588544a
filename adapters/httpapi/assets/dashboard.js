// The live page: draws what /dashboard/events tells each second, and asks for keys.
"use strict";

const $ = (id) => document.getElementById(id);
const KEPT = 300;      // seconds in the charts
const WINDOW = 10;     // seconds that ratios and percentiles are taken over
const HEIGHT = { requests: 260, other: 190 };

// Each chart: its series, and how to get a point of them from two states of the counters.
const since = (now, before, name) => Math.max(0, now.metrics[name] - before.metrics[name]);
const rates = (...names) => (now, before, seconds) => names.map((n) => since(now, before, n) / seconds);
const charts = [
  { id: "requests", stacked: true, height: HEIGHT.requests, verb: rate,
    series: [["L1", "l1"], ["L2", "l2"], ["Loaded", "source"], ["Shared a load", "shared"], ["Stale", "stale"], ["Failed", "failed"]],
    point: rates("l1_hits", "l2_hits", "loaded", "coalesced", "stale_served", "failed") },
  { id: "latency", log: true, verb: millis,
    series: [["p50", "l1"], ["p90", "l2"], ["p99", "source"]],
    point: () => [0.5, 0.9, 0.99].map((q) => percentile(q)) },
  { id: "loads", verb: rate,
    series: [["Source calls", "source"], ["Shared", "shared"], ["In the background", "l2"]],
    point: rates("cache_misses", "coalesced", "refreshes") },
  { id: "evictions", verb: rate,
    series: [["Too many", "l2"], ["Too large", "shared"], ["Expired", "stale"]],
    point: rates("l1_evictions_entries", "l1_evictions_bytes", "l1_evictions_expired") },
  { id: "busy", verb: whole,
    series: [["Source calls", "source"], ["Waiting", "shared"]],
    point: (now) => [now.metrics.source_calls_under_way, now.metrics.waiting] },
];

const history = []; // of what the events said, newest last
const times = [];
for (const c of charts) c.points = c.series.map(() => []);

function rate(n) { return n == null ? "–" : n >= 1000 ? Math.round(n).toLocaleString("en") : String(Math.round(n * 10) / 10); }
function whole(n) { return n == null ? "–" : Math.round(n).toLocaleString("en"); }
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

// before returns the state of some seconds ago, or the oldest there is.
const before = (seconds) => history[Math.max(0, history.length - 1 - seconds)];
const latest = () => history[history.length - 1];

// percentile returns that of the latency over the window, in milliseconds: where in
// its bucket it lies is taken to be even.
function percentile(q) {
  const now = latest().latency, old = before(WINDOW).latency;
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

function draw(c) {
  const box = $(c.id);
  if (c.plot) c.plot.destroy();
  const faint = color("faint"), line = color("line");
  // Of stacked series the highest is painted first; values in the legend are the series' own.
  const order = c.series.map((_, i) => c.stacked ? c.series.length - 1 - i : i);
  c.order = order;
  const axis = { stroke: faint, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  c.plot = new uPlot({
    width: box.clientWidth, height: c.height || HEIGHT.other, padding: [8, 8, 0, 0],
    cursor: { y: false, points: { show: !c.stacked } },
    scales: { y: c.log ? { distr: 3 } : { range: (u, min, max) => [0, Math.max(1, max * 1.08)] } },
    axes: [
      { ...axis, space: 80, values: (u, ticks) => ticks.map(clock) },
      { ...axis, size: 52, grid: c.log ? { ...axis.grid, filter: decades } : axis.grid, values: (u, ticks) => ticks.map((v) => v == null ? "" : c.verb(v)) },
    ],
    series: [
      { value: (u, t) => t == null ? "–" : clock(t) },
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
  const stacks = c.points.map((points) => points.map((p, i) => sums[i] += p));
  return [times, ...c.order ? c.order.map((i) => stacks[i]) : stacks.slice().reverse()];
}

function redraw() { for (const c of charts) draw(c); }
dark.addEventListener("change", redraw);
new ResizeObserver(() => {
  for (const c of charts) if (c.plot) c.plot.setSize({ width: $(c.id).clientWidth, height: c.height || HEIGHT.other });
}).observe(document.querySelector(".charts"));

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
  const old = before(WINDOW), m = now.metrics;
  const seconds = Math.max(1, now.at - old.at);
  const requests = since(now, old, "requests"), hits = since(now, old, "l1_hits") + since(now, old, "l2_hits");
  const share = (n) => requests ? (100 * n / requests).toFixed(n === requests ? 0 : 1) : "–";
  $("tiles").replaceChildren(
    tile("Requests", rate(requests / seconds), "/s", `${whole(m.requests)} in all`),
    tile("Hit ratio", share(hits), "%", `L1 ${share(since(now, old, "l1_hits"))} · L2 ${share(since(now, old, "l2_hits"))} %`),
    tile("Latency p99", millis(percentile(0.99)), "ms", `p50 ${millis(percentile(0.5))} ms`),
    tile("Source calls", rate(since(now, old, "cache_misses") / seconds), "/s", `${m.source_calls_under_way} of ${m.source_places} places taken`),
    tile("Shared a load", rate(since(now, old, "coalesced") / seconds), "/s", `${whole(m.waiting)} waiting now`),
    tile("L1", whole(m.l1_entries), "entries", bytes(m.l1_bytes)),
    tile("Failed", rate(since(now, old, "failed") / seconds), "/s", `${whole(m.stale_served)} stale in all`),
  );
}

function showStates({ state, metrics }) {
  const rows = [
    ["L2", state.l2, state.l2 === "degraded" ? "bad" : "good"],
    ["Breaker", state.breaker, state.breaker === "closed" ? "good" : state.breaker === "open" ? "bad" : "warn"],
    ["Bus", metrics.bus_up ? "connected" : "cut", metrics.bus_up ? "good" : "warn"],
    ["Source", state.source, metrics.source_calls_under_way < metrics.source_places ? "good" : "warn"],
    ["Instance", state.ready ? "ready" : "not ready", state.ready ? "good" : "warn"],
  ];
  $("states").replaceChildren(...rows.map(([name, value, how]) => element("li", { className: how }, name, element("b", {}, value))));
  $("version").textContent = state.version;
}

function live(event) {
  const now = JSON.parse(event.data);
  now.at = performance.now() / 1000;
  if (history.length && now.metrics.requests < latest().metrics.requests) history.length = 0; // it was started anew
  history.push(now);
  if (history.length > KEPT) history.shift();
  $("offline").hidden = true;
  showStates(now);
  showTiles(now);
  if (history.length < 2) return;
  const old = before(1);
  times.push(Date.now() / 1000);
  for (const c of charts) c.point(now, old, Math.max(0.1, now.at - old.at)).forEach((p, i) => c.points[i].push(p));
  if (times.length > KEPT) { times.shift(); for (const c of charts) for (const p of c.points) p.shift(); }
  for (const c of charts) c.plot.setData(plotted(c));
}

function listen() {
  const events = new EventSource("/dashboard/events");
  events.addEventListener("live", live);
  events.onerror = () => {
    $("offline").hidden = false;
    events.close();
    setTimeout(listen, 1000);
  };
}

// Keys.

const pathOf = (key) => encodeURIComponent(key);
const list = (pairs) => element("dl", {}, ...pairs.filter(([, v]) => v !== undefined && v !== null && v !== "")
  .flatMap(([name, v]) => [element("dt", {}, name), element("dd", {}, String(v))]));

// The browser's own cache is passed by, for which it would ask for a load as well if
// nothing else was said.
async function get(key, cacheControl) {
  const began = performance.now();
  const r = await fetch(`/data/${pathOf(key)}`, { headers: { "Cache-Control": cacheControl }, cache: "no-store" });
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
  "l1-hit": "answers from L1", "l2-hit": "answers from L2", stale: "answers with a stale value", join: "joins the load under way here",
  wait: "waits for another instance's load", load: "loads from the source", "cools-down": "fails, since the last load just did",
};

function heldCard(title, h) {
  const s = (n) => n === undefined ? undefined : `${n} s`;
  return element("div", {}, element("h3", {}, `${title}: ${h.missing ? `${h.state}, no such key` : h.state}`), list([
    ["Age", s(h.age)], ["TTL", s(h.ttl)], ["Load took", s(h.load_seconds)], ["Bytes", h.bytes], ["ETag", h.etag],
    ["Type", h.content_type], ["Doubtful", h.doubtful && "until L2 confirms it"],
  ]));
}

async function explain(key) {
  const r = await fetch(`/explain/${pathOf(key)}`, { cache: "no-store" });
  const x = await r.json();
  if (!r.ok) return [element("p", { className: "verdict" }, element("span", { className: "badge of-problem" }, `status ${r.status}`), x.title), element("pre", {}, x.detail || "")];
  return [
    element("p", { className: "verdict" }, `The next GET ${steps[x.next] || x.next}.`),
    element("div", { className: "cards" },
      heldCard("L1", x.l1), heldCard("L2", x.l2),
      element("div", {}, element("h3", {}, `Lease: ${x.lease.state}`), list([
        ["Holder", x.lease.holder && (x.lease.here ? `${x.lease.holder} (here)` : x.lease.holder)],
        ["Runs out in", x.lease.state === "held" ? `${x.lease.seconds_left.toFixed(1)} s` : undefined],
      ])),
      element("div", {}, element("h3", {}, `Load: ${x.flight.under_way ? "under way" : "none"}`), list([
        ["Waiting here", x.flight.under_way ? x.flight.waiters : undefined],
        ["Since", x.flight.under_way ? `${x.flight.seconds.toFixed(1)} s` : undefined],
        ["Last failure", x.failure && `${x.failure.kind}, not tried for ${x.failure.seconds_left.toFixed(1)} s`],
        ["Refresh chance", `${(100 * x.refresh_chance).toPrecision(2)} %`],
      ]))),
  ];
}

$("try").addEventListener("submit", async (event) => {
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

redraw();
listen();
