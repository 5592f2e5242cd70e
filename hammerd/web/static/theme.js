// Sets the colours before the first paint, so that the page never flashes in the others.
"use strict";
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; then the system's colours are used.
  }
})();
