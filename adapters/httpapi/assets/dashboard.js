// The live page: listens to what the service tells each second.
"use strict";

const SILENCE = 5; // seconds without an event after which the service is taken to be gone
let silent = 0; // seconds since the last event, as far as this page was awake
let events, fresh; // the stream, and whether it has told nothing yet

function live(event) {
  const now = JSON.parse(event.data);
  silent = 0;
  current = now;
  keep(now.points || [], fresh);
  fresh = false;
  here();
  $("empty").hidden = now.metrics.requests + now.metrics.waiting > 0; // requests count when they are answered
  showStates(now);
  showTiles(now);
  showTables(now);
}

function here() {
  document.body.classList.remove("gone");
  $("offline").hidden = true;
}

function gone() {
  if (document.body.classList.contains("gone")) return;
  document.body.classList.add("gone");
  $("offline").textContent = `The service does not answer${current ? `, last seen ${clock(current.at)}` : ""}. Trying again … If it does not come back, look whether its process runs, and at the end of its log.`;
  $("offline").hidden = false;
}

// listen goes on for as long as the page is there. A stream that ends is opened again
// at once, as the service ends each after a while; one that cannot be opened, later.
function listen() {
  const source = events = new EventSource(new URL("events", HERE));
  fresh = true;
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

listen();
