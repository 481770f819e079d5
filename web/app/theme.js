/** Sets the remembered theme before the first paint; a classic script, because modules run too late for that. */
(() => {
  try {
    const theme = localStorage.getItem("parlor.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is switched off: the system's theme it is.
  }
})();
