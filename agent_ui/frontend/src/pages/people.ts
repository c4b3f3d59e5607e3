/** People: the list, and one person with how to reach them, open tickets and contacts. */

import { api } from "../core/api";
import { h, icon, show, type Child } from "../core/dom";
import { errorText } from "../core/errors";
import { go } from "../core/places";
import { organisationName } from "../core/search";
import { t } from "../core/texts";
import { list } from "./list";
import { interactionRow, type Interaction } from "./interactions";
import { dueCell, failed, pageHead, type Ticket } from "./tickets";

interface PersonFull {
  id: string;
  name: string;
  title: string;
  organisation: { id: string; name: string } | null;
  is_vip: boolean;
  heed: string;
  note: string;
  numbers: { number: string; extension: string; display: string }[];
  emails: string[];
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  return ((words[0]?.[0] ?? "") + (words.length > 1 ? (words.at(-1)?.[0] ?? "") : "")).toUpperCase();
}

function personRow(one: PersonFull): HTMLElement {
  const href = `/people/${encodeURIComponent(one.id)}`;
  const row = h("tr", { class: "go" },
    h("td", null, h("span", { class: "fx" }, h("span", { class: "av", "aria-hidden": "true" }, initials(one.name)), h("a", { href, class: "ell" }, one.name), one.is_vip && h("span", { class: "tag vip" }, t("VIP")))),
    h("td", { class: "ell hide-s" }, organisationName(one.organisation)), h("td", { class: "num" }, one.numbers[0]?.display ?? "–"), h("td", { class: "ell hide-s" }, one.emails[0] ?? "–"));
  row.addEventListener("click", (event) => {
    if (!(event.target instanceof HTMLAnchorElement)) go(href);
  });
  return row;
}

export function mountPeople(root: HTMLElement, params: URLSearchParams): () => void {
  const q = h("input", { class: "in", type: "search", "aria-label": t("Search people"), placeholder: t("Name, company or number"), "data-testid": "people-q" });
  q.value = params.get("q") ?? "";
  const people = list<PersonFull>({
    path: "/api/v1/people", limit: 25, filters: () => ({ q: q.value.trim() }),
    head: [[t("Name"), ""], [t("Company"), "hide-s"], [t("Number"), "c-phone"], [t("Mail"), "hide-s"]],
    row: personRow, caption: t("People"), none: t("Nobody found. A person is created on the desk when a new number calls."),
  });
  q.addEventListener("input", people.reload);
  root.append(h("div", { class: "page" }, pageHead(t("People")), h("section", { class: "pan" }, h("div", { class: "tools" }, q), people.element)));
  return people.leave;
}

function side(one: PersonFull, ...forms: HTMLElement[]): HTMLElement {
  const rows: [string, Child][] = [
    [t("Company"), organisationName(one.organisation) || "–"],
    [t("Numbers"), one.numbers.length ? h("span", { class: "num pre" }, one.numbers.map((number) => number.display).join("\n")) : "–"],
    [t("Mail"), one.emails.length ? h("span", { class: "pre" }, one.emails.join("\n")) : "–"],
  ];
  return h("div", { class: "tk-side" },
    h("section", { class: "pan" }, h("div", { class: "ph" }, h("h2", null, t("Facts"))), h("div", { class: "pb" }, h("dl", { class: "kv" }, ...rows.flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)])))),
    ...forms);
}

function noteForm(one: PersonFull): HTMLElement {
  const field = h("textarea", { class: "in", rows: 5, id: "person-note", "data-testid": "person-note", maxlength: 20000 });
  field.value = one.note;
  const said = h("span", { class: "small mut", role: "status" });
  const problem = h("p", { class: "emsg", role: "alert", hidden: true });
  const form = h("form", { class: "pan" }, h("div", { class: "ph" }, h("h2", null, h("label", { for: field.id }, t("Notes"))), h("span", { class: "right" }, said)), h("div", { class: "pb d-grid gap-2" }, field, problem, h("div", null, h("button", { class: "btn", "data-testid": "person-note-save" }, t("Save")))));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    api.patch(`/api/v1/people/${encodeURIComponent(one.id)}`, { note: field.value }).then(
      () => {
        said.textContent = t("saved");
        show(problem, false);
      },
      (error: unknown) => {
        problem.textContent = errorText(error);
        show(problem, true);
      });
  });
  field.addEventListener("input", () => (said.textContent = ""));
  return form;
}

const mayErase = (): boolean => (document.documentElement.dataset["may"] ?? "").split(" ").includes("customers:erase");

/** What cannot be undone asks for the name: a click is too easily made. */
function eraseForm(one: PersonFull, done: () => void): HTMLElement {
  const field = h("input", { class: "in", id: "erase-name", autocomplete: "off", "data-testid": "erase-name" });
  const button = h("button", { class: "btn stop-o", disabled: true, "data-testid": "erase" }, t("Erase for ever"));
  const problem = h("p", { class: "emsg", role: "alert", hidden: true });
  const form = h("form", { class: "pan" }, h("div", { class: "ph" }, h("h2", null, t("Erase this person"))),
    h("div", { class: "pb d-grid gap-2" }, h("p", { class: "small ink2" }, t("Name, numbers, addresses, notes and texts of tickets go and cannot be brought back. Contacts and tickets still count, as nobody's.")),
      h("label", { class: "small", for: field.id }, t("Type {name} to confirm", { name: one.name })), field, problem, h("div", null, button)));
  field.addEventListener("input", () => (button.disabled = field.value.trim() !== one.name.trim()));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    api.delete(`/api/v1/people/${encodeURIComponent(one.id)}`).then(done, (error: unknown) => {
      button.disabled = false;
      problem.textContent = errorText(error);
      show(problem, true);
    });
  });
  return form;
}

const panel = (title: string, body: HTMLElement): HTMLElement => h("section", { class: "pan" }, h("div", { class: "ph" }, h("h2", null, title)), body);

function caseRow(one: Ticket): HTMLElement {
  return h("tr", null, h("td", null, h("a", { href: `/tickets/${encodeURIComponent(one.id)}` }, `#${one.number}`)), h("td", { class: "ell" }, one.subject), h("td", { class: "n" }, ...dueCell(one)));
}

function build(root: HTMLElement, one: PersonFull): () => void {
  const contacts = list<Interaction>({
    path: "/api/v1/interactions", limit: 25, filters: () => ({ person_id: one.id }),
    head: [[t("When"), "c-when"], [t("What"), ""], [t("Talked"), "c-talk hide-s"]], row: interactionRow, caption: t("Last contacts"), none: t("No contact yet."),
  });
  const cases = list<Ticket>({
    path: "/api/v1/tickets", limit: 10, filters: () => ({ person_id: one.id, state: "open" }),
    head: [[t("Number"), "c-number"], [t("Subject"), ""], [t("Due"), "c-due"]], row: caseRow, caption: t("Open tickets"), none: t("No open ticket."),
  });
  const erased = (): void => {
    root.replaceChildren(h("div", { class: "page" }, h("a", { class: "back", href: "/people" }, icon("arrow-left", "s"), t("People")),
      h("p", { class: "ink2", role: "status", "data-testid": "erased" }, t("The person was erased."))));
  };
  const where = [one.title, organisationName(one.organisation)].filter(Boolean).join(", ");
  root.replaceChildren(h("div", { class: "page tk" }, h("a", { class: "back", href: "/people" }, icon("arrow-left", "s"), t("People")),
    h("div", { class: "fx" }, h("span", { class: "av m", "aria-hidden": "true" }, initials(one.name)), h("div", { class: "grow" }, h("h1", { class: "tk-h" }, one.name), h("p", { class: "ink2 row13" }, where)), one.is_vip && h("span", { class: "tag vip" }, t("VIP"))),
    one.heed ? h("p", { class: "heed" }, icon("hand-stop", "s"), h("span", null, one.heed)) : h("span"),
    h("div", { class: "tk-g" }, h("div", { class: "tk-main" }, panel(t("Open tickets"), cases.element), panel(t("Last contacts"), contacts.element)), side(one, noteForm(one), ...(mayErase() ? [eraseForm(one, erased)] : [])))));
  return () => {
    contacts.leave();
    cases.leave();
  };
}

export function mountPerson(root: HTMLElement, id: string): () => void {
  const stop = new AbortController();
  let leave = (): void => undefined;
  api.get<PersonFull>(`/api/v1/people/${encodeURIComponent(id)}`, stop.signal).then(
    (person) => (leave = build(root, person)),
    (error: unknown) => stop.signal.aborted || failed(root, error, "/people", t("People")),
  );
  return () => {
    stop.abort();
    leave();
  };
}
