// The state of the parts: what is wrong and what to do, numbers, routes and keys.
"use strict";

// reasons are those of GET /health, in plainer words.
const reasons = {
  "no reply in time": "Redis does not answer",
  "the connection is refused": "Redis does not run at its address",
  "the name of the server cannot be resolved": "the name of Redis cannot be resolved",
};

const l2InWords = (state) => state.l2 === "degraded" ? reasons[state.l2_reason] || `L2 cannot be used: ${state.l2_reason || "no reason is known"}` : state.l2;

const sourceInWords = (r) => ({
  ok: "answers", failing: "fails", saturated: `all ${whole(r.slots)} slots in use`, hanging: `no answer for 10 s, ${whole(r.calls)} in flight`,
})[r.source] || r.source;

const lagInWords = (c) => !c ? "not followed" : !c.up ? "no instance follows" : `${seconds(c.behind)}${c.leads ? ", followed here" : ""}`;

// ofSource is what is wrong with the source of a route.
function ofSource(r) {
  const of = r.name ? `The source of ${r.name}` : "The source";
  switch (r.source) {
    case "failing": return ["bad", `${of} fails`, "Stale values are served where they are kept. The log has the error."];
    case "hanging": return ["bad", `${of} has not answered for 10 s: ${count(r.calls, "call")} in flight`, "Requests wait until MLCACHE_SOURCE_TIMEOUT. With MLCACHE_SOFT_TIMEOUT they get stale values meanwhile."];
    case "saturated": return ["warn", `${of}: all ${whole(r.slots)} slots are in use`, "Further loads wait, then get 503. If the source can take more calls, raise MLCACHE_SOURCE_CONCURRENCY."];
  }
}

function ofChanges(r) {
  const of = r.name ? ` of ${r.name}` : "";
  if (r.changes && !r.changes.up) return ["bad", `No instance follows the changes${of}`, "Values are fresh for ttl_without_changes at most. The logs of the instances say why."];
  if (r.changes && r.changes.behind > 5) return ["warn", `The changes${of} are ${seconds(r.changes.behind)} behind`, "The database commits faster than changes are applied, or its replica lags."];
}

// problemsOf says what is wrong and what to do, the worst first.
function problemsOf({ state, metrics, routes, recent, finds = [] }) {
  const found = [
    state.l2 === "degraded" && ["bad", l2InWords(state), "Hits in L1 go on; misses go to the source, once per key and instance. Check that Redis runs and that this instance reaches it; for an embedded layer, its disk."],
    state.l2 !== "degraded" && state.breaker !== "closed" && ["warn", `The breaker of L2 is ${state.breaker}`, "It closes by itself when L2 answers again."],
    !metrics.bus_up && ["warn", "Invalidations do not arrive", "Until they do, copies in L1 are compared with L2 before they are served."],
    !state.ready && ["warn", "This instance is starting or shutting down", "Load balancers send it no requests while /ready answers 503."],
    ...routes.flatMap((r) => [ofSource(r), ofChanges(r)]),
    recent.failed > 0 && ["bad", `${rate(recent.failed)} requests per second fail`, "The log and /explain of a key say why."],
    finds.length > 0 && ["warn", `${finds.length === 1 ? "A copy differs" : `${finds.length} copies differ`} from the source`, "Something writes to the source without an invalidation. The keys are below."],
  ].filter(Boolean);
  return found.sort((a, b) => (a[0] === "warn") - (b[0] === "warn"));
}

// replace replaces the children, unless they are the same: screen readers read changes.
function replace(parent, ...children) {
  const next = element(parent.tagName, {}, ...children);
  if (next.innerHTML !== parent.innerHTML) parent.replaceChildren(...children);
}

const worst = (routes, bad) => routes.find((r) => r.source !== "ok" && bad.includes(r.source));

function showStates(now) {
  const { state, metrics, routes } = now;
  const failing = worst(routes, ["failing", "hanging"]), busy = worst(routes, ["saturated"]), off = failing || busy;
  const chips = [
    ["L2", l2InWords(state), state.l2 === "degraded" ? "bad" : "good"],
    ["Breaker", state.breaker, state.breaker === "closed" ? "good" : state.breaker === "open" ? "bad" : "warn"],
    ["Invalidations", metrics.bus_up ? "arrive" : "do not arrive", metrics.bus_up ? "good" : "warn"],
    [`Source (${state.source})`, off ? sourceInWords(off) : "answers", failing ? "bad" : busy ? "warn" : "good"],
    ["Instance", state.ready ? "ready" : "not ready", state.ready ? "good" : "warn"],
  ];
  replace($("states"), ...chips.map(([name, value, how]) => element("li", { className: how }, `${name} `, element("b", {}, value))));
  replace($("problems"), ...problemsOf(now).map(([how, what, remedy]) => element("li", { className: how }, element("b", {}, what), " ", remedy)));
  $("version").textContent = state.version;
  $("instance").textContent = `${state.host ? `${state.host} · ` : ""}instance ${now.instance} · up ${seconds(Math.floor(now.uptime))}`;
}

const tile = (title, value, more) => element("div", {}, element("dt", {}, title), element("dd", {}, value), element("dd", { className: "more" }, more));

function showTiles({ recent: r, metrics: m }) {
  const hits = r.l1_ratio == null ? null : r.l1_ratio + r.l2_ratio;
  $("tiles").replaceChildren(
    tile("Requests", `${rate(r.requests)} /s`, `${whole(m.requests)} in all`),
    tile("Hit ratio", percent(hits), `L1 ${percent(r.l1_ratio)} · L2 ${percent(r.l2_ratio)}`),
    tile("Latency p99", seconds(r.p99), `p50 ${seconds(r.p50)}`),
    tile("Source calls", `${rate(r.source_calls)} /s`, `${whole(m.source_calls_under_way)} of ${whole(m.source_places)} slots in use`),
    tile("Shared a load", `${rate(r.shared)} /s`, `${whole(m.waiting)} waiting now`),
    tile("L1", whole(m.l1_entries), `entries, ${bytes(m.l1_bytes)}`),
    tile("Failed", `${rate(r.failed)} /s`, `stale ${rate(r.stale)} /s`),
  );
}

function fill(section, rows) {
  $(section).hidden = rows.length === 0;
  $(section).querySelector("tbody").replaceChildren(...rows.map(([name, ...cells]) =>
    element("tr", {}, element("th", { scope: "row" }, name), ...cells.map(([value, how]) => element("td", { className: how || "" }, value)))));
}

const sourceColor = { ok: "good", failing: "bad", hanging: "bad", saturated: "warn" };

function showTables({ routes, finds = [] }) {
  fill("routes", routes.map((r) => [r.name || "all keys", [rate(r.requests)], [percent(r.hit_ratio)], [seconds(r.load_p99)],
    [sourceInWords(r), sourceColor[r.source]], [lagInWords(r.changes), r.changes && (r.changes.up ? "good" : "bad")]]));
  fill("finds", finds.map((f) => [f.key, [f.route || "all keys"], [seconds(f.after)], [ago(f.ago)]]));
}
