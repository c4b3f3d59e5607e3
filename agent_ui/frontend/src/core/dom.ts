/**
 * The few functions that make and patch DOM. Data reaches the page only as text nodes and attributes.
 * A region is a part of the page that shows data and holds no form control, so it may be rebuilt.
 */

import type { IconName } from "./icons";

export type Child = Node | string | number | null | undefined | false;
type Value = string | number | boolean | null | undefined | ((event: never) => void);
export type Props = Record<string, Value>;

const SVG = "http://www.w3.org/2000/svg";

function setProps(element: Element, props: Props): void {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

function append(element: Element, children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(typeof child === "number" ? String(child) : child);
  }
}

/** h("p", {class: "x", onclick: f}, "text", node): children are text or nodes, never markup. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props?: Props | null,
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (props) setProps(element, props);
  append(element, children);
  return element;
}

export function svg(tag: string, props: Props, ...children: Child[]): SVGElement {
  const element = document.createElementNS(SVG, tag);
  setProps(element, props);
  append(element, children);
  return element;
}

export function icon(name: IconName, size = ""): SVGElement {
  const sprite = document.documentElement.dataset.icons ?? "";
  return svg("svg", { class: `ic ${size}`.trim(), "aria-hidden": "true" }, svg("use", { href: `${sprite}#${name}` }));
}

export function setIcon(holder: Element, name: IconName, size = ""): void {
  if (holder.getAttribute("data-icon") === name) return;
  holder.setAttribute("data-icon", name);
  holder.replaceChildren(icon(name, size));
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttr(element: Element, name: string, value: string | null): void {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function show(element: HTMLElement, visible: boolean): void {
  if (element.hidden === visible) element.hidden = !visible;
}

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element #${id}`);
  return found as T;
}

/** A bar whose length is a share; drawn by an SVG attribute, because a strict CSP forbids inline styles. */
export function fuse(classes = ""): SVGElement {
  return svg(
    "svg",
    { class: `fuse ${classes}`.trim(), viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "tr", width: 100, height: 4 }),
    svg("rect", { class: "v", width: 100, height: 4 }),
  );
}

export function fuseShare(element: Element, share: number): void {
  const bar = element.querySelector(".v");
  if (bar) setAttr(bar, "width", (Math.min(1, Math.max(0, share)) * 100).toFixed(1));
}

/** Put nodes into a translated sentence: rich("Of {n} agents", {n: b("3")}) keeps the translator's word order. */
export function rich(text: string, parts: Record<string, Child>): DocumentFragment {
  const made = document.createDocumentFragment();
  for (const piece of text.split(/(\{\w+\})/)) {
    const name = /^\{(\w+)\}$/.exec(piece)?.[1];
    const part = name !== undefined && name in parts ? parts[name] : piece;
    if (part || part === 0) made.append(typeof part === "number" ? String(part) : (part as Node | string));
  }
  return made;
}

export const bold = (text: string | number): HTMLElement => h("b", null, String(text));

const painted = new WeakMap<Element, string>();

/**
 * Rebuild a region when the data it shows changed; else leave every node alone.
 * Focus inside it is given back to the element with the same data-k.
 */
export function region(element: HTMLElement, data: unknown, build: () => Child[]): void {
  const key = JSON.stringify(data);
  if (painted.get(element) === key) return;
  painted.set(element, key);
  const focused = element.contains(document.activeElement) ? document.activeElement?.getAttribute("data-k") : null;
  element.replaceChildren();
  append(element, build());
  if (focused) element.querySelector<HTMLElement>(`[data-k="${CSS.escape(focused)}"]`)?.focus();
}

export interface Row<T> { element: HTMLElement; set(item: T): void }

const lists = new WeakMap<Element, Map<string, Row<never>>>();

/** Keep one element per key: make what is new, set what stays, drop what is gone, in the order of the items. */
export function keyed<T>(parent: Element, items: readonly T[], key: (item: T) => string, make: (item: T) => Row<T>): void {
  const old = (lists.get(parent) ?? new Map()) as Map<string, Row<T>>;
  const kept = new Map<string, Row<T>>();
  let place: Element | null = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    const row = old.get(name) ?? make(item);
    row.set(item);
    kept.set(name, row);
    if (row.element === place) place = place.nextElementSibling;
    else parent.insertBefore(row.element, place);
  }
  for (const [name, row] of old) if (!kept.has(name)) row.element.remove();
  lists.set(parent, kept as unknown as Map<string, Row<never>>);
}

/** True while the user writes somewhere: single keys are text then. */
export function inField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
