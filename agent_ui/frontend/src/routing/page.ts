/** What every page of routing has: the tabs, the way back, words while loading and when it fails. */

import { h, icon, type Child } from "../core/dom";
import { t } from "../core/texts";
import { pageHead } from "../pages/tickets";
import type { Values } from "./kinds";
import { may } from "./world";

const TABS = (): [place: string, text: string, right: string][] => [
  ["queues", t("Queues"), "queues:read"],
  ["profiles", t("Routing profiles"), "queues:read"],
  ["agents", t("Agents"), "agents:read"],
  ["skills", t("Skills"), "agents:read"],
];

export function tabs(here: string): HTMLElement {
  const links = TABS().filter(([, , right]) => may(right)).map(([place, text]) => h("a", { href: `/${place}`, "aria-current": place === here ? "page" : null }, text));
  return h("nav", { class: "seg rtabs", "aria-label": t("Routing") }, ...links);
}

export function listPage(root: HTMLElement, here: string, title: string, right: Child[], ...content: Child[]): void {
  root.replaceChildren(h("div", { class: "page" }, tabs(here), pageHead(title, ...right), ...content.filter((one): one is Node => one instanceof Node)));
}

/** One thing: the form in the middle, what helps to judge it beside. */
export function thingPage(root: HTMLElement, back: [href: string, text: string], title: string, right: Child[], middle: HTMLElement, side: HTMLElement[], mayWrite: boolean): void {
  root.replaceChildren(h("div", { class: "page rt" }, h("a", { class: "back", href: back[0] }, icon("arrow-left", "s"), back[1]), pageHead(title, ...right),
    mayWrite ? null : h("p", { class: "bar" }, icon("shield-check", "s"), t("You may read this, not change it.")),
    h("div", { class: "rt-g" }, h("div", { class: "tk-main" }, middle), h("div", { class: "rt-side" }, ...side))));
}

/** A saved or restored thing may have another name. */
export function retitle(root: HTMLElement, values: Values): void {
  const title = root.querySelector("h1");
  if (title) title.textContent = String(values["name"]);
}

export function table(caption: string, head: [text: string, look: string][], rows: HTMLElement[], none: string): HTMLElement {
  if (!rows.length) return h("section", { class: "pan" }, h("p", { class: "none" }, none));
  return h("section", { class: "pan" }, h("div", { class: "scr" }, h("table", { class: "tb lt rl" }, h("caption", { class: "sr" }, caption),
    h("thead", null, h("tr", null, ...head.map(([text, look]) => h("th", { scope: "col", class: look || null }, text)))), h("tbody", null, ...rows))));
}
