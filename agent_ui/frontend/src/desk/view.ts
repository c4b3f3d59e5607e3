/** Tickets and people inside the desk: the desk stays alive beneath, and comes forward when a call rings. */

import { byId, show } from "../core/dom";
import { setOpener } from "../core/places";
import { mountPath } from "../pages/mount";

let leave: (() => void) | null = null;
const INSIDE = /^\/(tickets|people)(\/|$|\?)/;
const OWN = /^\/(desk)?$/;

function mark(path: string): void {
  const place = INSIDE.exec(path)?.[1] ?? "desk";
  for (const link of document.querySelectorAll("[data-place]")) {
    if (link.getAttribute("data-place") === place) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function paint(path: string): void {
  leave?.();
  leave = null;
  const inside = INSIDE.test(path);
  show(byId("view"), inside);
  show(byId("desk"), !inside);
  byId("app").classList.toggle("viewing", inside);
  mark(path);
  if (inside) leave = mountPath(byId("view"), path);
}

export function showDesk(): void {
  if (byId("desk").hidden) open("/desk");
}

function open(path: string): boolean {
  if (!INSIDE.test(path) && !OWN.test(path)) return false;
  if (path !== location.pathname + location.search) history.pushState(null, "", path);
  paint(path);
  return true;
}

export function startViews(): void {
  setOpener(open);
  addEventListener("popstate", () => paint(location.pathname + location.search));
  // A page of its own opens beside the desk, never instead of it.
  for (const place of ["live", "queues"]) for (const link of document.querySelectorAll(`[data-place=${place}]`)) link.setAttribute("target", `cc-${place}`);
}
