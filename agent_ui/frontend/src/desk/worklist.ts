/** Left column: what is in hand now, open tickets next, each by time to breach; below, what waits in the queues. */

import { api } from "../core/api";
import { now, since, until } from "../core/clock";
import { bold, byId, fuse, h, icon, keyed, region, rich, setText, show, type Row } from "../core/dom";
import type { IconName } from "../core/icons";
import type { TicketLine, Work } from "../core/model";
import { clockTime, when } from "../core/times";
import { t, tn } from "../core/texts";
import { ticketState } from "../core/words";
import { breachAt, current, me, select, shown, works } from "./state";

type Line = TicketLine & { opened_at?: string; person?: string };

interface Parts { title: HTMLElement; line: HTMLElement; clock: HTMLElement; due: HTMLElement; burn: SVGElement; glyph: HTMLElement; link: HTMLElement; element: HTMLElement }

function parts(tag: "button" | "a", glyph: IconName): Parts {
  const title = h("span", { class: "t ell d-block" });
  const line = h("span", { class: "s ell d-block" });
  const clock = h("span", { class: "clock" });
  const due = h("small");
  const burn = fuse("w");
  const m = h("span", { class: "m" }, icon(glyph));
  const link = h(tag, { class: "wi", ...(tag === "button" ? { type: "button" } : {}) }, m, h("span", { class: "grow" }, title, line), h("span", { class: "c" }, clock, due), burn);
  return { title, line, clock, due, burn, glyph: m, link, element: h("li", null, link) };
}

const LINES: Record<Work["state"], (one: Work) => string> = {
  "alerting": (one) => t("{queue} · ringing you", { queue: one.queue.name }),
  "talking": (one) => [one.queue.name, one.choices.at(-1)].filter(Boolean).join(" · "),
  "wrap-up": (one) => t("{queue} · ended {time}", { queue: one.queue.name, time: one.ended_at ? clockTime(one.ended_at) : "" }),
};
const LOOKS = { "alerting": "alert-s", "talking": "talking", "wrap-up": "wrap" };

function paintClock(one: Work, row: Parts): void {
  const burns = one.state === "alerting" ? one.expires_at : one.state === "wrap-up" ? (one.wrap_up?.until ?? null) : null;
  const words = { "alerting": t("to answer"), "talking": one.held_since ? t("on hold") : t("talking"), "wrap-up": t("wrap-up") };
  setText(row.due, words[one.state]);
  row.burn.toggleAttribute("hidden", burns === null);
  if (burns) until(row.clock, { at: burns, total: one.state === "alerting" ? (one.ring_time ?? 0) : (one.wrap_up?.limit ?? 0), seconds: true, fuse: row.burn });
  else {
    row.clock.classList.remove("soon", "breach");
    setText(row.clock, "");
    since(row.clock, (one.state === "talking" ? (one.held_since ?? one.answered_at) : one.ended_at) ?? one.entered_at);
  }
}

function workRow(first: Work): Row<Work> {
  const row = parts("button", "phone");
  row.link.addEventListener("click", () => select(first.interaction_id));
  return {
    element: row.element,
    set(one) {
      setText(row.title, one.title || t("Unknown caller"));
      setText(row.line, LINES[one.state](one));
      row.glyph.className = `m st ${one.state === "talking" && one.held_since ? "hold" : LOOKS[one.state]}`;
      const isCurrent = shown()?.interaction_id === one.interaction_id || current()?.interaction_id === one.interaction_id;
      row.link.className = `wi ${one.state === "alerting" ? "ring" : ""} ${isCurrent ? "cur" : ""}`;
      if (isCurrent) row.link.setAttribute("aria-current", "true");
      else row.link.removeAttribute("aria-current");
      paintClock(one, row);
    },
  };
}

export function dueText(kind: string): string {
  return kind === "reply" ? t("to reply") : t("to solve");
}

/** Without the promise's length an hour before is soon. */
export const SOON = 4 * 3600;

function ticketRow(): Row<Line> {
  const row = parts("a", "ticket");
  return {
    element: row.element,
    set(one) {
      row.link.setAttribute("href", `/tickets/${encodeURIComponent(one.id)}`);
      setText(row.title, `#${one.number} ${one.subject}`);
      setText(row.line, one.person ? one.person : one.opened_at ? t("opened {time}", { time: when(one.opened_at, now()) }) : ticketState(one.state));
      row.burn.toggleAttribute("hidden", !one.due_at);
      if (!one.due_at) return setText(row.due, t("no due time"));
      until(row.clock, { at: one.due_at, total: SOON, canBreach: true, fuse: row.burn });
      setText(row.due, dueText(one.due_kind));
    },
  };
}

let next: Line[] = [];

export async function refreshTickets(): Promise<void> {
  try {
    const { items } = await api.get<{ items: Line[] }>("/api/v1/tickets?order=due&limit=7");
    next = items.sort((a, b) => Date.parse(a.due_at ?? "9999") - Date.parse(b.due_at ?? "9999")).slice(0, 7);
    paintNext();
  } catch {
    // The list keeps its old content; the link sign tells when the server is away.
  }
}

function paintNext(): void {
  show(byId("work-next-h"), next.length > 0);
  keyed(byId("work-next"), next, (one) => one.id, ticketRow);
  paintCount();
}

function paintCount(): void {
  setText(byId("work-count"), String(works().length + next.length));
  const tab = byId("tab-work-n");
  setText(tab, String(works().length));
  show(tab, works().length > 0);
}

let heldBack = false;

/** A re-sort waits while the pointer is on the list: rows never move under it. */
function order(items: Work[]): Work[] {
  const list = byId("work-now");
  if (!list.matches(":hover")) return items.sort((a, b) => breachAt(a) - breachAt(b));
  heldBack = true;
  return items;
}

export function paintWork(): void {
  const items = order(works());
  show(byId("work-now-h"), items.length > 0);
  keyed(byId("work-now"), items, (one) => one.interaction_id, workRow);
  setText(byId("work-now-n"), items.length ? tn("{n} call", "{n} calls", items.length) : "");
  paintCount();
  paintNone(items.length === 0);
  paintFoot();
}

function paintNone(empty: boolean): void {
  const none = byId("work-none");
  show(none, empty);
  if (!empty) return;
  const ready = me()?.presence.state === "ready";
  setText(none, ready ? t("Nothing in hand. The next call comes to you by itself.") : t("Nothing in hand."));
}

function paintFoot(): void {
  const waiting = me()?.waiting;
  region(byId("work-foot"), waiting, () => {
    if (!waiting?.count) return [icon("check", "s"), h("span", null, t("Nobody waits in your queues"))];
    const text = rich(tn("{count} waits in your queues", "{count} wait in your queues", waiting.count), { count: bold(waiting.count) });
    const age = waiting.longest_since ? since(h("time", { class: "clock" }), waiting.longest_since) : null;
    return [h("span", { class: "grow" }, text), age && h("span", { class: "small mut" }, t("longest"), " ", age)];
  });
}

export function buildWorklist(): void {
  byId("work-now").addEventListener("pointerleave", () => {
    if (heldBack) paintWork();
    heldBack = false;
  });
}

/** J and K: focus the next or previous row. */
export function walkWork(step: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>("#work .wi")];
  const place = rows.indexOf(document.activeElement as HTMLElement);
  rows[(place + step + rows.length) % rows.length]?.focus();
}
