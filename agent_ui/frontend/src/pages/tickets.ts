/** Tickets: the list, and one ticket with its promise, its text and what can be done. */

import { api } from "../core/api";
import { now, until } from "../core/clock";
import { fuse, h, icon, show, type Child } from "../core/dom";
import { CodedError, errorText } from "../core/errors";
import { go } from "../core/places";
import { organisationName } from "../core/search";
import { when } from "../core/times";
import { t } from "../core/texts";
import { ticketState } from "../core/words";
import { list } from "./list";

interface PersonRef { id?: string; person_id?: string; name: string; organisation?: string | { name: string } | null }

export interface Ticket {
  id: string;
  number: string | number;
  subject: string;
  state: string;
  due_at: string | null;
  due_kind?: string;
  person?: PersonRef | null;
  person_id?: string | null;
  person_name?: string | null;
  created_at?: string;
  closed_at?: string | null;
  policy?: string | { name: string } | null;
  note?: string;
  notes?: { at: string; by: string; text: string }[];
  interaction_id?: string | null;
}

const SOON = 4 * 3600;
const isClosed = (state: string): boolean => state === "closed" || state === "solved";

export function dueCell(one: Ticket): Child[] {
  if (!one.due_at || isClosed(one.state)) return [h("span", { class: "mut" }, "–")];
  const kind = one.due_kind === "reply" ? t("to reply") : t("to solve");
  return [until(h("span", { class: "clock" }), { at: one.due_at, total: SOON, canBreach: true }), h("small", { class: "mut hide-s" }, ` ${kind}`)];
}

export function stateTag(state: string): HTMLElement {
  return h("span", { class: isClosed(state) ? "tag ok" : "tag" }, isClosed(state) ? icon("check", "s") : null, ticketState(state));
}

function personName(one: Ticket): string {
  return one.person?.name ?? one.person_name ?? "";
}

export function ticketRow(one: Ticket): HTMLElement {
  const href = `/tickets/${encodeURIComponent(one.id)}`;
  const row = h("tr", { class: "go" },
    h("td", null, h("a", { href }, `#${one.number}`)), h("td", { class: "ell" }, one.subject), h("td", { class: "ell hide-s" }, personName(one)),
    h("td", { class: "hide-s" }, stateTag(one.state)), h("td", { class: "n" }, ...dueCell(one)));
  row.addEventListener("click", (event) => {
    if (!(event.target instanceof HTMLAnchorElement)) go(href);
  });
  return row;
}

export function pageHead(title: string, ...right: Child[]): HTMLElement {
  return h("div", { class: "page-h" }, h("h1", { class: "grow ell" }, title), ...right);
}

export function mountTickets(root: HTMLElement, params: URLSearchParams): () => void {
  let state = params.get("state") ?? "open";
  const q = h("input", { class: "in", type: "search", "aria-label": t("Search tickets"), placeholder: t("Number or subject"), "data-testid": "tickets-q" });
  q.value = params.get("q") ?? "";
  const tickets = list<Ticket>({
    path: "/api/v1/tickets", limit: 25, filters: () => ({ state, q: q.value.trim() }),
    head: [t("Number"), t("Subject"), h("span", { class: "hide-s" }, t("Customer")), h("span", { class: "hide-s" }, t("State")), t("Due")],
    row: ticketRow, caption: t("Tickets"), none: t("No ticket here. Tickets are made from a call, on the desk."),
  });
  const states: [string, string][] = [["open", t("Open")], ["closed", t("Closed")], ["", t("All")]];
  const seg = h("div", { class: "seg", role: "group", "aria-label": t("State") });
  seg.append(...states.map(([value, text]) => {
    const button = h("button", { type: "button", "aria-pressed": String(value === state), "data-testid": `state-${value || "all"}` }, text);
    button.addEventListener("click", () => {
      state = value;
      for (const one of seg.children) one.setAttribute("aria-pressed", String(one === button));
      tickets.reload();
    });
    return button;
  }));
  q.addEventListener("input", tickets.reload);
  root.append(h("div", { class: "page" }, pageHead(t("Tickets")), h("section", { class: "pan" }, h("div", { class: "tools" }, q, seg), tickets.element)));
  return tickets.leave;
}

function duePanel(one: Ticket): HTMLElement {
  const burn = fuse("");
  const open = one.due_at && !isClosed(one.state) ? one.due_at : null;
  const value = h("div", { class: "v" });
  if (open) value.append(icon("clock"), until(h("span", { class: "clock" }), { at: open, total: SOON, canBreach: true, fuse: burn }));
  else value.append(isClosed(one.state) ? t("Closed") : t("no due time"));
  return h("div", { class: "clk" }, h("div", { class: "l" }, one.due_kind === "reply" ? t("Reply due") : t("Solve due")), value,
    h("span", { class: "mut" }, open ? t("due {time}", { time: when(open, now()) }) : one.closed_at ? when(one.closed_at, now()) : ""), open ? burn : null);
}

function facts(one: Ticket): HTMLElement {
  const id = one.person?.id ?? one.person?.person_id ?? one.person_id;
  const name = personName(one) || t("Customer");
  const policy = typeof one.policy === "string" ? one.policy : (one.policy?.name ?? "");
  const rows: [string, Child][] = [
    [t("Customer"), id ? h("a", { href: `/people/${encodeURIComponent(id)}` }, name) : "–"],
    [t("Company"), organisationName(one.person?.organisation) || "–"],
    [t("Promise"), policy || "–"],
    [t("Created"), one.created_at ? when(one.created_at, now()) : "–"],
  ];
  return h("section", { class: "pan" }, h("div", { class: "ph" }, h("h2", null, t("Facts"))), h("div", { class: "pb" }, h("dl", { class: "kv" }, ...rows.flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)]))));
}

interface TicketPage { root: HTMLElement; ticket: Ticket; note: HTMLTextAreaElement; problem: HTMLElement; head: HTMLElement; side: HTMLElement; notes: HTMLElement; toggle: HTMLButtonElement }

async function change(page: TicketPage, data: Record<string, unknown>): Promise<boolean> {
  try {
    page.ticket = await api.patch<Ticket>(`/api/v1/tickets/${encodeURIComponent(page.ticket.id)}`, data);
    show(page.problem, false);
    paintTicket(page);
    return true;
  } catch (error) {
    page.problem.replaceChildren(icon("alert-circle"), errorText(error));
    show(page.problem, true);
    return false;
  }
}

function notesOf(one: Ticket): HTMLElement[] {
  if (one.notes) return one.notes.map((note) => h("li", { class: "msg note" }, h("span", { class: "av n", "aria-hidden": "true" }, icon("notes")), h("div", null, h("header", null, h("b", null, note.by), h("span", { class: "mut small right" }, when(note.at, now()))), h("p", { class: "body pre" }, note.text))));
  return one.note ? [h("li", { class: "msg note" }, h("span", { class: "av n", "aria-hidden": "true" }, icon("notes")), h("div", null, h("p", { class: "body pre" }, one.note)))] : [];
}

function paintTicket(page: TicketPage): void {
  const one = page.ticket;
  page.head.replaceChildren(h("p", { class: "fx" }, h("span", { class: "mut num" }, `#${one.number}`), stateTag(one.state)), h("h1", { class: "tk-h" }, one.subject));
  page.side.replaceChildren(duePanel(one), facts(one));
  const notes = notesOf(one);
  page.notes.replaceChildren(...(notes.length ? notes : [h("li", { class: "none" }, t("No note yet."))]));
  page.toggle.replaceChildren(icon(isClosed(one.state) ? "refresh" : "circle-check"), isClosed(one.state) ? t("Open again") : t("Close ticket"));
}

function buildTicket(root: HTMLElement, ticket: Ticket): void {
  const note = h("textarea", { class: "in", rows: 3, id: "ticket-note", "data-testid": "ticket-note", maxlength: 20000, placeholder: t("A note for colleagues") });
  const page: TicketPage = {
    root, ticket, note, problem: h("div", { class: "bar breach", role: "alert", hidden: true }), head: h("div", { class: "grow" }), side: h("div", { class: "tk-side" }),
    notes: h("ul", { class: "tk-notes" }), toggle: h("button", { type: "button", class: "btn", "data-testid": "ticket-toggle" }),
  };
  const form = h("form", { class: "reply" }, h("label", { class: "fl", for: note.id }, t("Note")), note, h("div", { class: "fx" }, h("button", { class: "btn pri", "data-testid": "ticket-note-save" }, t("Add the note")), page.toggle));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (note.value.trim()) void change(page, { note: note.value.trim() }).then((done) => done && (note.value = ""));
  });
  page.toggle.addEventListener("click", () => void change(page, { state: isClosed(page.ticket.state) ? "open" : "closed" }));
  root.replaceChildren(h("div", { class: "page tk" }, h("a", { class: "back", href: "/tickets" }, icon("arrow-left", "s"), t("Tickets")), h("div", { class: "fx ta" }, page.head), page.problem,
    h("div", { class: "tk-g" }, h("section", { class: "pan", "aria-label": t("Notes") }, page.notes, form), page.side)));
  paintTicket(page);
}

export function failed(root: HTMLElement, error: unknown, back: string, label: string): void {
  const gone = error instanceof CodedError && error.code === "not-found";
  root.replaceChildren(h("div", { class: "page" }, h("a", { class: "back", href: back }, icon("arrow-left", "s"), label),
    h("div", { class: "bar breach", role: "alert" }, icon("alert-circle"), h("span", { class: "grow" }, gone ? t("This does not exist any more, or you may not see it.") : errorText(error)))));
}

export function mountTicket(root: HTMLElement, id: string): () => void {
  const stop = new AbortController();
  api.get<Ticket>(`/api/v1/tickets/${encodeURIComponent(id)}`, stop.signal).then(
    (ticket) => buildTicket(root, ticket),
    (error: unknown) => stop.signal.aborted || failed(root, error, "/tickets", t("Tickets")),
  );
  return () => stop.abort();
}
