/** Presence: the pill with its timer, its menu of reasons, the capacity and the phone's state. */

import { since, stop } from "../core/clock";
import { byId, h, icon, region, setIcon, setText } from "../core/dom";
import type { IconName } from "../core/icons";
import { menu, type Menu } from "../core/menu";
import type { Me, Work } from "../core/model";
import { t } from "../core/texts";
import { act, alerting, me, reasonText, settings, works } from "./state";

interface Pill { look: string; icon: IconName; word: string; since: string | null; why: string }

const ICONS: Record<string, IconName> = {
  "break": "coffee", "lunch": "tools-kitchen-2", "training": "school", "no-answer": "phone-x", "rejected": "phone-x",
  "phone": "plug-connected-x", "busy": "phone-x", "meeting": "users", "after-call": "pencil", "pbx": "plug-connected-x",
};

export const reasonIcon = (code: string): IconName => ICONS[code] ?? "hourglass";

const SHOWN: Record<Work["state"], { look: string; icon: IconName; word: () => string; since: (one: Work) => string | null }> = {
  "alerting": { look: "alert-s", icon: "bell-ringing", word: () => t("Alerting"), since: (one) => one.alerted_at },
  "talking": { look: "talking", icon: "phone", word: () => t("Talking"), since: (one) => one.answered_at },
  "wrap-up": { look: "wrap", icon: "pencil", word: () => t("Wrap-up"), since: (one) => one.ended_at },
};

const HELD = { look: "hold", icon: "player-pause", word: () => t("On hold"), since: (one: Work) => one.held_since } as const;

function busy(one: Work, agent: Me): Pill {
  const looks = one.state === "talking" && one.held_since ? HELD : SHOWN[one.state];
  const later = agent.presence.state === "not-ready" ? t("then {reason}", { reason: reasonText(agent.presence.reason) || t("not ready") }) : "";
  return { look: looks.look, icon: looks.icon, word: looks.word(), since: looks.since(one) ?? agent.work.since, why: later || one.queue.name };
}

function free(agent: Me): Pill {
  const { state, reason, since: at } = agent.presence;
  if (state === "ready") return { look: "ready", icon: "check", word: t("Ready"), since: at, why: "" };
  if (state === "offline") return { look: "off", icon: "plug-connected-x", word: t("Offline"), since: at, why: "" };
  return { look: "away", icon: reasonIcon(reason), word: t("Not ready"), since: at, why: reasonText(reason) };
}

function pill(agent: Me): Pill {
  const rank = (one: Work): number => ["alerting", "talking", "wrap-up"].indexOf(one.state);
  const first = alerting() ?? works().sort((a, b) => rank(a) - rank(b))[0];
  return first ? busy(first, agent) : free(agent);
}

let running = "";
const clock = byId("presence-clock");

export function paintPresence(): void {
  const agent = me();
  if (!agent) return;
  const look = pill(agent);
  byId("presence").className = `presence st ${look.look}`;
  setIcon(byId("presence-glyph"), look.icon);
  setText(byId("presence-word"), look.word);
  setText(byId("presence-why"), look.why);
  const from = look.since ?? "";
  if (running !== from) {
    stop(clock);
    running = from;
    setText(clock, "");
    if (from) since(clock, from);
  }
  const voice = agent.capacity.voice;
  region(byId("capacity"), voice, () => [h("span", { title: t("Calls in hand of those you can take") }, icon("phone", "s"), `${voice.used}/${voice.max}`)]);
}

let list: Menu;

function item(look: string, glyph: IconName, text: string, checked: boolean, data: Record<string, unknown>, testid: string): HTMLElement {
  const made = h("button", { type: "button", class: `mi st ${look}`, role: "menuitemradio", "aria-checked": String(checked), "data-testid": testid },
    h("span", { class: "glyph" }, icon(glyph)), h("span", { class: "grow" }, text), checked && icon("check"));
  made.addEventListener("click", () => {
    list.close();
    void act("set-presence", data);
  });
  return made;
}

function fill(): void {
  const now = me()?.presence;
  const reasons = (settings()?.reasons ?? []).map((one) =>
    item("away", reasonIcon(one.code), t(one.label), now?.state === "not-ready" && now.reason === one.code, { state: "not-ready", reason: one.code }, `presence-${one.code}`));
  byId("presence-menu").replaceChildren(
    item("ready", "check", t("Ready"), now?.state === "ready", { state: "ready" }, "presence-ready"),
    h("p", { class: "sec-h", "aria-hidden": "true" }, t("Not ready because of")),
    ...reasons,
    h("hr", { "aria-hidden": "true" }),
    item("off", "plug-connected-x", t("Offline: take no calls today"), now?.state === "offline", { state: "offline" }, "presence-offline"));
}

export function buildPresence(): Menu {
  list = menu(byId("presence"), byId("presence-menu"), fill);
  return list;
}
