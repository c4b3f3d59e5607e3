/** The customer card: who it is and how sure that is; candidates to pick from; a form to create a person. */

import { monthYear } from "../core/times";
import { byId, h, icon, region, show, type Child } from "../core/dom";
import { errorText } from "../core/errors";
import type { Card, Person, Work } from "../core/model";
import { money, t } from "../core/texts";
import { act, card, command } from "./state";
import { ticketLine } from "./ticket";

const BECAUSE: Record<string, () => string> = {
  "number-matches": () => t("the number is theirs"),
  "number-shared": () => t("several share this number"),
  "extension-matches": () => t("the company’s number and this extension"),
  "organisation-number": () => t("a number of the company"),
  "chosen": () => t("chosen by an agent"),
};

function section(glyph: "ticket" | "notes" | "phone", title: string, right: Child, ...body: Child[]): HTMLElement {
  return h("div", { class: "sec-b" }, h("h3", null, icon(glyph, "s"), title, h("span", { class: "right mut" }, right)), ...body);
}

function head(person: Person, vip: boolean): HTMLElement {
  const where = [person.title, person.organisation?.name].filter(Boolean).join(", ");
  return h("div", { class: "fx ta" },
    h("span", { class: "av m", "aria-hidden": "true" }, person.initials),
    h("div", { class: "grow" },
      h("h2", { "data-testid": "card-name" }, h("a", { href: `/people/${encodeURIComponent(person.person_id)}`, "data-k": "person" }, person.name)),
      h("p", { class: "row13 ink2 ell" }, where)),
    (person.vip || vip) && h("span", { class: "tag vip" }, t("VIP")));
}

function sure(shown: Card): HTMLElement {
  const calm = shown.confidence >= 80;
  return h("div", { class: `conf ${calm ? "" : "unsure"}`, "data-testid": "confidence" }, icon(calm ? "shield-check" : "user-question"),
    h("span", { class: "grow" }, h("b", null, t("{n} % sure:", { n: shown.confidence })), ` ${BECAUSE[shown.because]?.() ?? t(shown.because)}`));
}

function languageName(code: string): string {
  try {
    return new Intl.DisplayNames([document.documentElement.lang], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}

function stat(title: string, value: string): HTMLElement {
  return h("div", null, h("dt", null, title), h("dd", null, value));
}

function stats(person: Person): Child {
  const rows = [
    person.value_per_year !== null && stat(t("Value a year"), money(person.value_per_year, person.currency)),
    person.since && stat(t("Customer since"), monthYear(person.since)),
    person.language && stat(t("Language"), languageName(person.language)),
  ].filter(Boolean) as HTMLElement[];
  return rows.length > 0 && h("div", { class: "sec-b" }, h("dl", { class: "stats" }, ...rows));
}

function reach(person: Person): Child {
  const ways = [...person.numbers, ...person.emails];
  return ways.length > 0 && section("phone", t("Reached at"), null, h("ul", { class: "reach" }, ...ways.map((one) => h("li", { class: "num ell" }, one))));
}

function choose(one: Work, personId: string): void {
  void act("choose-person", { interaction_id: one.interaction_id, person_id: personId });
}

function candidates(one: Work, shown: Card): Child {
  if (!shown.candidates.length || shown.person) return null;
  return h("div", { class: "sec-b" }, h("h3", null, icon("users", "s"), t("Who is it?"), h("span", { class: "right mut" }, BECAUSE[shown.because]?.() ?? "")),
    h("ul", { class: "cands" }, ...shown.candidates.map((person) =>
      h("li", null, h("button", { type: "button", class: "cand", "data-k": person.person_id, "data-testid": "candidate", onclick: () => choose(one, person.person_id) },
        h("span", { class: "grow" }, h("b", { class: "ell d-block" }, person.name), h("small", { class: "mut ell d-block" }, person.organisation)),
        h("span", { class: "small mut" }, t("{n} %", { n: person.confidence })), icon("chevron-right", "s"))))));
}

function tickets(one: Work, shown: Card): Child {
  if (one.state === "alerting" || !shown.open_tickets.length) return null;
  return section("ticket", t("Open tickets"), shown.open_tickets.length, h("ul", { class: "rows" }, ...shown.open_tickets.slice(0, 5).map(ticketLine)));
}

function known(one: Work, shown: Card, person: Person): Child[] {
  return [
    h("div", { class: "cc" }, head(person, one.vip), sure(shown), person.heed && h("p", { class: "heed" }, icon("hand-stop", "s"), h("span", null, person.heed))),
    stats(person), tickets(one, shown), reach(person),
    person.note && section("notes", t("Notes"), null, h("p", { class: "row13 pre" }, person.note)),
  ];
}

function unknown(one: Work, shown: Card | null): Child[] {
  const loading = shown === null || shown.loading;
  const text = loading ? t("Looking for the customer…") : shown.candidates.length ? t("Pick who it is; nobody is merged by guessing.") : t("Nobody has this number yet.");
  return [
    h("div", { class: "cc" }, h("div", { class: "fx ta" }, h("span", { class: "av m n", "aria-hidden": "true" }, icon("user-question", "l")),
      h("div", { class: "grow" }, h("h2", { "data-testid": "card-name" }, one.caller.name || t("Unknown caller")), h("p", { class: "row13 ink2 num" }, one.caller.withheld ? t("number withheld") : one.caller.number))),
      h("p", { class: "heed" }, icon(loading ? "hourglass" : "user-question", "s"), h("span", null, text))),
    shown && candidates(one, shown),
  ];
}

function empty(): Child[] {
  return [h("div", { class: "side-none" }, icon("user", "xl"), h("p", null, t("The customer’s card appears here when a call comes.")))];
}

const forms = new Map<string, HTMLElement>();

async function create(id: string, name: HTMLInputElement, organisation: HTMLInputElement, problem: HTMLElement): Promise<void> {
  const fail = (words: string): void => {
    problem.replaceChildren(icon("alert-circle", "s"), words);
    show(problem, true);
    name.focus();
  };
  if (!name.value.trim()) return fail(t("Write the person’s name."));
  try {
    const company = organisation.value.trim();
    await command("create-person", { interaction_id: id, name: name.value.trim(), ...(company ? { organisation: company } : {}) });
    show(problem, false);
  } catch (error) {
    fail(errorText(error));
  }
}

function createForm(one: Work): HTMLElement {
  const id = one.interaction_id;
  const name = h("input", { class: "in", id: `person-name-${id}`, "data-testid": "person-name", maxlength: 200, autocomplete: "off" });
  name.value = one.caller.name;
  const organisation = h("input", { class: "in", id: `person-org-${id}`, "data-testid": "person-organisation", maxlength: 200, autocomplete: "off" });
  const problem = h("p", { class: "emsg", role: "alert", hidden: true });
  const form = h("form", { class: "sec-b person-f", novalidate: true, "data-testid": "person-form" },
    h("h3", null, icon("user-plus", "s"), t("Create a person")),
    h("label", { class: "fl", for: name.id }, t("Name")), name,
    h("label", { class: "fl", for: organisation.id }, t("Company, if any")), organisation, problem,
    h("button", { class: "btn", "data-testid": "person-create" }, icon("plus"), t("Create")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void create(id, name, organisation, problem);
  });
  return form;
}

function paintForm(one: Work | null, shown: Card | null): void {
  const wanted = one !== null && shown !== null && !shown.person && !shown.loading && one.state !== "alerting";
  if (wanted && !forms.has(one.interaction_id)) {
    const form = createForm(one);
    forms.set(one.interaction_id, form);
    byId("card-forms").append(form);
  }
  for (const [id, form] of forms) {
    show(form, wanted && id === one.interaction_id);
    if (card(id)?.person) {
      form.remove();
      forms.delete(id);
    }
  }
}

export function paintCard(one: Work | null): void {
  const shown = one ? card(one.interaction_id) : null;
  region(byId("card"), [one?.interaction_id, one?.state === "alerting", one?.caller, shown], () =>
    one === null ? empty() : shown?.person ? known(one, shown, shown.person) : unknown(one, shown));
  paintForm(one, shown);
}
