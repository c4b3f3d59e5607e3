/** Tickets: the list, and one ticket with its promise, its text and what can be done. */

import { api } from "../core/api";
import { now, until } from "../core/clock";
import { fuse, h, icon, show, type Child } from "../core/dom";
import { CodedError, errorText } from "../core/errors";
import { go } from "../core/places";
import { organisationName } from "../core/search";
import { timer, when } from "../core/times";
import { t } from "../core/texts";
import { ticketState } from "../core/words";
import { list } from "./list";

export interface Ticket {
  id: string;
  number: string | number;
  subject: string;
  state: string;
  person_id: string | null;
  interaction_id: string | null;
  policy_id: string | null;
  opened_at: string;
  solved_at: string | null;
  closed_at: string | null;
  due_at: string | null;
  due_kind: string | null;
  has_voicemail: boolean;
  voicemail_time: number | null;
  /** The customer's name, in lists. */
  person?: string;
  notes?: { id: string; author_id: string; at: string; text: string }[];
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

export function ticketRow(one: Ticket): HTMLElement {
  const href = `/tickets/${encodeURIComponent(one.id)}`;
  const row = h("tr", { class: "go" },
    h("td", null, h("a", { href }, `#${one.number}`)), h("td", { class: "ell" }, one.subject), h("td", { class: "ell hide-s" }, one.person || "–"), h("td", { class: "num hide-s" }, when(one.opened_at, now())),
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
    head: [[t("Number"), "c-number"], [t("Subject"), ""], [t("Customer"), "c-who hide-s"], [t("Opened"), "c-when hide-s"], [t("State"), "c-state hide-s"], [t("Due"), "c-due"]],
    row: ticketRow, caption: t("Tickets"), none: t("No ticket here. Tickets are made from a call, on the desk."),
  });
  const states: [string, string][] = [["open", t("Open")], ["solved", t("Solved")], ["closed", t("Closed")], ["", t("All")]];
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

function doneAt(one: Ticket): string {
  const at = one.closed_at ?? one.solved_at;
  return at ? when(at, now()) : "";
}

function duePanel(one: Ticket): HTMLElement {
  const burn = fuse("");
  const open = one.due_at && !isClosed(one.state) ? one.due_at : null;
  const value = h("div", { class: "v" });
  if (open) value.append(icon("clock"), until(h("span", { class: "clock" }), { at: open, total: SOON, canBreach: true, fuse: burn }));
  else value.append(isClosed(one.state) ? ticketState(one.state) : t("no due time"));
  return h("div", { class: "clk" }, h("div", { class: "l" }, one.due_kind === "reply" ? t("Reply due") : t("Solve due")), value,
    h("span", { class: "mut" }, open ? t("due {time}", { time: when(open, now()) }) : doneAt(one)), open ? burn : null);
}

/** What a ticket only names by id: read beside it; a part that cannot be read is left out. */
interface Around { person: { id: string; name: string; organisation: { name: string } | null } | null; policy: string }

async function readAround(one: Ticket): Promise<Around> {
  const [person, policies] = await Promise.all([
    one.person_id ? api.get<Around["person"]>(`/api/v1/people/${encodeURIComponent(one.person_id)}`).catch(() => null) : null,
    one.policy_id ? api.get<{ id: string; name: string }[]>("/api/v1/sla-policies").catch(() => []) : [],
  ]);
  return { person, policy: policies.find((policy) => policy.id === one.policy_id)?.name ?? "" };
}

function facts(one: Ticket, around: Around): HTMLElement {
  const rows: [string, Child][] = [
    [t("Customer"), around.person ? h("a", { href: `/people/${encodeURIComponent(around.person.id)}` }, around.person.name) : "–"],
    [t("Company"), organisationName(around.person?.organisation) || "–"],
    [t("Promise"), around.policy ? t(around.policy) : "–"],
    [t("Opened"), when(one.opened_at, now())],
  ];
  return h("section", { class: "pan" }, h("div", { class: "ph" }, h("h2", null, t("Facts"))), h("div", { class: "pb" }, h("dl", { class: "kv" }, ...rows.flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)]))));
}

interface TicketPage { root: HTMLElement; ticket: Ticket; around: Around; note: HTMLTextAreaElement; problem: HTMLElement; head: HTMLElement; side: HTMLElement; notes: HTMLElement; toggle: HTMLButtonElement }

async function change(page: TicketPage, data: Record<string, unknown>): Promise<boolean> {
  try {
    const path = `/api/v1/tickets/${encodeURIComponent(page.ticket.id)}`;
    await api.patch<Ticket>(path, data);
    page.ticket = await api.get<Ticket>(path);
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
  const mine = document.documentElement.dataset["user"];
  return (one.notes ?? []).map((note) => h("li", { class: "msg note" }, h("span", { class: "av n", "aria-hidden": "true" }, icon("notes")),
    h("div", null, h("header", null, h("b", null, note.author_id === mine ? t("You") : t("A colleague")), h("span", { class: "mut small right" }, when(note.at, now()))), h("p", { class: "body pre" }, note.text))));
}

/** What the caller said; a file that is not here (any more) is told instead of a dead player. */
function voicemail(one: Ticket): HTMLElement | null {
  if (!one.has_voicemail) return null;
  const audio = h("audio", { controls: true, preload: "none", src: `/api/v1/tickets/${encodeURIComponent(one.id)}/voicemail`, "data-testid": "voicemail", "aria-label": t("Voicemail") });
  const lost = h("p", { class: "mut row13", hidden: true }, t("The recording cannot be played from here."));
  audio.addEventListener("error", () => {
    show(audio, false);
    show(lost, true);
  });
  const length = one.voicemail_time === null ? "" : timer(one.voicemail_time);
  return h("section", { class: "pan" }, h("div", { class: "ph" }, h("h2", null, t("Voicemail")), h("span", { class: "small mut num" }, length)), h("div", { class: "pb" }, audio, lost));
}

function paintTicket(page: TicketPage): void {
  const one = page.ticket;
  page.head.replaceChildren(h("p", { class: "fx" }, h("span", { class: "mut num" }, `#${one.number}`), stateTag(one.state)), h("h1", { class: "tk-h" }, one.subject));
  page.side.replaceChildren(...[voicemail(one), duePanel(one), facts(one, page.around)].filter((part) => part !== null));
  const notes = notesOf(one);
  page.notes.replaceChildren(...(notes.length ? notes : [h("li", { class: "none" }, t("No note yet."))]));
  page.toggle.replaceChildren(icon(isClosed(one.state) ? "refresh" : "circle-check"), isClosed(one.state) ? t("Open again") : t("Close ticket"));
}

function buildTicket(root: HTMLElement, ticket: Ticket, around: Around): void {
  const note = h("textarea", { class: "in", rows: 3, id: "ticket-note", "data-testid": "ticket-note", maxlength: 20000, placeholder: t("A note for colleagues") });
  const page: TicketPage = {
    root, ticket, around, note, problem: h("div", { class: "bar breach", role: "alert", hidden: true }), head: h("div", { class: "grow" }), side: h("div", { class: "tk-side" }),
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
    (ticket) => readAround(ticket).then((around) => stop.signal.aborted || buildTicket(root, ticket, around)),
    (error: unknown) => stop.signal.aborted || failed(root, error, "/tickets", t("Tickets")),
  );
  return () => stop.abort();
}
