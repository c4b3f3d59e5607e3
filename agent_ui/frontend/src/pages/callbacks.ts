/** Customers who are to be called back, and what became of those who were. */

import { api } from "../core/api";
import { now } from "../core/clock";
import { h, icon } from "../core/dom";
import { errorText } from "../core/errors";
import { may } from "../core/may";
import { when } from "../core/times";
import { t } from "../core/texts";
import { callResult } from "../core/words";
import { confirmed } from "../routing/confirm";
import { list } from "./list";
import { pageHead } from "./tickets";

export interface Callback {
  id: string;
  state: "asked" | "waiting" | "calling" | "paused" | "done" | "withdrawn" | "given-up";
  queue: string;
  person_id: string | null;
  customer: string;
  number: string;
  entered_at: string;
  asked_at: string;
  attempts: number;
  result: string;
  next_at: string | null;
  reached_at: string | null;
  ended_at: string | null;
}

const STATES: Record<Callback["state"], () => string> = {
  "asked": () => t("Still on the line"),
  "waiting": () => t("In line"),
  "calling": () => t("Is being called"),
  "paused": () => t("Called again later"),
  "done": () => t("Reached"),
  "withdrawn": () => t("Cancelled"),
  "given-up": () => t("Now a ticket"),
};

const ON_A_PAGE = 25;
const CANCELLABLE = new Set<Callback["state"]>(["asked", "waiting", "paused"]);

/** What one wants to know beside the state: when, or how the last call went. */
export function stateDetail(one: Callback): string {
  if (one.state === "paused" && one.next_at) return t("{result}; called again at {time}", { result: callResult(one.result), time: when(one.next_at, now()) });
  if (one.state === "done" && one.reached_at) return when(one.reached_at, now());
  if (one.result) return callResult(one.result);
  return one.ended_at ? when(one.ended_at, now()) : "";
}

function row(one: Callback, reload: () => void, fail: (text: string) => void): HTMLElement {
  const who = one.customer || one.number;
  const name = one.person_id ? h("a", { href: `/people/${encodeURIComponent(one.person_id)}` }, who) : h("span", null, who);
  const cancel = h("button", { type: "button", class: "btn sm", "data-testid": "withdraw", "aria-label": `${t("Cancel")} ${who}` }, t("Cancel"));
  cancel.addEventListener("click", () => void (async () => {
    if (!(await confirmed(t("Cancel this callback?"), t("{customer} will not be called back.", { customer: who }), t("Cancel callback"), "stop"))) return;
    try {
      await api.post(`/api/v1/callbacks/${encodeURIComponent(one.id)}/withdraw`, {});
      reload();
    } catch (error) {
      fail(errorText(error));
    }
  })());
  const shown = may("interactions:write") && CANCELLABLE.has(one.state);
  return h("tr", { "data-testid": "callback-row", "data-state": one.state },
    h("td", { class: "ell" }, name, one.customer && h("small", { class: "mut hide-s" }, ` ${one.number}`)),
    h("td", { class: "ell hide-s" }, one.queue), h("td", { class: "num hide-s" }, when(one.asked_at, now())), h("td", { class: "n hide-s" }, String(one.attempts)),
    h("td", null, h("span", { class: "tag" }, STATES[one.state]()), h("small", { class: "mut" }, ` ${stateDetail(one)}`)), h("td", { class: "n" }, shown ? cancel : null));
}

export function mountCallbacks(root: HTMLElement, params: URLSearchParams): () => void {
  let open = params.get("open") ?? "true";
  const problem = h("div", { class: "bar breach", role: "alert", "data-testid": "withdraw-problem", hidden: true });
  const fail = (text: string): void => {
    problem.replaceChildren(icon("alert-circle"), h("span", { class: "grow" }, text));
    problem.hidden = false;
    callbacks.reload();
  };
  const reload = (): void => {
    problem.hidden = true;
    callbacks.reload();
  };
  const callbacks = list<Callback>({
    path: "/api/v1/callbacks", limit: ON_A_PAGE, filters: () => (open ? { open } : {}),
    head: [[t("Customer"), ""], [t("Queue"), "c-who hide-s"], [t("Asked"), "c-when hide-s"], [t("Calls"), "c-number hide-s"], [t("State"), ""], ["", "c-due"]],
    row: (one) => row(one, reload, fail), caption: t("Callbacks"), none: t("Nobody is to be called back. A queue offers it when one of its limits leads to the flow “callback”."),
  });
  const seg = h("div", { class: "seg", role: "group", "aria-label": t("State") });
  seg.append(...([["true", t("To be called")], ["false", t("Over")], ["", t("All")]] as const).map(([value, text]) => {
    const button = h("button", { type: "button", "aria-pressed": String(value === open), "data-testid": `open-${value || "all"}` }, text);
    button.addEventListener("click", () => {
      open = value;
      for (const one of seg.children) one.setAttribute("aria-pressed", String(one === button));
      reload();
    });
    return button;
  }));
  root.append(h("div", { class: "page" }, pageHead(t("Callbacks")), problem, h("section", { class: "pan" }, h("div", { class: "tools" }, seg), callbacks.element)));
  // Not under somebody's hands, nor when more than one page was asked for.
  const again = window.setInterval(() => {
    const isOne = callbacks.element.querySelectorAll("tbody tr").length <= ON_A_PAGE;
    if (isOne && !callbacks.element.contains(document.activeElement)) callbacks.reload();
  }, 10_000);
  return () => {
    clearInterval(again);
    callbacks.leave();
  };
}
