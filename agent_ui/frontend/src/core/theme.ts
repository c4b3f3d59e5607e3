/** The wish behind the colour theme: light, dark, or the system's. */

export type Theme = "light" | "dark" | "auto";

export function theme(): Theme {
  const kept = localStorage.getItem("cc-theme") ?? document.documentElement.dataset["themeWish"];
  return kept === "light" || kept === "dark" ? kept : "auto";
}

export function setTheme(wish: Theme): void {
  localStorage.setItem("cc-theme", wish);
  dispatchEvent(new Event("cc-theme"));
}
