/** Acts on calls, whatever device the agent has: the browser phone's session, or a command to the server. */

import { api } from "../core/api";
import { byId } from "../core/dom";
import { errorText } from "../core/errors";
import type { Work } from "../core/model";
import { t } from "../core/texts";
import type { Call, Phone, PhoneConfig } from "../phone";
import { act, alerting, bars, current, isCalling, isLive, me, store, work, works } from "./state";

let made: Phone | null = null;
let starting = false;
let wanted = ""; // the alert answered last: the same customer may ring here again, and is not answered by that
let repaint: () => void = () => undefined;
let startFailed: string | null = null;

export interface PhoneView {
  readonly state: Phone["state"];
  sessionFor(one: Work): Call | null;
}

function belongs(call: Call, one: Work): boolean {
  if (call.reservation) return call.reservation === one.reservation_id || call.reservation === one.leg_id;
  return store.all<Work>("work:").filter((other) => other.state !== "wrap-up").length === 1;
}

export function phone(): PhoneView | null {
  const own = made;
  if (!own) return null;
  return { state: own.state, sessionFor: (one) => (own.call && belongs(own.call, one) ? own.call : null) };
}

const usesBrowser = (): boolean => me()?.device.kind === "browser" && !me()?.device.simulated;

/** Whether the server picks up when it is told: a leg that stays up, or a phone that is only simulated. */
const answersByCommand = (): boolean => me()?.device.mode === "nailed" || me()?.device.simulated === true;

/** A session may come before or after its slot: an answer wished for early is given when it comes. */
function rings(call: Call): boolean {
  if (me()?.device.mode === "auto") return true;
  const one = wanted ? works().find((other) => other.reservation_id === wanted) : undefined;
  return one !== undefined && belongs(call, one);
}

function testHook(): void {
  const html = document.documentElement;
  if (!made) {
    delete html.dataset["phone"];
    return;
  }
  html.dataset["phone"] = made.call ? (made.call.up ? "talking" : "ringing") : made.state === "registered" ? "registered" : "unregistered";
}

let left = false;

/** This page is not the agent's desk any more: its phone leaves too, else it would take the other page's calls. */
export function leavePhone(leave: boolean): void {
  if (left === leave) return;
  left = leave;
  changed();
}

function changed(): void {
  if (left && made && !made.call) {
    made.stop();
    made = null;
  }
  testHook();
  repaint();
}

const RETRY_AFTER = 5000;
let retry = 0;

/** Start the browser phone once the slots say that this agent has one. Every painting asks; a failure waits its time. */
export async function startPhone(paint: () => void): Promise<void> {
  repaint = paint;
  if (made || starting || retry || left || !usesBrowser()) return;
  starting = true;
  try {
    const [{ Phone: Made }, config] = await Promise.all([import("../phone"), api.get<PhoneConfig>("/api/v1/phone")]);
    made = new Made(config, byId<HTMLAudioElement>("remote-audio"), { changed, rings });
    startFailed = null;
    made.start();
  } catch (error) {
    startFailed = errorText(error);
    retry = window.setTimeout(startAgain, RETRY_AFTER);
  } finally {
    starting = false;
    changed();
  }
}

function startAgain(): void {
  clearTimeout(retry);
  retry = 0;
  void startPhone(repaint);
}

/** What the phone's sign says; null for an agent without any device. */
export function phoneSign(): { ok: boolean; waiting: boolean; text: string } | null {
  const device = me()?.device;
  if (!device) return null;
  if (device.simulated) return { ok: device.usable, waiting: false, text: t("Simulated phone") };
  if (device.kind === "desk") {
    return { ok: device.usable, waiting: false, text: device.usable ? t("Phone ready") : t("Phone not reachable") };
  }
  if (startFailed || made?.state === "unregistered") return { ok: false, waiting: false, text: t("Phone lost") };
  if (left && !made) return { ok: false, waiting: true, text: t("Phone in the other window") };
  if (made?.state === "no-microphone") return { ok: false, waiting: false, text: t("No microphone") };
  if (made?.state !== "registered") return { ok: false, waiting: true, text: t("Phone connects") };
  return { ok: true, waiting: false, text: made.call?.up ? t("On the phone") : t("Phone ready") };
}

function connectAgain(): void {
  if (made) made.connectAgain();
  else startAgain();
}

export function paintPhoneBars(): void {
  const device = me()?.device;
  const lost = usesBrowser() && (made?.state === "unregistered" || startFailed !== null);
  bars.when(lost, "phone", () => ({
    level: "breach", icon: "plug-connected-x", title: t("Phone lost."),
    text: startFailed ?? (made?.call ? t("The call may still be up; no new calls come.") : t("No calls come until it is connected.")),
    action: { label: t("Connect again"), act: connectAgain },
  }));
  bars.when(made?.state === "no-microphone", "microphone", () => ({
    level: "breach", icon: "microphone-off", title: t("The microphone is not allowed or not there."),
    text: t("Allow it in the browser’s address bar, then reload this page."), action: { label: t("Reload"), act: () => location.reload() },
  }));
  bars.when(device?.simulated === true, "simulated", () => ({
    level: "soon", icon: "alert-triangle", title: t("The phone system is simulated."),
    text: t("Answer and hang up on this page; there is no sound."),
  }));
  const unreachable = device?.kind === "desk" && !device.usable;
  bars.when(unreachable, "device", () => ({
    level: "breach", icon: "plug-connected-x", title: t("Your desk phone is not reachable."),
    text: t("Check its cable and its power. Calls come again as soon as it is back."),
  }));
}

export function answer(id = alerting()?.interaction_id): void {
  const one = id ? work(id) : null;
  if (!one || one.state !== "alerting") return;
  if (answersByCommand()) return void act("accept", { interaction_id: one.interaction_id });
  if (!usesBrowser()) return;
  const call = phone()?.sessionFor(one);
  wanted = one.reservation_id ?? "";
  if (call) void call.answer().catch(() => undefined);
}

export function reject(id = alerting()?.interaction_id): void {
  const one = id ? work(id) : null;
  if (!one || one.state !== "alerting") return;
  if (isLive()) return void act("reject", { interaction_id: one.interaction_id });
  phone()?.sessionFor(one)?.hangUp();
}

export function hangUp(id = current()?.interaction_id): void {
  const one = id ? work(id) : null;
  if (!one || one.state !== "talking") return;
  const call = phone()?.sessionFor(one);
  if (call) call.hangUp();
  else void act("hang-up", { interaction_id: one.interaction_id });
}

const DOUBLE_PRESS = 500;
const TURN = 2000;

let turning = { id: "", from: "" as string | null, at: -Infinity };

/** Whether a hold, or its end, was asked for and is not told yet; the server says within milliseconds, or never. */
export function isTurning(one: Work): boolean {
  const age = performance.now() - turning.at;
  return turning.id === one.interaction_id && (age < DOUBLE_PRESS || (age < TURN && turning.from === one.held_since));
}

/** Put the caller on hold, or talk to him again; pressed again while that is under way, nothing. */
export async function toggleHold(id = current()?.interaction_id): Promise<void> {
  const one = id ? work(id) : null;
  if (!one || one.state !== "talking" || isCalling(one) || isTurning(one)) return;
  turning = { id: one.interaction_id, from: one.held_since, at: performance.now() };
  setTimeout(() => repaint(), DOUBLE_PRESS);
  setTimeout(() => repaint(), TURN);
  repaint();
  const done = await act(one.held_since ? "retrieve" : "hold", { interaction_id: one.interaction_id });
  if (done === null) turning.at = -Infinity;
  repaint();
}

export function mute(): void {
  made?.call?.toggleMute();
}
