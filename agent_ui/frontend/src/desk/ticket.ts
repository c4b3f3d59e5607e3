/** Tickets of the call in hand: what was made, and the form for one more. What is typed stays per interaction. */

import { until } from "../core/clock";
import { byId, h, icon, region, show } from "../core/dom";
import { errorText } from "../core/errors";
import type { TicketLine, Work } from "../core/model";
import { t } from "../core/texts";
import { ticketState } from "../core/words";
import { command } from "./state";
import { dueText, refreshTickets, SOON } from "./worklist";

const made = h("ul", { class: "rows", "data-testid": "tickets-made" });
const forms = h("div");
const open = new Map<string, HTMLFormElement>();

export function ticketLine(one: TicketLine): HTMLElement {
  const due = one.due_at ? until(h("span", { class: "clock" }), { at: one.due_at, total: SOON, canBreach: true }) : null;
  return h("li", null,
    h("div", { class: "d" }, h("a", { href: `/tickets/${encodeURIComponent(one.id)}`, "data-k": one.id }, `#${one.number}`), ` ${one.subject}`,
      h("small", null, one.due_at ? dueText(one.due_kind) : ticketState(one.state))), due);
}

function makeForm(id: string): HTMLFormElement {
  const field = `ticket-subject-${id}`;
  const subject = h("input", { class: "in", id: field, "data-testid": "ticket-subject", maxlength: 200, required: true, placeholder: t("What is to be done"), autocomplete: "off" });
  const problem = h("p", { class: "emsg", role: "alert", hidden: true, "data-testid": "ticket-error" });
  const send = h("button", { class: "btn", "data-testid": "ticket-create" }, icon("plus"), t("Create ticket"));
  const form = h("form", { class: "ticket-f", novalidate: true }, h("label", { class: "fl", for: field }, t("Subject")), h("div", { class: "fx" }, subject, send), problem,
    h("p", { class: "small mut mt-2" }, t("It keeps this call and the customer; the due time is set at once.")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void create(id, subject, send, problem);
  });
  return form;
}

async function create(id: string, subject: HTMLInputElement, send: HTMLButtonElement, problem: HTMLElement): Promise<void> {
  const text = subject.value.trim();
  const fail = (words: string): void => {
    problem.replaceChildren(icon("alert-circle", "s"), words);
    show(problem, true);
    subject.classList.add("err");
    subject.setAttribute("aria-invalid", "true");
    subject.focus();
  };
  if (!text) return fail(t("Write in one line what is to be done."));
  send.disabled = true;
  try {
    await command("create-ticket", { interaction_id: id, subject: text });
    subject.value = "";
    subject.classList.remove("err");
    subject.removeAttribute("aria-invalid");
    show(problem, false);
    void refreshTickets();
  } catch (error) {
    fail(errorText(error));
  } finally {
    send.disabled = false;
  }
}

export function buildTicket(): void {
  byId("ticket").append(h("div", { class: "ph" }, h("h2", { id: "ticket-h" }, t("Ticket from this call"))), h("div", { class: "pb" }, made, forms));
}

export function paintTicket(one: Work | null): void {
  const id = one?.interaction_id ?? "";
  if (one && !open.has(id)) {
    const form = makeForm(id);
    open.set(id, form);
    forms.append(form);
  }
  for (const [name, form] of open) show(form, name === id);
  region(made, one?.tickets ?? [], () => (one?.tickets ?? []).map(ticketLine));
  show(made, (one?.tickets.length ?? 0) > 0);
}
