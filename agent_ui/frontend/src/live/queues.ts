/** The table of queues: who waits, how near to the goal, who is there to answer. */

import { now, since, stop, until } from "../core/clock";
import { h, icon, keyed, setAttr, setText, show, svg, type Row } from "../core/dom";
import type { QueueRow } from "../core/model";
import { number, percent, t } from "../core/texts";
import { when } from "../core/times";
import { waitText } from "../core/waits";
import { levelOf } from "./totals";

const rows = h("tbody");
let none: HTMLElement;
let ask: (queue: string) => void = () => undefined;

const COLUMNS: [() => string, string][] = [
  [() => t("Queue"), ""], [() => t("Waiting"), ""], [() => t("Wait now"), "c-more"], [() => t("Service level today"), "c-sl"], [() => t("15 min"), "n"],
  [() => t("Offered"), "n c-more"], [() => t("Answered"), "n c-more"], [() => t("Abandoned"), "n c-more"], [() => t("Ready"), "n"],
];

export function buildQueues(element: HTMLElement): void {
  none = h("p", { class: "none" }, t("No queue yet. Queues appear here as soon as one is set up."));
  const heads = COLUMNS.map(([title, look]) => h("th", { class: look, scope: "col" }, title()));
  element.append(
    h("table", { class: "tb qt live" }, h("caption", { class: "sr" }, t("Queues")),
      h("thead", null, h("tr", null, ...heads, h("th", { scope: "col" }, h("span", { class: "sr" }, t("Why"))))), rows),
    none);
}

function bullet(): { element: HTMLElement; set(value: number | null, goal: number): void } {
  const bar = svg("rect", { class: "v", height: 10, width: 0, rx: 2 });
  const goalMark = svg("rect", { class: "mk", width: 2.2, height: 10, x: 0 });
  const text = h("b", { class: "num" });
  const goalText = h("small", { class: "mut" });
  const element = h("div", { class: "bul" },
    svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("rect", { class: "tr", width: 100, height: 10, rx: 2 }), bar, goalMark),
    h("span", null, text, " ", goalText));
  return {
    element,
    set(value, goal) {
      setAttr(bar, "width", String(value ?? 0));
      setAttr(bar, "class", `v ${levelOf(value, goal) || "good"}`);
      setAttr(goalMark, "x", String(Math.min(97.8, goal)));
      setText(text, value === null ? "–" : percent(value));
      setText(goalText, t("goal {n}", { n: goal }));
    },
  };
}

interface Wait { element: HTMLElement; set(one: QueueRow): void }

function waitCell(): Wait {
  const count = h("b");
  const clock = h("small");
  const sign = icon("alert-triangle");
  const element = h("td", { class: "med" }, count, clock, sign);
  let running = "";
  return {
    element,
    set(one) {
      setText(count, one.waiting ? number(one.waiting) : "–");
      sign.toggleAttribute("hidden", true);
      if (running === `${one.longest_since}`) return;
      running = `${one.longest_since}`;
      stop(clock);
      clock.className = "";
      setText(clock, "");
      if (one.longest_since) countToGoal(clock, one);
    },
  };
}

function countToGoal(clock: HTMLElement, one: QueueRow): void {
  const due = new Date(Date.parse(one.longest_since ?? "") + one.target_time * 1000).toISOString();
  if (one.target_time > 0) until(clock, { at: due, total: one.target_time, canBreach: true });
  else since(clock, one.longest_since ?? due);
}

function queueRow(first: QueueRow): Row<QueueRow> {
  const name = h("b");
  const wait = waitCell();
  const level = bullet();
  const closed = h("small", { class: "mut q-closed" });
  const next = h("td", { class: "c-more row13", title: t("What one who calls now has to wait: half less than the first, nine in ten less than the second") });
  const cell = (look: string): HTMLElement => h("td", { class: look });
  const [quarter, offered, answered, abandoned] = [cell("n b"), cell("n c-more"), cell("n c-more"), cell("n c-more")] as [HTMLElement, HTMLElement, HTMLElement, HTMLElement];
  const ready = h("b");
  const staffed = h("span", { class: "mut" });
  const button = h("button", { type: "button", class: "why", "aria-label": `${t("Why?")} ${first.name}`, onclick: () => ask(first.queue_id) }, t("Why?"));
  const element = h("tr", { "data-testid": "queue", "data-queue": first.queue_id },
    h("th", { scope: "row" }, name, closed), wait.element, next, h("td", { class: "c-sl" }, level.element), quarter, offered, answered, abandoned, h("td", { class: "n" }, ready, " ", staffed), h("td", { class: "why-c" }, button));
  return {
    element,
    set(one) {
      setText(name, one.name);
      wait.set(one);
      setText(next, one.is_open ? waitText(one.wait) || "–" : "–");
      show(closed, !one.is_open);
      setText(closed, one.opens_at ? t("closed until {at}", { at: when(one.opens_at, now()) }) : t("closed"));
      level.set(one.service_level, one.goal);
      setText(quarter, one.service_level_15 === null ? "–" : percent(one.service_level_15));
      quarter.className = `n b ${levelOf(one.service_level_15, one.goal) && `k-${levelOf(one.service_level_15, one.goal)}`}`;
      setText(offered, number(one.offered));
      setText(answered, number(one.answered));
      setText(abandoned, one.abandoned ? number(one.abandoned) : "–");
      setText(ready, number(one.ready));
      ready.className = one.ready === 0 && one.waiting > 0 ? "k-bad" : "";
      setText(staffed, t("of {n}", { n: one.staffed }));
      show(button, one.waiting > 0);
    },
  };
}

export function paintQueues(queues: QueueRow[], onWhy: (queue: string) => void): void {
  ask = onWhy;
  keyed(rows, queues, (one) => one.queue_id, queueRow);
  show(none, queues.length === 0);
}

/** Light the row whose why is open. */
export function lightQueue(queue: string | null): void {
  for (const row of rows.children) row.classList.toggle("sel", row.getAttribute("data-queue") === queue);
}
