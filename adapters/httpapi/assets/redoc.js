// ReDoc draws its menu without the role that tells screen readers what it is.
"use strict";

new MutationObserver(() => {
  const menu = document.querySelector("redoc .menu-content");
  if (menu) Object.assign(menu, { role: "navigation", ariaLabel: "Operations" });
}).observe(document, { childList: true, subtree: true });
