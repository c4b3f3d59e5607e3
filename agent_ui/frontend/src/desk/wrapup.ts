/** Wrap-up: what it was about, then finish. A choice is kept per interaction until it is sent. */

import { byId, h, icon, keyed, region, setAttr, setText, show, type Row } from "../core/dom";
import { errorText } from "../core/errors";
import { menu } from "../core/menu";
import type { Work } from "../core/model";
import { t } from "../core/texts";
import { noteAccepted, noteText } from "./note";
import { command, current, reasonText, settings } from "./state";

type Choice = Work["dispositions"][number] & { place: number };

const chosen = new Map<string, string>();
const list = h("ul", { class: "disp", role: "radiogroup", "aria-labelledby": "disposition-h" });
const problem = h("p", { class: "emsg", role: "alert", "data-testid": "finish-error", hidden: true });
const finish = h("button", { type: "button", class: "btn pri", "data-testid": "finish", "aria-keyshortcuts": "Alt+Enter" }, icon("player-track-next"), t("Finish, take next"), " ", h("kbd", null, "Alt Enter"));
const away = h("button", { type: "button", class: "btn", "data-testid": "finish-not-ready", "aria-haspopup": "menu", "aria-expanded": "false" }, t("Finish, then not ready"), icon("chevron-down", "s"));
const awayList = h("div", { class: "pop menu up", role: "menu", hidden: true, "aria-label": t("Not ready because of") });
const need = h("span", { class: "small mut right", "data-testid": "finish-need" });

let sending = false;

const isWrap = (one: Work | null): one is Work => one?.state === "wrap-up";
const needed = (one: Work): boolean => one.dispositions.length > 0 && one.needs_disposition !== false;
const choiceOf = (one: Work): string => chosen.get(one.interaction_id) ?? one.disposition;

function choiceRow(first: Choice): Row<Choice> {
  const word = h("span", { class: "grow ell" });
  const button = h("button", { type: "button", role: "radio", "data-testid": "disposition-choice", "data-code": first.code }, h("span", { class: "k", "aria-hidden": "true" }, first.place < 9 ? String(first.place + 1) : ""), word, icon("check"));
  button.addEventListener("click", () => choose(first.code));
  return {
    element: h("li", { role: "none" }, button),
    set(item) {
      setText(word, t(item.label));
      const one = current();
      button.setAttribute("aria-checked", String(one !== null && choiceOf(one) === item.code));
    },
  };
}

function choose(code: string): void {
  const one = current();
  if (!isWrap(one)) return;
  chosen.set(one.interaction_id, code);
  show(problem, false);
  paintWrapUp(one);
}

/** A digit in wrap-up picks the disposition of that place. */
export function chooseByDigit(digit: number): boolean {
  const one = current();
  const choice = isWrap(one) ? one.dispositions[digit - 1] : undefined;
  if (choice) choose(choice.code);
  return choice !== undefined;
}

async function send(then: "ready" | "not-ready", reason?: string): Promise<void> {
  const one = current();
  if (!isWrap(one) || sending) return;
  if (!choiceOf(one) && needed(one)) return complain(t("Choose what it was about first."));
  sending = true;
  const note = noteText(one.interaction_id);
  const data = { interaction_id: one.interaction_id, disposition: choiceOf(one), note, then, ...(reason ? { reason } : {}) };
  try {
    await command("finish-wrap-up", data);
    noteAccepted(one.interaction_id, note);
    chosen.delete(one.interaction_id);
    show(problem, false);
  } catch (error) {
    complain(errorText(error));
  } finally {
    sending = false;
  }
}

function complain(text: string): void {
  region(problem, text, () => [icon("alert-circle", "s"), text]);
  show(problem, true);
  list.querySelector("button")?.focus();
}

export const finishNext = (): void => void send("ready");

function reasonItem(code: string, text: string, close: () => void): HTMLElement {
  const made = h("button", { type: "button", class: "mi", role: "menuitem", "data-testid": `finish-${code}` }, h("span", { class: "grow" }, text));
  made.addEventListener("click", () => {
    close();
    void send("not-ready", code);
  });
  return made;
}

export function buildWrapUp(): void {
  byId("disposition").append(
    h("div", { class: "ph" }, h("h2", { id: "disposition-h" }, t("What was it about?")), h("span", { class: "small mut right hide-s" }, t("type its digit"))),
    h("div", { class: "pb" }, list, problem));
  byId("disposition").addEventListener("submit", (event) => event.preventDefault());
  finish.addEventListener("click", finishNext);
  const reasons = menu(away, awayList, () =>
    awayList.replaceChildren(...(settings()?.reasons ?? []).map((one) => reasonItem(one.code, reasonText(one.code), () => reasons.close()))));
  byId("finishbar").append(h("div", { class: "fx wrapf" }, finish, h("div", { class: "menu-w" }, away, awayList), need));
}

export function paintWrapUp(one: Work | null): void {
  const on = isWrap(one);
  show(byId("disposition"), on && one.dispositions.length > 0);
  show(byId("finishbar"), on);
  if (!on) return;
  const form = byId("disposition");
  if (form.dataset["interaction"] !== one.interaction_id) {
    form.dataset["interaction"] = one.interaction_id;
    show(problem, false);
  }
  keyed(list, one.dispositions.map((item, place) => ({ ...item, place })), (item) => item.code, choiceRow);
  rove(one);
  const label = one.dispositions.find((item) => item.code === choiceOf(one))?.label;
  region(need, label ?? "", () => (label ? [icon("check", "s k-ok"), " ", t(label)] : needed(one) ? [t("1 answer to go")] : []));
}

/** One stop for Tab: the chosen one, else the first. */
function rove(one: Work): void {
  const buttons = [...list.querySelectorAll("button")];
  const active = Math.max(0, one.dispositions.findIndex((item) => item.code === choiceOf(one)));
  buttons.forEach((button, place) => setAttr(button, "tabindex", place === active ? "0" : "-1"));
}

list.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const buttons = [...list.querySelectorAll("button")];
  const place = buttons.indexOf(document.activeElement as HTMLButtonElement);
  const next = buttons[(place + step + buttons.length) % buttons.length];
  next?.click();
  next?.focus();
});
