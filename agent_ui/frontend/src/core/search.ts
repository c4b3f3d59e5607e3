/** Search everywhere: people and tickets while typing; arrows and Enter open. */

import { api, query } from "./api";
import { byId, h, icon, inField, setAttr, show, type Child } from "./dom";
import { errorText } from "./errors";
import { go } from "./places";
import { t } from "./texts";
import { ticketState } from "./words";

interface Found {
  people: { id: string; name: string; organisation: string; numbers: string[] }[];
  tickets: { id: string; number: number; subject: string; state: string }[];
}

let chosen = -1;
let running: AbortController | null = null;
let delay = 0;

const field = (): HTMLInputElement => byId<HTMLInputElement>("search-field");
const panel = (): HTMLElement => byId("search-results");
const options = (): HTMLElement[] => [...panel().querySelectorAll<HTMLElement>("[role=option]")];

export function organisationName(value: string | { name: string } | null | undefined): string {
  return typeof value === "string" ? value : (value?.name ?? "");
}

function option(href: string, glyph: "user" | "ticket", title: string, detail: string): HTMLElement {
  const id = `found-${href.replaceAll("/", "-")}`;
  const made = h("a", { class: "found", role: "option", href, id, tabindex: -1, "aria-selected": "false" },
    h("span", { class: "m" }, icon(glyph)), h("span", { class: "grow" }, h("b", { class: "ell d-block" }, title), h("small", { class: "ell d-block mut" }, detail)));
  made.addEventListener("click", () => close());
  return made;
}

function group(title: string, rows: HTMLElement[]): Child {
  if (!rows.length) return null;
  return h("div", { role: "group", "aria-label": title }, h("p", { class: "sec-h", "aria-hidden": "true" }, title), ...rows);
}

function paint(found: Found): void {
  const people = found.people.map((one) =>
    option(`/people/${encodeURIComponent(one.id)}`, "user", one.name, [organisationName(one.organisation), ...(one.numbers ?? []).slice(0, 2)].filter(Boolean).join(" · ")));
  const tickets = found.tickets.map((one) => option(`/tickets/${encodeURIComponent(one.id)}`, "ticket", `#${one.number} ${one.subject}`, ticketState(one.state)));
  const all = [group(t("People"), people), group(t("Tickets"), tickets)].filter((one): one is HTMLElement => one instanceof HTMLElement);
  message(...(all.length ? all : [h("p", { class: "none" }, t("Nothing found. Try a name, a number or a ticket number."))]));
}

function message(...children: Node[]): void {
  chosen = -1;
  setAttr(field(), "aria-activedescendant", null);
  panel().replaceChildren(...children);
  show(panel(), true);
  field().setAttribute("aria-expanded", "true");
}

function close(): void {
  running?.abort();
  clearTimeout(delay);
  show(panel(), false);
  field().setAttribute("aria-expanded", "false");
  byId("app").classList.remove("searching");
}

async function search(text: string): Promise<void> {
  running?.abort();
  running = new AbortController();
  try {
    paint(await api.get<Found>(`/api/v1/search${query({ q: text })}`, running.signal));
  } catch (error) {
    if (!(error instanceof DOMException)) message(h("p", { class: "none k-bad" }, errorText(error)));
  }
}

function choose(step: number): void {
  const all = options();
  if (!all.length) return;
  chosen = (chosen + step + all.length) % all.length;
  all.forEach((one, place) => one.setAttribute("aria-selected", String(place === chosen)));
  all[chosen]?.scrollIntoView({ block: "nearest" });
  setAttr(field(), "aria-activedescendant", all[chosen]?.id ?? null);
}

function onKey(event: KeyboardEvent): void {
  if (event.key === "ArrowDown") choose(1);
  else if (event.key === "ArrowUp") choose(-1);
  else if (event.key === "Escape") {
    if (panel().hidden) field().blur();
    close();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

function submit(event: Event): void {
  event.preventDefault();
  const target = options()[Math.max(0, chosen)]?.getAttribute("href");
  if (!target) return;
  close();
  field().value = "";
  field().blur();
  go(target);
}

export function focusSearch(): void {
  byId("app").classList.add("searching");
  field().focus();
  field().select();
}

export function startSearch(): void {
  field().addEventListener("input", () => {
    const text = field().value.trim();
    clearTimeout(delay);
    if (text.length < 2) return close();
    delay = window.setTimeout(() => void search(text), 180);
  });
  field().addEventListener("keydown", onKey);
  byId("search").addEventListener("submit", submit);
  byId("search-open").addEventListener("click", focusSearch);
  document.addEventListener("pointerdown", (event) => {
    if (event.target instanceof Node && !byId("search").contains(event.target)) close();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.altKey || event.metaKey || inField(event.target)) return;
    event.preventDefault();
    focusSearch();
  });
}
