/** The ringing call. Built once; a pop only sets texts, inside the socket's message handler. */

import { stop, until } from "../core/clock";
import { byId, fuse, h, icon, rich, setIcon, setText, show, bold, region } from "../core/dom";
import type { Card, Me, Work } from "../core/model";
import { money, t } from "../core/texts";
import { paintFrom } from "./transfer";

export interface HeroActs { answer(id: string): void; reject(id: string): void }

const hero = byId("hero");
const bar = byId("answer-bar");
const glyph = h("span", { class: "ic-w" });
const lead = h("span");
const thenCalled = h("p", { class: "row13", "data-testid": "hero-callback", hidden: true }, t("Asked to be called back. Answer, and the customer’s phone rings."));
const from = h("p", { class: "row13 xfrom", "data-testid": "hero-from", hidden: true });
const name = h("h2", { class: "hero-n", "data-testid": "hero-name" });
const about = h("p", { class: "fx wrapf" });
const facts = h("p", { class: "facts only-s" });
const clock = h("p", { class: "ring-t num", "data-testid": "hero-clock" });
const note = h("span", { class: "small right text-end hero-note" });
const phoneHint = (): HTMLElement => h("p", { class: "h-hint" }, icon("phone-call", "l"), h("b", null, t("Pick up your phone")));
const burn = fuse("h6");

let shownId = "";

export function buildHero(acts: HeroActs): void {
  const answer = (): void => acts.answer(shownId);
  const reject = (): void => acts.reject(shownId);
  const buttons = h("div", { class: "acts hide-s" },
    h("button", { type: "button", class: "btn lg go", "data-testid": "answer", "aria-keyshortcuts": "Alt+A", onclick: answer }, icon("phone"), t("Answer"), " ", h("kbd", null, "Alt A")),
    phoneHint(),
    h("button", { type: "button", class: "btn lg rej", "data-testid": "reject", "aria-keyshortcuts": "Alt+R", onclick: reject }, icon("phone-off"), t("Reject"), " ", h("kbd", null, "Alt R")),
    note);
  hero.append(
    h("div", { class: "fx ta" },
      h("div", { class: "grow" }, h("p", { class: "h-lead" }, glyph, lead), name, about, from, thenCalled, facts),
      h("div", { class: "text-end" }, clock, h("p", { class: "small b" }, t("left to answer")))),
    buttons, burn);
  bar.append(
    phoneHint(),
    h("button", { type: "button", class: "btn stop-o", "data-testid": "reject-s", onclick: reject }, icon("phone-off"), t("Reject")),
    h("button", { type: "button", class: "btn go", "data-testid": "answer-s", onclick: answer }, icon("phone"), t("Answer")));
}

function place(work: Work): string {
  return [work.subtitle, work.caller.withheld ? t("number withheld") : work.caller.number].filter((one) => one && one !== work.title).join(" · ");
}

function paintDevice(me: Me | null): void {
  const desk = me?.device.kind === "desk" && me.device.mode !== "nailed" && !me.device.simulated;
  for (const parent of [hero, bar]) parent.classList.toggle("desk-phone", desk);
}

/** The path of a pop: texts, clock, then the id that says "shown". */
export function paintHero(work: Work | null, me: Me | null): void {
  if (!work) return clear();
  setIcon(glyph, work.callback ? "phone-outgoing" : "phone-incoming");
  setText(lead, t(work.callback ? "Call back · {queue}" : "Incoming call · {queue}", { queue: work.queue.name }));
  show(thenCalled, work.callback !== null);
  paintFrom(from, work);
  setText(name, work.title || t("Unknown caller"));
  setText(about, place(work));
  if (work.expires_at) until(clock, { at: work.expires_at, total: work.ring_time ?? 0, fuse: burn, seconds: true, calm: true });
  paintDevice(me);
  show(hero, true);
  shownId = work.interaction_id;
  if (hero.dataset["interaction"] !== shownId) hero.dataset["interaction"] = shownId;
}

function clear(): void {
  if (!shownId) return;
  shownId = "";
  delete hero.dataset["interaction"];
  show(hero, false);
  stop(clock);
}

/** What may come a moment later: facts of the card and what happens without an answer. */
export function paintHeroDetails(work: Work | null, card: Card | null): void {
  show(bar, work !== null);
  document.documentElement.toggleAttribute("data-alerting", work !== null);
  if (!work) return;
  const next = work.why?.next?.agent ?? "";
  region(note, next, () => [
    next ? rich(t("Not answered: goes to {agent}, you become not ready"), { agent: bold(next) }) : t("Not answered: goes to the next agent, you become not ready"),
  ]);
  const person = card?.person;
  const list = [work.vip && t("VIP"), person && t("{n} % sure", { n: card.confidence }), person?.value_per_year && t("{money} a year", { money: money(person.value_per_year, person.currency) })].filter((one): one is string => Boolean(one));
  region(facts, list, () => list.map((one) => h("span", null, one)));
}
