/** The why panel: it pushes the lists aside, its row stays lit, and it is asked again while it is open. */

import { since } from "../core/clock";
import { byId, h, icon, rich, show, type Child } from "../core/dom";
import { errorText } from "../core/errors";
import { everyone, type Everyone } from "../core/everyone";
import type { WaitingRow, WaitingWhy } from "../core/model";
import type { Link } from "../core/socket";
import { number, t } from "../core/texts";
import { addText, waitingSteps } from "../core/why";
import { lightQueue } from "./queues";

const AGAIN = 2000;

let link: Link;
let waiting: () => WaitingRow[];
let openId = "";
let row: WaitingRow | null = null;
let asked = 0;
let opener: HTMLElement | null = null;
let shown = "";

const head = h("div", { class: "fx ta" });
const account = h("div", { class: "whyb" });
let agents: Everyone;

export function startWhy(socket: Link, rows: () => WaitingRow[], _paint: () => void): void {
  link = socket;
  waiting = rows;
  agents = everyone();
  byId("why").append(head, account, agents.element);
}

export const isWhyOpen = (): boolean => openId !== "";

function frame(...body: Child[]): void {
  const one = row;
  const hadFocus = head.contains(document.activeElement);
  const close = h("button", { type: "button", class: "btn gh sm sq", "aria-label": t("Close"), "data-testid": "why-close", onclick: closeWhy }, icon("x"));
  const where = one && rich(t("{caller}, in {queue} for {time}"), { caller: [one.caller, one.name].filter((part) => part && part !== one.caller).length ? `${one.caller}, ${one.name}` : one.caller, queue: one.queue.name, time: since(h("b", { class: "num" }), one.since) });
  head.replaceChildren(h("div", { class: "grow" }, h("h2", { id: "why-h", class: "wt" }, t("Why is this call waiting?")), h("p", { class: "row13 ink2" }, where ?? "")), close);
  account.replaceChildren(...body.filter((one): one is Node => one instanceof Node));
  if (hadFocus) close.focus();
}

function sum(why: WaitingWhy): Child {
  if (!why.arithmetic.length) return null;
  const total = why.arithmetic.reduce((all, one) => all + one.value, 0);
  const line = (label: string, value: number, first: boolean): HTMLElement =>
    h("tr", null, h("th", { scope: "row" }, label), h("td", null, `${first ? "" : value < 0 ? "– " : "+ "}${number(first ? value : Math.abs(value), 1)}`));
  return h("div", null, h("h3", { class: "sec-h" }, t("Its place, point by point")),
    h("table", { class: "calc" }, h("tbody", null, ...why.arithmetic.map((one, place) => line(addText(one.label_code), one.value, place === 0)),
      h("tr", { class: "sum" }, h("th", { scope: "row" }, why.place === null ? t("Sum") : t("Sum, place {place} of {of}", { place: why.place, of: why.of })), h("td", null, number(total, 1))))));
}

function paint(why: WaitingWhy): void {
  const key = JSON.stringify([openId, why]);
  if (key === shown) return;
  shown = key;
  frame(h("ol", { class: "reasons" }, ...waitingSteps(why).map((step) => h("li", null, h("span", null, step)))), sum(why));
}

export async function openWhy(id: string): Promise<void> {
  opener = document.activeElement as HTMLElement | null;
  openId = id;
  shown = "";
  row = waiting().find((one) => one.interaction_id === id) ?? null;
  byId("grid").classList.add("why-open");
  show(byId("right"), false);
  show(byId("why"), true);
  lightQueue(row?.queue.id ?? null);
  frame();
  agents.about(id);
  byId("why").focus();
  await load();
}

async function load(): Promise<void> {
  asked = performance.now();
  const id = openId;
  try {
    const answer = await link.command("why", { interaction_id: id });
    if (id === openId) paint(answer["why"] as WaitingWhy);
  } catch (error) {
    if (id === openId) frame(h("p", { class: "bar breach" }, icon("alert-circle"), errorText(error)));
  }
}

export function refreshWhy(): void {
  if (!openId) return;
  row = waiting().find((one) => one.interaction_id === openId) ?? row;
  lightQueue(row?.queue.id ?? null);
  if (performance.now() - asked > AGAIN) void load();
}

export function closeWhy(): void {
  openId = "";
  agents.about("");
  byId("grid").classList.remove("why-open");
  show(byId("why"), false);
  show(byId("right"), true);
  lightQueue(null);
  opener?.focus();
}
