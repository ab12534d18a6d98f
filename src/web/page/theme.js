// Sets the colours that were chosen earlier before anything is painted. A classic script, because a
// module would run after the first paint. Without a choice the browser's own preference holds.
(function () {
  try {
    const chosen = localStorage.getItem("framecache.theme");
    if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  } catch (_) {
    // Storage may be denied; then the preference of the browser holds.
  }
})();
