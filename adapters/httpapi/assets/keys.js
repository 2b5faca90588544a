// Trying and explaining a key.
"use strict";

const pathOf = (key) => encodeURIComponent(key);
const list = (pairs) => element("dl", {}, ...pairs.filter(([, v]) => v !== undefined && v !== null && v !== "")
  .flatMap(([name, v]) => [element("dt", {}, name), element("dd", {}, String(v))]));
const badge = (layer, text) => element("span", { className: `badge of-${layer}` }, text);
const verdict = (...parts) => element("p", { className: "verdict" }, ...parts);

// ask sends the token that was typed, which is kept nowhere else than in its field.
async function ask(path, headers) {
  const token = $("token").value.trim();
  if (token) headers = { ...headers, Authorization: `Bearer ${token}` };
  const r = await fetch(new URL(path, ROOT), { headers, cache: "no-store" });
  if (r.status === 401) $("token").focus();
  return r;
}

const unauthorized = (r) => r.status === 401 ? [element("p", {}, $("token").value ? "The token is not the one that reads this key." : "This key is read with a token: type it into the field Token.")] : [];

// get bypasses the browser's own cache; without a Cache-Control of its own such a request
// would ask for a reload.
async function get(key, cacheControl) {
  const began = performance.now();
  const r = await ask(`data/${pathOf(key)}`, { "Cache-Control": cacheControl });
  const body = await r.text();
  const took = (performance.now() - began) / 1000;
  const status = r.headers.get("Cache-Status") || "";
  const layer = r.ok ? (status.match(/detail=(\w+)/) || [])[1] || "source" : "problem";
  const names = { l1: "from L1", l2: "from L2", source: "from the source", stale: "stale", problem: `status ${r.status}` };
  return [
    verdict(badge(layer, names[layer] || layer), seconds(took)), ...unauthorized(r),
    list([["Status", r.status], ...["cache-status", "age", "etag", "content-type", "retry-after", "x-request-id"].map((h) => [h, r.headers.get(h)])]),
    element("pre", { tabIndex: 0 }, body.length > 4000 ? `${body.slice(0, 4000)} …` : body),
  ];
}

const steps = {
  "l1-hit": "answers from L1", "l2-hit": "answers from L2", stale: "answers with a stale value", join: "joins the load in flight here",
  wait: "waits for another instance's load", load: "loads from the source", "cools-down": "fails, since the last load just did", "no-route": "is answered 404: no route has the key",
};

const untilOrSince = (ttl) => ttl >= 0 ? `expires in ${seconds(ttl)}` : `expired ${ago(-ttl)}`;

function heldInWords(h) {
  if (h.state === "none") return "holds nothing for the key.";
  if (h.state === "unknown") return "does not answer: what it holds is not known.";
  const what = h.missing ? "that there is no such key" : `${bytes(h.bytes)}${h.content_type ? ` of ${h.content_type}` : ""}`;
  return `holds ${what}: loaded ${ago(h.age)} in ${seconds(h.load_seconds)}, ${untilOrSince(h.ttl)}.${h.doubtful ? " Not verified: L2 has to confirm it before it is served." : ""}`;
}

function leaseInWords(l) {
  if (l.state === "free") return "No instance loads the key.";
  if (l.state === "unknown") return "Whether an instance loads the key is not known.";
  return `${l.here ? "This instance" : `The instance ${l.holder}`} has the lease, for ${seconds(l.seconds_left)} unless it is renewed.`;
}

// sentences say what is known of a key.
function sentences(x) {
  const l2 = current && current.state.l2 !== "embedded" ? "Redis" : "L2";
  return [
    `L1 ${heldInWords(x.l1)}`, `${l2} ${heldInWords(x.l2)}`, leaseInWords(x.lease),
    x.flight.under_way && `A load is in flight here for ${seconds(x.flight.seconds)}, with ${count(x.flight.waiters, "request")} waiting.`,
    x.failure && `The last load failed (${x.failure.kind}). It is not tried again for ${seconds(x.failure.seconds_left)}.`,
    x.version_floor && `No value with a version below ${x.version_floor} is stored.`,
    x.changes && (x.changes.up ? `The changes of the source are followed, ${seconds(x.changes.behind)} behind.` : "No instance follows the changes of the source."),
    x.differed && `A copy differed from what the source had for ${seconds(x.differed.after)}, found ${ago(x.differed.ago)}.`,
  ].filter(Boolean);
}

const card = (title, pairs) => pairs.some(([, v]) => v) ? [element("div", {}, element("h3", {}, title), list(pairs))] : [];
const held = (h) => [["ETag", h.etag], ["Tags", (h.tags || []).join(", ")], ["Version", h.version]];

async function explain(key) {
  const r = await ask(`explain/${pathOf(key)}`);
  const x = await r.json();
  if (!r.ok) return [verdict(badge("problem", `status ${r.status}`), x.title), ...unauthorized(r), element("p", {}, x.detail || "")];
  return [
    verdict(`The next GET ${steps[x.next] || x.next}.`),
    element("ul", {}, ...sentences(x).map((s) => element("li", {}, s))),
    element("div", { className: "cards" }, ...card("In L1", held(x.l1)), ...card("In L2", held(x.l2)),
      ...card("Key", [["Route", x.route], ["Purges known", x.purge_sequence], ["Refresh chance", x.refresh_chance ? percent(x.refresh_chance) : undefined]])),
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
    $("answer").replaceChildren(verdict(badge("problem", "no answer"), String(e.message || e)));
  } finally {
    for (const b of buttons) b.disabled = false;
  }
});
if ($("example")) $("example").textContent = `curl ${new URL("data/test", ROOT)}`;

// showHot shows what /hot answers. It is asked for while a token is in its field: names of
// keys are not for everybody.
function showHot({ routes }) {
  const keys = routes.flatMap(({ route, keys }) => keys.map((k) => ({ ...k, route })));
  fill("hot", keys.sort((a, b) => b.rate - a.rate).slice(0, 20).map((k) => [k.key, [k.route || "all keys"], [rate(k.rate)]]));
}

async function askForHot() {
  if (!$("token").value.trim()) return showHot({ routes: [] });
  const r = await ask("hot?n=20");
  if (r.ok) showHot(await r.json());
}

if ($("token")) {
  const askAgain = () => askForHot().catch(() => {}); // the page says itself when the service is gone
  $("token").addEventListener("change", askAgain);
  setInterval(askAgain, 5000);
}
