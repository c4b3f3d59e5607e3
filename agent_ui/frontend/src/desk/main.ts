/**
 * The agent's desk. One document that never reloads: slots come in by one socket, each part patches itself.
 * The path of a pop is popFirst(): a ringing call and its customer's card are in the DOM before the message handler
 * returns, so that the browser lays out and paints them together, once.
 */

import { tick } from "../core/clock";
import { byId, setText, show } from "../core/dom";
import { linkSign, paintSign } from "../core/linksign";
import { watchLinks } from "../core/places";
import { reloadWhenFree, startShell } from "../core/shell";
import { Link } from "../core/socket";
import { clockTime } from "../core/times";
import { t } from "../core/texts";
import { answer, hangUp, leavePhone, mute, paintPhoneBars, phoneSign, reject, startPhone, toggleHold } from "./calls";
import { buildCallbar, paintCallbar } from "./callbar";
import { paintCard } from "./card";
import { buildFacts, onFacts, paintHistory, paintIdle, paintTickets, paintWhy, toggleWhy } from "./facts";
import { buildHero, paintHero, paintHeroDetails } from "./hero";
import { keyList, startKeys } from "./keys";
import { buildNote, focusNote, paintNote } from "./note";
import { buildPresence, paintPresence } from "./presence";
import { paintRecent } from "./recent";
import { armRing, beatRing, ring } from "./ring";
import { act, alerting, bars, card, current, me, onSelect, setLink, settings, shown, store, works } from "./state";
import { showTab, startTabs } from "./tabs";
import { openTransfer, paintTransfer } from "./transfer";
import { buildTicket, paintTicket } from "./ticket";
import { showDesk, startViews } from "./view";
import { buildWrapUp, chooseByDigit, finishNext, paintWrapUp } from "./wrapup";
import { buildWorklist, paintWork, refreshTickets, walkWork } from "./worklist";

const TICKETS_EVERY = 60_000;
const html = document.documentElement;

let link: Link;
let scheduled = false;
let rang = "";

/** The rest of the painting comes right after what runs now, before the browser lays anything out; hidden tabs, too. */
function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  queueMicrotask(paint);
}

function popFirst(): void {
  const ringing = alerting();
  paintHero(ringing, me());
  paintHeroDetails(ringing, ringing ? card(ringing.interaction_id) : null);
  const id = ringing?.interaction_id ?? "";
  if (id && id !== rang) {
    showDesk();
    showTab("current");
  }
  rang = id;
  if (ringing) paintCard(ringing);
}

function paintStage(): void {
  const one = current();
  const top = shown();
  const forms = one !== null && one.state !== "alerting" ? one : null;
  show(byId("forms"), forms !== null);
  byId("forms").dataset["state"] = forms?.state ?? "";
  paintCallbar(forms);
  paintTransfer();
  paintNote(forms);
  paintTicket(forms);
  paintWrapUp(forms);
  const topCard = top ? card(top.interaction_id) : null;
  paintWhy(top);
  paintTickets(top, topCard);
  paintHistory(top, topCard);
  paintIdle(one);
  paintRecent(one === null);
  paintCard(top);
  setText(byId("stage-title"), top ? top.title : t("Desk"));
}

function paint(): void {
  scheduled = false;
  ring(alerting());
  paintPresence();
  paintStage();
  paintWork();
  paintNotices();
  paintSigns();
  void startPhone(schedule);
  reloadWhenFree();
}

function paintNotices(): void {
  const agent = me();
  bars.when(agent === null && settings() !== null, "nowhere", () => ({
    level: "soon", icon: "clock", title: t("Your place at the desk is not there yet."),
    text: t("The server that routes calls has not told of you. This page goes on by itself."),
  }));
  const isAway = agent?.link.reason === "router-away";
  bars.when(isAway, "router", () => ({
    level: "breach", icon: "plug-connected-x", title: t("The server that routes calls does not answer."),
    text: t("Calls that are up go on. This page goes on by itself as soon as it is back."),
  }));
  bars.when(agent?.link.pbx === "down" && !isAway, "pbx", () => ({
    level: "breach", icon: "plug-connected-x", title: t("The phone system does not answer."),
    text: t("Calls that are up go on. New calls come as soon as it is back."),
  }));
  const notice = agent?.presence.state === "not-ready" ? agent.notice : null;
  bars.when(notice !== null && notice !== undefined && notice.code in NOTICES, "notice", () => ({
    level: "soon", icon: "phone-x", title: t("You are not ready since {time}.", { time: clockTime(notice?.at ?? "") }),
    text: NOTICES[notice?.code ?? ""]?.() ?? "", action: { label: t("Ready again"), act: () => void act("set-presence", { state: "ready", reason: "" }) },
  }));
  paintPhoneBars();
}

const NOTICES: Record<string, () => string> = {
  "no-answer": () => t("A call rang here and was not answered; it went to the next agent."),
  "rejected": () => t("You rejected a call; it went to the next agent."),
  "busy": () => t("Your phone was busy; the call went to the next agent."),
  "phone": () => t("Your phone could not be reached; the call went to the next agent."),
  "pbx": () => t("The phone system was away."),
};

function paintSigns(): void {
  paintSign(byId("link-sign"), linkSign(link, false, me()?.link.reason === "router-away"));
  const phone = phoneSign();
  show(byId("phone-sign"), phone !== null);
  if (phone) paintSign(byId("phone-sign"), { level: phone.ok ? "ok" : phone.waiting ? "soon" : "breach", icon: phone.ok ? "headphones" : "plug-connected-x", text: phone.text });
}

function paintLink(): void {
  html.dataset["link"] = link.state;
  leavePhone(link.state === "replaced" || link.state === "signed-out");
  paintSigns();
  bars.when(link.state === "replaced", "replaced", () => ({
    level: "soon", icon: "device-laptop", title: t("This desk was opened elsewhere."), text: t("Calls come there now. What you typed here is kept."),
    action: { label: t("Use it here"), act: () => link.takeOver() },
  }));
  bars.when(link.state === "signed-out", "signed-out", () => ({
    level: "breach", icon: "logout", title: t("You are signed out."), text: t("What you typed is kept in this browser."),
    action: { label: t("Sign in again"), act: () => (location.href = "/login?next=/desk") },
  }));
  bars.when(link.state === "protocol", "protocol", () => ({
    level: "soon", icon: "refresh", title: t("The server has a newer version."), text: t("What you typed is kept in this browser."), action: { label: t("Reload"), act: () => location.reload() },
  }));
  const lost = (link.state === "lost" || link.state === "connecting") && link.heardOnce && link.age() > 2000;
  bars.when(lost, "link", () => ({
    level: "breach", icon: "plug-connected-x", title: t("The link to the server is down."),
    text: t("A call in progress goes on, what you type is kept. It connects again by itself."),
  }));
}

function build(): void {
  buildHero({ answer, reject });
  buildCallbar({ hangUp, hold: (id) => void toggleHold(id), transfer: openTransfer, mute, why: toggleWhy });
  buildNote();
  buildTicket();
  buildWrapUp();
  buildFacts();
  buildWorklist();
  const presence = buildPresence();
  startKeys({
    answer, reject, hangUp, hold: () => void toggleHold(), transfer: openTransfer, mute, presence: presence.open, finish: finishNext, note: focusNote, why: toggleWhy,
    walk: walkWork, digit: chooseByDigit,
  });
  onSelect(schedule);
  onFacts(schedule);
}

function beat(): void {
  link.beat();
  tick();
  beatRing(alerting());
}

function startLink(): void {
  link = new Link("desktop", html.dataset["socket"] ?? "/socket", store, {
    slots(changed) {
      if (changed.some((name) => name.startsWith("work:") || name.startsWith("card:"))) popFirst();
      schedule();
    },
    state: paintLink,
  });
  setLink(link);
  link.open();
  new Worker(html.dataset["worker"] ?? "").onmessage = beat;
}

startShell({ keys: keyList(), mayReload: () => works().length === 0 });
build();
watchLinks();
startViews();
startTabs(showDesk);
armRing();
startLink();
void refreshTickets();
setInterval(() => void refreshTickets(), TICKETS_EVERY);
addEventListener("beforeunload", (event) => {
  if (works().some((one) => one.state === "talking")) event.preventDefault();
});
