/** While nothing is in hand: one's own last calls, read when work ends. */

import { api, query } from "../core/api";
import { now } from "../core/clock";
import { byId, h, icon, region, show } from "../core/dom";
import { when } from "../core/times";
import { t } from "../core/texts";
import { interactionText, talkTime, type Interaction } from "../pages/interactions";
import { me } from "./state";

let calls: Interaction[] = [];
let wasIdle = false;

async function read(): Promise<void> {
  try {
    const page = await api.get<{ items: Interaction[] }>(`/api/v1/interactions${query({ agent_id: me()?.agent_id, limit: 6 })}`);
    calls = page.items;
    paint(wasIdle);
  } catch {
    // Keeps what it has; the link sign tells when the server is away.
  }
}

function line(one: Interaction): HTMLElement {
  return h("li", null, h("time", { datetime: one.arrived_at }, when(one.arrived_at, now())),
    h("span", { class: "m" }, icon(one.direction === "callback" ? "phone-outgoing" : "phone")),
    h("div", null, h("p", { class: "ell" }, h("b", null, one.person || one.caller_name || one.caller || t("Unknown caller")), ` · ${interactionText(one)}`), h("small", { class: "num" }, talkTime(one))));
}

function paint(idle: boolean): void {
  const panel = byId("recent");
  show(panel, idle && calls.length > 0);
  region(panel, calls, () => [
    h("div", { class: "ph" }, h("h2", { id: "recent-h" }, t("Your last calls"))),
    h("div", { class: "pb" }, h("ol", { class: "tl one" }, ...calls.map(line))),
  ]);
}

export function paintRecent(idle: boolean): void {
  const began = idle && !wasIdle;
  wasIdle = idle && me() !== null;
  paint(wasIdle);
  if (began && wasIdle) void read();
}
