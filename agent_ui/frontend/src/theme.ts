/** Sets the colour theme before the first paint; runs as a plain script in <head>. Kept in the browser, not on the server. */
const wish = (): string => {
  try {
    return localStorage.getItem("cc-theme") ?? document.documentElement.dataset["themeWish"] ?? "auto";
  } catch {
    return "auto";
  }
};
const dark = matchMedia("(prefers-color-scheme: dark)");
const apply = (): void => {
  const chosen = wish();
  document.documentElement.dataset["bsTheme"] = chosen === "auto" ? (dark.matches ? "dark" : "light") : chosen;
};
apply();
dark.addEventListener("change", apply);
addEventListener("storage", apply);
addEventListener("cc-theme", apply);
