// What Swagger UI, as gin-swagger starts it, lacks here: a layout without a top bar, the
// colours that the system prefers, and names for screen readers.
"use strict";

const root = new URL("..", document.currentScript.src); // of the service, also behind a path prefix

// gin-swagger asks for the layout of the standalone preset, which has a top bar. This is
// a preset with the plain layout under that name.
window.SwaggerUIStandalonePreset = ({ React }) => ({
  components: {
    StandaloneLayout: ({ getComponent }) => React.createElement(getComponent("BaseLayout", true)),
    DeepLink: ({ text }) => React.createElement("span", null, text), // else a link within a button
  },
  statePlugins: {
    spec: { wrapActions: { updateJsonSpec: (update) => (spec) => update({ ...spec, servers: [{ url: root.href.replace(/\/$/, "") }] }) } },
  },
});

const dark = matchMedia("(prefers-color-scheme: dark)");
const prefer = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", prefer);
prefer();

// name gives what Swagger UI draws the names, roles and levels that it leaves out.
const missing = [
  [".opblock-tag, .models h4", () => ({ ariaLevel: 2 })],
  [".opblock-section-header h4, .responses-inner h4, .responses-inner h5", () => ({ ariaLevel: 3 })],
  ["#servers", () => ({ ariaLabel: "Server" })],
  [".examples-select-element", () => ({ ariaLabel: "Example" })],
  [".content-type", () => ({ ariaLabel: "Media type" })],
  [".responses-table", (e) => ({ ariaLabel: `Responses, ${e.id}` })],
  [".information-container", () => ({ role: "region", ariaLabel: "About" })],
  [".scheme-container", () => ({ role: "region", ariaLabel: "Server and token" })],
  [".close-modal", () => ({ ariaLabel: "Close" })],
  [".modal-ux-header h3", () => ({ ariaLevel: 2 })],
  [".auth-container h4", () => ({ ariaLevel: 3 })],
  [".auth-btn-wrapper button", () => ({ ariaLabel: null })], // theirs is not what is to be read on it
  ["pre.microlight", () => ({ tabIndex: 0 })],
];
function name() {
  for (const [selector, given] of missing) for (const e of document.querySelectorAll(selector)) Object.assign(e, given(e));
}
new MutationObserver(name).observe(document, { childList: true, subtree: true });
