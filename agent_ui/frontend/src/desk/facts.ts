/** Read-only parts of the stage: why it came to you, open tickets, last contacts, and the idle page. */

import { now, since, until } from "../core/clock";
import { byId, h, icon, keyed, region, setText, show, type Child, type Row } from "../core/dom";
import { everyone, type Everyone } from "../core/everyone";
import type { IconName } from "../core/icons";
import type { Card, Contact, DecisionWhy, TicketLine, Work } from "../core/model";
import { timer, when } from "../core/times";
import { number, t, tn } from "../core/texts";
import { contactText, ticketState } from "../core/words";
import { decisionLead, decisionSteps, idleText } from "../core/why";
import { act, me, reasonText } from "./state";
import { SOON } from "./worklist";

let agents: Everyone;

let fullDecision = false;
let askedWhy = false;
let repaint: () => void = () => undefined;

export function onFacts(paint: () => void): void {
  repaint = paint;
}

/** While talking the decision is shown only when asked for. */
export function toggleWhy(): void {
  askedWhy = !askedWhy;
  fullDecision = askedWhy;
  repaint();
}

function fact(title: string, value: Child, detail: string): HTMLElement {
  return h("div", null, h("dt", null, title), h("dd", null, value, h("small", null, detail)));
}

function skillFact(why: DecisionWhy): HTMLElement {
  const first = [...why.skills].sort((a, b) => b.need - a.need)[0];
  if (!first) return fact(t("Skill"), "–", t("none needed"));
  return fact(t("Skill"), `${t(first.name)} ${first.have}`, t("needs {n} or more", { n: first.need }));
}

function waited(one: Work): Child {
  return one.answered_at ? timer(one.waited) : since(h("span", { class: "num" }), one.entered_at);
}

function whyFacts(one: Work, why: DecisionWhy): HTMLElement {
  const [first, ...then] = one.choices;
  return h("dl", { class: "because mt-2" },
    fact(t("Queue"), one.queue.name, `${one.vip ? `${t("VIP")}, ` : ""}${t("priority {n}", { n: one.priority })}`),
    skillFact(why),
    fact(t("Waited"), waited(one), t("in this queue")),
    fact(t("Chose in menu"), first ?? "–", then.length ? t("then “{choice}”", { choice: then.join(" › ") }) : first ? "" : t("no menu")));
}

function toggleFull(): void {
  fullDecision = !fullDecision;
  repaint();
}

export function paintWhy(one: Work | null): void {
  const why = one?.why ?? null;
  const on = one !== null && why !== null && (one.state === "alerting" || askedWhy);
  show(byId("why"), on);
  agents.about(on && fullDecision ? one.interaction_id : "");
  if (!on) return;
  region(byId("why"), [one.interaction_id, why, one.choices, one.answered_at, one.priority, fullDecision], () => [
    h("div", { class: "ph" }, h("h2", { id: "why-h" }, t("Why it came to you")),
      h("span", { class: "right" }, h("button", { type: "button", class: "why", "data-k": "full", "aria-expanded": String(fullDecision), "data-testid": "full-decision", onclick: toggleFull }, fullDecision ? t("Short") : t("Full decision")))),
    h("div", { class: "pb" }, h("p", { class: "say" }, decisionLead(why), " ", idleText(why)), whyFacts(one, why),
      fullDecision && h("ol", { class: "reasons mt-2" }, ...decisionSteps(why).map((step) => h("li", null, h("span", null, step))))),
  ]);
}

function ticketRow(): Row<TicketLine> {
  const link = h("a");
  const subject = h("td", { class: "ell" });
  const state = h("td", { class: "hide-s" });
  const clock = h("span", { class: "clock" });
  const due = h("span", { class: "mut small hide-s" });
  return {
    element: h("tr", null, h("td", null, link), subject, state, h("td", { class: "n" }, clock, " ", due)),
    set(one) {
      setText(link, `#${one.number}`);
      link.setAttribute("href", `/tickets/${encodeURIComponent(one.id)}`);
      setText(subject, one.subject);
      region(state, one.state, () => [h("span", { class: "tag" }, ticketState(one.state))]);
      if (!one.due_at) return setText(clock, "–");
      until(clock, { at: one.due_at, total: SOON, canBreach: true });
      setText(due, one.due_kind === "reply" ? t("reply") : t("solve"));
    },
  };
}

const ticketRows = h("tbody");
const ticketCount = h("span", { class: "cnt" });

export function buildFacts(): void {
  agents = everyone();
  agents.element.classList.add("pan");
  byId("why").after(agents.element);
  byId("tickets").append(
    h("div", { class: "ph" }, h("h2", { id: "tickets-h" }, t("Open tickets"), " ", ticketCount), h("span", { class: "small mut right" }, t("time to breach"))),
    h("table", { class: "tb tt" }, h("caption", { class: "sr" }, t("Open tickets")), ticketRows));
}

export function paintTickets(one: Work | null, card: Card | null): void {
  const tickets = card?.open_tickets ?? [];
  show(byId("tickets"), one?.state === "alerting" && tickets.length > 0);
  setText(ticketCount, String(tickets.length));
  keyed(ticketRows, tickets, (ticket) => ticket.id, ticketRow);
}

const MEDIA: Record<string, IconName> = { voice: "phone", chat: "message-circle", email: "mail", ticket: "ticket" };

function detail(one: Contact): string {
  const who = one.agent ? t("Call with {agent}", { agent: one.agent === me()?.name ? t("you") : one.agent }) : one.queue;
  return [who, one.talk_time === null ? "" : timer(one.talk_time)].filter(Boolean).join(" · ");
}

export function contactRow(one: Contact): HTMLElement {
  return h("li", null,
    h("time", { datetime: one.at }, when(one.at, now())),
    h("span", { class: "m" }, icon(one.direction === "callback" ? "phone-outgoing" : (MEDIA[one.medium] ?? "phone"))),
    h("div", null, h("p", { class: "ell" }, contactText(one)), h("small", null, detail(one))));
}

export function paintHistory(one: Work | null, card: Card | null): void {
  const on = one !== null && one.state !== "wrap-up" && card !== null && (card.history.length > 0 || card.person !== null);
  show(byId("history"), on);
  if (!on) return;
  region(byId("history"), [card.history, card.history_total], () => [
    h("div", { class: "ph" }, h("h2", { id: "history-h" }, t("Last contacts")), h("span", { class: "small mut right" }, tn("{n} in all", "{n} in all", card.history_total))),
    h("div", { class: "pb" }, card.history.length
      ? h("ol", { class: "tl one" }, ...card.history.slice(0, 6).map(contactRow))
      : h("p", { class: "mut row13" }, t("First contact with this customer."))),
  ]);
}

function idleWords(): { title: string; text: string; look: string; glyph: IconName; button: string | null } {
  const presence = me()?.presence;
  if (presence?.state === "ready") {
    return { title: t("You are ready"), text: t("The next call comes to you by itself, with the customer’s card."), look: "ready", glyph: "check", button: null };
  }
  if (presence?.state === "not-ready") {
    const reason = reasonText(presence.reason);
    const title = reason ? t("You are not ready: {reason}", { reason }) : t("You are not ready");
    return { title, text: t("No call comes to you until you are ready again."), look: "away", glyph: "coffee", button: me()?.notice ? null : t("Ready again") };
  }
  return { title: t("You are offline"), text: t("No call comes to you. Become ready to start."), look: "off", glyph: "plug-connected-x", button: t("Become ready") };
}

export function paintIdle(one: Work | null): void {
  const on = one === null && me() !== null;
  show(byId("idle"), on);
  if (!on) return;
  const words = idleWords();
  const waiting = me()?.waiting ?? null;
  region(byId("idle"), [words, waiting?.count], () => [
    h("div", { class: `idle st ${words.look}` },
      h("span", { class: "glyph" }, icon(words.glyph, "l")),
      h("div", { class: "grow" }, h("h2", { id: "idle-h" }, words.title), h("p", { class: "ink2" }, words.text)),
      words.button && h("button", { type: "button", class: "btn pri", "data-k": "ready", "data-testid": "become-ready", onclick: () => void act("set-presence", { state: "ready", reason: "" }) }, icon("check"), words.button)),
    waiting && waiting.count > 0 && h("p", { class: "idle-w" }, icon("hourglass", "s"), ` ${tn("{n} caller waits in your queues.", "{n} callers wait in your queues.", waiting.count, { n: number(waiting.count) })}`),
  ]);
}
