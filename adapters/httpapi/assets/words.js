// How numbers and times are written.
"use strict";

const HERE = new URL(".", document.currentScript.src); // of what the page loads, also behind a path prefix
const ROOT = new URL("..", HERE); // of the service, unless the page stands alone
let current; // what the service told last

const $ = (id) => document.getElementById(id);

function element(name, attributes, ...children) {
  const e = Object.assign(document.createElement(name), attributes);
  e.append(...children);
  return e;
}

const none = "–";
const whole = (n) => n == null ? none : Math.round(n).toLocaleString("en");
const rate = (n) => n == null ? none : n >= 100 ? whole(n) : String(Math.round(n * 10) / 10);
const percent = (n) => n == null ? none : n === 1 || n === 0 ? `${100 * n} %` : `${(100 * n).toFixed(1)} %`;

// scaled writes n with three digits in the largest unit that is not above it.
function scaled(n, units) {
  const [size, unit] = units.find(([size]) => n >= size * 0.9995) || units.at(-1);
  return `${Number((n / size).toPrecision(3))} ${unit}`;
}
const TIMES = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"], [1e-6, "µs"]];
const SIZES = [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]];
const seconds = (n) => n == null ? none : n === 0 ? "0 s" : scaled(n, TIMES);
const bytes = (n) => scaled(n, SIZES);
const count = (n, one) => `${whole(n)} ${one}${n === 1 ? "" : "s"}`;
const ago = (n) => n < 0.0005 ? "just now" : `${seconds(n)} ago`;

const clock = (t) => new Date(t * 1000).toTimeString().slice(0, 8);
const minute = (t) => clock(t).slice(0, 5);
