/** Small floating panels under a button: presence, user menu. Esc and a press outside close them; arrows walk. */

import { show } from "./dom";

export interface Menu { open(): void; close(): void; toggle(): void }

function items(panel: HTMLElement): HTMLElement[] {
  return [...panel.querySelectorAll<HTMLElement>("button:not([disabled]), a[href], input")].filter((one) => one.offsetParent !== null);
}

function walk(panel: HTMLElement, step: number): void {
  const all = items(panel);
  const place = all.indexOf(document.activeElement as HTMLElement);
  all[(place + step + all.length) % all.length]?.focus();
}

export function menu(button: HTMLElement, panel: HTMLElement, fill: () => void): Menu {
  const close = (): void => {
    if (panel.hidden) return;
    const had = panel.contains(document.activeElement);
    show(panel, false);
    button.setAttribute("aria-expanded", "false");
    if (had) button.focus();
  };
  const open = (): void => {
    fill();
    show(panel, true);
    button.setAttribute("aria-expanded", "true");
    items(panel)[0]?.focus();
  };
  const toggle = (): void => (panel.hidden ? open() : close());
  button.addEventListener("click", toggle);
  panel.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") walk(panel, 1);
    else if (event.key === "ArrowUp") walk(panel, -1);
    else if (event.key !== "Escape") return;
    else close();
    event.preventDefault();
    event.stopPropagation();
  });
  document.addEventListener("pointerdown", (event) => {
    if (event.target instanceof Node && !panel.contains(event.target) && !button.contains(event.target)) close();
  });
  return { open, close, toggle };
}
