/** The call in hand: who, since when, hold, mute and hang up; in wrap-up the countdown and one minute more. */

import { now, since, stop, until } from "../core/clock";
import { byId, fuse, h, icon, setIcon, setText, show } from "../core/dom";
import type { Work } from "../core/model";
import { timer, when } from "../core/times";
import { number, t } from "../core/texts";
import { callResult } from "../core/words";
import { isTurning, phone } from "./calls";
import { act, isCalling } from "./state";
import { paintFrom } from "./transfer";

export interface CallbarActs { hangUp(id: string): void; hold(id: string): void; transfer(): void; mute(): void; why(): void }

const bar = byId("callbar");
const tagGlyph = h("span", { class: "tag-i" });
const tagWord = h("span");
const tag = h("span", { class: "tag st" }, tagGlyph, tagWord);
const line = h("span", { class: "ell" });
const name = h("h2", { class: "call-n mt-1", "data-testid": "call-name" });
const about = h("p", { class: "row13 ink2 ell" });
const big = h("p", { class: "big", "data-testid": "call-clock" });
const under = h("p", { class: "small ink2 mt-1" });
const whyButton = h("button", { type: "button", class: "why", "data-testid": "why-open" }, t("Why me?"));
const muteIcon = h("span", { class: "ic-w" });
const muteWord = h("span");
const mute = h("button", { type: "button", class: "btn", "data-testid": "mute", "aria-pressed": "false", "aria-keyshortcuts": "M Alt+M" }, muteIcon, muteWord, " ", h("kbd", null, "M"));
const holdIcon = h("span", { class: "ic-w" });
const holdWord = h("span");
const hold = h("button", { type: "button", class: "btn hold-b", "data-testid": "hold", "aria-pressed": "false", "aria-keyshortcuts": "H Alt+H" }, holdIcon, holdWord, " ", h("kbd", null, "H"));
const transfer = h("button", { type: "button", class: "btn", "data-testid": "transfer", "aria-haspopup": "dialog", "aria-keyshortcuts": "T Alt+T" }, h("span", { class: "ic-w" }, icon("transfer")), h("span", null, t("Transfer")), " ", h("kbd", null, "T"));
const from = h("p", { class: "small ink2 xfrom", "data-testid": "transferred-from" });
const said = h("span", { class: "sr", role: "status" });
const hangUp = h("button", { type: "button", class: "btn stop right wide", "data-testid": "hang-up", "aria-keyshortcuts": "Alt+X" }, icon("phone-off"), t("Hang up"), " ", h("kbd", null, "Alt X"));
const controls = h("div", { class: "ctl" }, hold, transfer, mute, hangUp);
const burn = fuse("h6 wrapc");
const more = h("button", { type: "button", class: "btn sm", "data-testid": "extend" });
const rest = h("div", { class: "fx mt-2" }, burn, more);

let shownId = "";

export function buildCallbar(acts: CallbarActs): void {
  hold.addEventListener("click", () => acts.hold(shownId));
  transfer.addEventListener("click", acts.transfer);
  mute.addEventListener("click", acts.mute);
  whyButton.addEventListener("click", acts.why);
  hangUp.addEventListener("click", () => acts.hangUp(shownId));
  more.addEventListener("click", () => void act("extend-wrap-up", { interaction_id: shownId }));
  bar.append(
    h("div", { class: "fx ta" },
      h("div", { class: "grow" }, h("p", { class: "small fx ink2" }, tag, line), name, about),
      h("div", { class: "text-end" }, big, under, whyButton)),
    from, controls, rest, said);
}

function place(one: Work): string {
  return [one.subtitle, one.caller.withheld ? t("number withheld") : one.caller.number].filter((part) => part && part !== one.title).join(" · ");
}

function missed(one: Work): string {
  if (!one.callback || one.callback.is_reached || !one.callback.result) return "";
  const next = one.callback.next_at;
  return next ? t("{result}; called again at {time}", { result: callResult(one.callback.result), time: when(next, now()) }) : callResult(one.callback.result);
}

function paintTalking(one: Work): void {
  setText(line, isCalling(one) ? [one.queue.name, missed(one) || t("the customer’s phone rings")].join(" · ") : t("{queue} · waited {time}", { queue: one.queue.name, time: timer(one.waited) }));
  const clockOf = `${one.held_since ? "hold" : "talk"}:${one.interaction_id}`;
  if (big.dataset["of"] !== clockOf) {
    if (big.dataset["of"]?.endsWith(one.interaction_id)) setText(said, one.held_since ? t("On hold") : t("Talking"));
    stop(big);
    setText(big, "");
    big.dataset["of"] = clockOf;
    since(big, one.held_since ?? one.answered_at ?? one.entered_at);
  }
  show(hold, !isCalling(one));
  show(transfer, !isCalling(one));
  setIcon(holdIcon, one.held_since ? "player-play" : "player-pause");
  setText(holdWord, one.held_since ? t("Retrieve") : t("Hold"));
  hold.setAttribute("aria-disabled", String(isTurning(one)));
  hold.setAttribute("aria-pressed", String(one.held_since !== null));
  hold.classList.toggle("on", one.held_since !== null);
  const session = phone()?.sessionFor(one) ?? null;
  show(mute, session !== null);
  setIcon(muteIcon, session?.muted ? "microphone" : "microphone-off");
  setText(muteWord, session?.muted ? t("Unmute") : t("Mute"));
  mute.setAttribute("aria-pressed", String(session?.muted ?? false));
  mute.classList.toggle("on", session?.muted ?? false);
}

function ended(one: Work): string {
  const by = one.transferred_to ? t("transferred to {queue}", { queue: one.transferred_to.name }) : { customer: t("caller hung up"), agent: t("you hung up"), "": "" }[one.ended_by];
  const talked = one.talk_time === null ? "" : t("talked {time}", { time: timer(one.talk_time) });
  const held = one.hold_time >= 1 ? t("on hold {time}", { time: timer(one.hold_time) }) : "";
  return [one.queue.name, ...(missed(one) ? [missed(one)] : [talked, held, by])].filter(Boolean).join(" · ");
}

function paintWrapUp(one: Work): void {
  setText(line, ended(one));
  big.dataset["of"] = "";
  const limit = one.wrap_up;
  show(rest, limit !== null);
  if (!limit) {
    since(big, one.ended_at ?? one.entered_at);
    return setText(under, t("no time limit"));
  }
  until(big, { at: limit.until, total: limit.limit, fuse: burn, seconds: true, calm: true });
  setText(under, t("of {time} left", { time: timer(limit.limit) }));
  show(more, limit.extensions_left > 0);
  setText(more, t("+ {n} min ({left} left)", { n: number(limit.extension / 60, limit.extension % 60 ? 1 : 0), left: limit.extensions_left }));
}

export function paintCallbar(one: Work | null): void {
  const on = one !== null && one.state !== "alerting";
  show(bar, on);
  if (!on) return;
  if (shownId !== one.interaction_id || one.state !== "talking") setText(said, "");
  shownId = one.interaction_id;
  bar.dataset["interaction"] = shownId;
  const wrap = one.state === "wrap-up";
  const held = !wrap && one.held_since !== null;
  const look = wrap ? "wrap" : held ? "hold" : "talking";
  bar.className = `callbar st ${look}`;
  bar.setAttribute("aria-label", wrap ? t("Wrap-up") : t("Current call"));
  bar.dataset["state"] = one.state;
  tag.className = `tag st ${look}`;
  setIcon(tagGlyph, wrap ? "pencil" : held ? "player-pause" : isCalling(one) ? "phone-outgoing" : "phone", "s");
  setText(tagWord, wrap ? t("Wrap-up") : held ? t("On hold") : isCalling(one) ? t("Calling") : t("Talking"));
  setText(name, one.title || t("Unknown caller"));
  setText(about, place(one));
  show(controls, !wrap);
  paintFrom(from, one);
  show(rest, wrap);
  show(under, wrap);
  show(whyButton, !wrap && one.why !== null);
  if (wrap) paintWrapUp(one);
  else paintTalking(one);
}
