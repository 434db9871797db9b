// Sets the theme before the first paint: "light", "dark", or what the system says.
(() => {
  let stored = null;
  try {
    stored = localStorage.getItem("agenttrace.theme");
  } catch {
    // Storage may be blocked; the system's theme is right then.
  }
  const dark =
    stored === "dark" || (stored !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
