/** The supervisor's live page: totals, queues, agents, who waits and why. Read only but for the why. */

import { Bars } from "../core/bars";
import { now, tick } from "../core/clock";
import { byId, h, icon, inField, setAttr, setText, show } from "../core/dom";
import { linkSign, paintSign } from "../core/linksign";
import type { AgentTile, Checks, QueueRow, Totals, WaitingRow } from "../core/model";
import { watchLinks } from "../core/places";
import { startShell } from "../core/shell";
import { SlotStore } from "../core/slots";
import { Link } from "../core/socket";
import { clockTime } from "../core/times";
import { t } from "../core/texts";
import { buildAgents, paintAgents } from "./agents";
import { paintChecks } from "./checks";
import { buildQueues, paintQueues } from "./queues";
import { paintTotals } from "./totals";
import { paintWaiting } from "./waiting";
import { closeWhy, isWhyOpen, openWhy, refreshWhy, startWhy } from "./why";

const html = document.documentElement;
const store = new SlotStore();
const bars = new Bars(byId("bars"));

let team = "";
let scheduled = false;

const queues = (): QueueRow[] => store.all<QueueRow>("queue:").sort((a, b) => b.priority - a.priority || a.name.localeCompare(b.name));
const waiting = (): WaitingRow[] => store.all<WaitingRow>("waiting:").sort((a, b) => Date.parse(a.since) - Date.parse(b.since));
const agents = (): AgentTile[] => store.all<AgentTile>("agent:");

function paintTeams(): void {
  const names = [...new Set(agents().map((one) => one.team).filter(Boolean))].sort();
  const holder = byId("teams");
  show(holder, names.length > 1);
  const wanted = ["", ...names];
  if (holder.dataset["names"] === wanted.join("|")) return;
  holder.dataset["names"] = wanted.join("|");
  holder.replaceChildren(...wanted.map((name) => {
    const button = h("button", { type: "button", "aria-pressed": String(name === team) }, name || t("All teams"));
    button.addEventListener("click", () => {
      team = name;
      for (const one of holder.children) setAttr(one, "aria-pressed", String(one === button));
      paint();
    });
    return button;
  }));
}

const DEGRADED: Record<string, () => string> = {
  "pbx-link-down": () => t("The phone system does not answer."),
  "pbx-connecting": () => t("The phone system is being connected."),
  "pbx-not-running": () => t("The phone system stopped; it is being started again."),
  "pbx-simulated": () => t("The phone system is simulated; there is no sound."),
  "trunk-down": () => t("Callers of one phone system cannot be connected with agents of another: the trunk between them does not answer."),
  "flow-invalid": () => t("A call flow has an error; its last good version stays in force."),
  "certificate-not-valid": () => t("The certificate of these pages is not valid today: browsers warn of it."),
  "certificate-ends": () => t("The certificate of these pages ends soon, or its renewed files cannot be used."),
  "router-away": () => t("The server that leads the calls does not answer; what is shown here stands still."),
  "bus-away": () => t("The servers of the site do not hear each other; pages of the others stand still."),
  "store-refuses": () => t("The database refuses to write; calls go on, nothing acknowledged is lost."),
};

function paintBars(totals: Totals): void {
  const down = totals.pbx.filter((one) => !one.up);
  bars.when(down.length > 0, "pbx", () => ({
    level: "breach", icon: "plug-connected-x",
    title: t("Phone system {name} does not answer since {time}.", { name: down.map((one) => one.server_id).join(", "), time: clockTime(down[0]?.since ?? "") }),
    text: t("Calls that are up go on; the figures of its calls stand still."),
  }));
  const rest = totals.degraded.filter((one) => !(one.code.startsWith("pbx") && down.length));
  bars.when(rest.length > 0, "degraded", () => ({
    level: "soon", icon: "alert-triangle", title: t("Something is not as it should be."),
    text: rest.map((one) => DEGRADED[one.code]?.() ?? t(one.code)).join(" "),
  }));
}

function paint(): void {
  scheduled = false;
  const totals = store.get<Totals>("totals");
  if (totals) {
    paintTotals(byId("totals"), totals, queues());
    paintBars(totals);
  }
  const shown = waiting();
  paintQueues(queues(), (queue) => {
    const first = shown.find((one) => one.queue.id === queue);
    if (first) void openWhy(first.interaction_id);
  });
  paintWaiting(shown, (id) => void openWhy(id));
  paintChecks(store.get<Checks>("checks"));
  paintTeams();
  paintAgents(agents(), team);
  refreshWhy();
}

const channel = new MessageChannel();
channel.port1.onmessage = paint;

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  channel.port2.postMessage(0);
}

const link = new Link("live", html.dataset["socket"] ?? "/socket", store, { slots: schedule, state: paintLink });

function paintLink(): void {
  html.dataset["link"] = link.state;
  paintSign(byId("link-sign"), linkSign(link, true));
  setText(byId("wall-clock"), clockTime(now(), true));
  bars.when(link.state === "replaced", "replaced", () => ({
    level: "soon", icon: "device-laptop", title: t("This page was opened elsewhere."), text: t("The figures here stand still."), action: { label: t("Use it here"), act: () => link.takeOver() },
  }));
  bars.when(link.state === "signed-out", "signed-out", () => ({
    level: "breach", icon: "logout", title: t("You are signed out."), text: t("The figures here stand still."), action: { label: t("Sign in again"), act: () => (location.href = "/login?next=/live") },
  }));
}

function setBig(on: boolean): void {
  html.toggleAttribute("data-big", on);
  byId("big").setAttribute("aria-pressed", String(on));
  byId("big").replaceChildren(icon(on ? "x" : "maximize"), on ? t("Leave big screen") : t("Big screen"));
  if (on) void html.requestFullscreen?.().catch(() => undefined);
  else if (document.fullscreenElement) void document.exitFullscreen();
}

function startBig(): void {
  byId("big").addEventListener("click", () => setBig(!html.hasAttribute("data-big")));
  document.addEventListener("fullscreenchange", () => {
    if (!document.fullscreenElement && html.hasAttribute("data-big")) setBig(false);
  });
}

function startKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isWhyOpen()) closeWhy();
    if (event.code === "KeyB" && !inField(event.target) && !event.ctrlKey && !event.altKey && !event.metaKey) byId("big").click();
  });
}

startShell({ keys: [["B", t("Big screen")]], mayReload: () => true });
watchLinks();
buildQueues(byId("queues"));
buildAgents();
startWhy(link, waiting, schedule);
startBig();
startKeys();
link.open();
new Worker(html.dataset["worker"] ?? "").onmessage = () => {
  link.beat();
  tick();
};
