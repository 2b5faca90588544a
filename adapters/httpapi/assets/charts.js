// The charts of the last five minutes, which the service keeps.
"use strict";

const SPAN = 300; // seconds on the time axis
const points = []; // oldest first; one that has no numbers is a gap

const charts = [
  { id: "requests", stacked: true, height: 240, say: rate, unit: " per second",
    series: [["L1", "l1"], ["L2", "l2"], ["Loaded", "source"], ["Shared a load", "shared"], ["Stale", "stale"], ["Failed", "failed"]] },
  { id: "latency", log: true, say: seconds, unit: "", series: [["p50", "p50"], ["p90", "p90"], ["p99", "p99"]] },
  { id: "loads", say: rate, unit: " per second", series: [["Source calls", "source"], ["Shared", "shared"], ["In the background", "background"]] },
  { id: "evictions", say: rate, unit: " per second", series: [["Too many entries", "many"], ["Too many bytes", "large"], ["Expired", "stale"]] },
  { id: "busy", say: whole, unit: "", series: [["Source calls", "source"], ["Waiting requests", "waiting"]] },
];

// keep adds points of the service. A page that was away is told all of them again.
function keep(more, all) {
  if (all) points.length = 0;
  points.push(...more.filter((p) => !points.length || p.at > points.at(-1).at));
  while (points.length && points[0].at < points.at(-1).at - SPAN) points.shift();
  for (const c of charts) {
    if (c.plot) c.plot.setData(plotted(c));
    $(`${c.id}-words`).textContent = inWords(c);
  }
}

const column = (c, i) => points.map((p) => p[c.id] ? p[c.id][i] : null);

// plotted is what uPlot draws: of stacked series the highest is painted first.
function plotted(c) {
  const times = points.map((p) => p.at);
  if (!c.stacked) return [times, ...c.series.map((_, i) => column(c, i))];
  const stacks = c.series.map((_, i) => points.map((p) => p[c.id] ? p[c.id].slice(0, i + 1).reduce((a, b) => a + b) : null));
  return [times, ...stacks.reverse()];
}

// inWords is the chart for those who do not see it.
function inWords(c) {
  return c.series.map(([name], i) => {
    const numbers = column(c, i).filter((n) => n != null);
    if (!numbers.length) return `${name}: nothing yet.`;
    return `${name}: now ${c.say(column(c, i).at(-1))}${c.unit}, between ${c.say(Math.min(...numbers))} and ${c.say(Math.max(...numbers))} in the last five minutes.`;
  }).join(" ");
}

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const dark = matchMedia("(prefers-color-scheme: dark)");

// shown is what the time axis spans: always as much.
function shown() {
  const last = points.at(-1)?.at ?? Date.now() / 1000;
  return [last - SPAN, last];
}

const wholeSteps = [1, 2, 5].flatMap((n) => [0, 1, 2, 3, 4, 5, 6].map((e) => n * 10 ** e)).sort((a, b) => a - b);
const decades = (u, ticks) => ticks.map((v) => Number.isInteger(Math.round(1e6 * Math.log10(v)) / 1e6) ? v : null);

function yAxis(c, axis) {
  if (c.log) return { ...axis, grid: { ...axis.grid, filter: decades }, filter: decades, values: (u, ticks) => ticks.map((v) => v == null ? "" : seconds(v)) };
  return { ...axis, incrs: wholeSteps, values: (u, ticks) => ticks.map(whole) };
}

function yScale(c) {
  if (c.log) return { distr: 3, range: (u, min, max) => min === null ? [1e-4, 1] : uPlot.rangeLog(min, Math.max(max, min * 10), 10, true) };
  return { range: (u, min, max) => [0, Math.max(1, Math.ceil(max * 1.05))] };
}

function draw(c) {
  const box = $(c.id);
  if (c.plot) c.plot.destroy();
  const axis = { stroke: color("faint"), grid: { stroke: color("line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  const order = c.series.map((_, i) => c.stacked ? c.series.length - 1 - i : i);
  c.plot = new uPlot({
    width: box.clientWidth, height: c.height || 190, padding: [8, 8, 0, 0],
    cursor: { y: false, drag: { x: false }, points: { show: !c.stacked } },
    scales: { x: { range: shown }, y: yScale(c) },
    axes: [{ ...axis, incrs: [60], space: 40, size: 28, values: (u, ticks) => ticks.map(minute) }, { ...yAxis(c, axis), size: 60 }],
    series: [
      { value: (u, t) => clock(t ?? shown()[1]) },
      ...order.map((i) => ({
        label: c.series[i][0], stroke: color(c.series[i][1]), width: c.stacked ? 1 : 1.75, points: { show: false },
        fill: c.stacked ? color(c.series[i][1]) + "cc" : undefined,
        value: (u, v, s, at) => c.say((at == null ? points.at(-1) : points[at])?.[c.id]?.[i]), // its own, not that of the stack
      })),
    ],
    legend: { live: true },
  }, plotted(c), box);
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
$("uplot").addEventListener("load", redraw);
redraw();
