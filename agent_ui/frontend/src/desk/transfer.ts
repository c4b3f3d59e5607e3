/** Sending the customer to a queue: which one is chosen from a list with who waits there; and who sent him here. */

import { now } from "../core/clock";
import { bold, h, icon, region, rich, show } from "../core/dom";
import { errorText } from "../core/errors";
import type { TransferQueue, Work } from "../core/model";
import { timer } from "../core/times";
import { t, tn } from "../core/texts";
import { command, current, isCalling, work } from "./state";

const ASK_EVERY = 3000;

const filter = h("input", { class: "in", type: "search", autocomplete: "off", "aria-label": t("Queue"), placeholder: t("Queue"), "data-testid": "transfer-filter" });
const list = h("ul", { class: "xlist", "aria-label": t("Queues") });
const problem = h("p", { class: "emsg", role: "alert", "data-testid": "transfer-problem", hidden: true });
const cancel = h("button", { type: "button", class: "btn", "data-testid": "transfer-cancel" }, t("Cancel"));
const title = h("h2", { id: "xfer-h" }, t("Transfer the call"));
const hint = h("p", { class: "small ink2" }, t("The customer waits there, you begin your wrap-up. Your note goes along."));
const dialog = h("dialog", { class: "pop xfer", "aria-labelledby": "xfer-h", "data-testid": "transfer-dialog" }, title, hint, filter, problem, list, h("div", { class: "fx xfer-a" }, cancel));

let id = "";
let queues: TransferQueue[] | null = null;
let answers = 0;
let isSending = false;
let asking: ReturnType<typeof setInterval> | undefined;

function tell(text: string): void {
  problem.textContent = text;
  show(problem, text !== "");
}

function state(one: TransferQueue): string {
  if (!one.is_open) return t("closed now");
  const waiting = one.waiting && one.longest_since
    ? tn("{n} waits, the longest {time}", "{n} wait, the longest {time}", one.waiting, { time: timer(Math.max(0, (now() - Date.parse(one.longest_since)) / 1000)) })
    : t("nobody waits");
  return [waiting, one.ready ? tn("{n} agent ready", "{n} agents ready", one.ready) : t("nobody is ready")].join(" · ");
}

const found = (): TransferQueue[] => {
  const wanted = filter.value.trim().toLocaleLowerCase();
  return (queues ?? []).filter((one) => one.name.toLocaleLowerCase().includes(wanted));
};

function row(one: TransferQueue): HTMLElement {
  return h("li", null, h("button", { type: "button", class: "xq", disabled: !one.is_open, "data-k": one.queue_id, "data-testid": `transfer-to-${one.queue_id}`, onclick: () => void send(one.queue_id) },
    h("span", { class: "b" }, one.name), h("span", { class: "small ink2" }, state(one))));
}

function paint(): void {
  const shown = found();
  region(list, [queues, answers, filter.value], () => queues === null ? [h("li", { class: "small mut" }, t("Looking…"))]
    : shown.length ? shown.map(row) : [h("li", { class: "small mut" }, queues.length ? t("No queue is called so.") : t("There is no queue."))]);
}

async function ask(): Promise<void> {
  const asked = id;
  try {
    const answer = await command("transfer-queues", { interaction_id: asked });
    if (id !== asked) return;
    if (queues === null) tell("");
    queues = answer["queues"] as TransferQueue[];
    answers += 1; // the waits go on, also where nothing else changed
  } catch (error) {
    if (id === asked) tell(errorText(error));
  }
  paint();
}

async function send(queueId: string): Promise<void> {
  if (isSending) return;
  isSending = true;
  dialog.setAttribute("aria-busy", "true");
  tell("");
  try {
    await command("transfer", { interaction_id: id, queue_id: queueId });
    dialog.close();
  } catch (error) {
    tell(errorText(error));
  }
  isSending = false;
  dialog.removeAttribute("aria-busy");
}

function walk(step: number): void {
  const all = [filter, ...list.querySelectorAll<HTMLElement>("button:not([disabled])")];
  const place = all.indexOf(document.activeElement as HTMLElement);
  all[(place + step + all.length) % all.length]?.focus();
}

/** Choose where the call in hand goes. */
export function openTransfer(): void {
  const one = current();
  if (!one || one.state !== "talking" || isCalling(one) || dialog.open) return;
  id = one.interaction_id;
  queues = null;
  filter.value = "";
  tell("");
  paint();
  if (!dialog.isConnected) document.body.append(dialog);
  dialog.showModal();
  filter.focus();
  void ask();
  asking = setInterval(() => void ask(), ASK_EVERY);
}

/** The call may end, or go on elsewhere, while its agent still chooses. */
export function paintTransfer(): void {
  if (dialog.open && work(id)?.state !== "talking") dialog.close();
}

filter.addEventListener("input", paint);
filter.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  event.preventDefault();
  const [first] = filter.value.trim() ? found().filter((one) => one.is_open) : [];
  if (first) void send(first.queue_id);
});
dialog.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  event.preventDefault();
  walk(event.key === "ArrowDown" ? 1 : -1);
});
dialog.addEventListener("close", () => {
  clearInterval(asking);
  id = "";
});
cancel.addEventListener("click", () => dialog.close());

/** Who sent the customer here, and what he noted of him. */
export function paintFrom(place: HTMLElement, one: Work): void {
  const sent = one.transfer;
  show(place, sent !== null && one.state !== "wrap-up");
  region(place, sent, () => sent === null ? [] : [
    icon("transfer", "s"), h("span", null, rich(t("Transferred by {agent}, {queue}"), { agent: bold(sent.agent.name), queue: sent.queue.name })),
    sent.note && h("span", { class: "xnote" }, sent.note),
  ]);
}
