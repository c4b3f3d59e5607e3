/** Tiles of agents, by state, and the legend that counts them. */

import { since, stop } from "../core/clock";
import { byId, h, icon, keyed, region, setAttr, setIcon, setText, show, type Row } from "../core/dom";
import type { IconName } from "../core/icons";
import type { AgentTile } from "../core/model";
import { number, t, tn } from "../core/texts";

type State = AgentTile["state"];

interface Look { look: string; icon: IconName; word: () => string; count: (n: number) => string }

const LOOKS: Record<State, Look> = {
  talking: { look: "talking", icon: "phone", word: () => t("Talking"), count: (n) => tn("{n} talking", "{n} talking", n) },
  hold: { look: "hold", icon: "player-pause", word: () => t("On hold"), count: (n) => tn("{n} on hold", "{n} on hold", n) },
  wrap: { look: "wrap", icon: "pencil", word: () => t("Wrap-up"), count: (n) => tn("{n} in wrap-up", "{n} in wrap-up", n) },
  alert: { look: "alert-s", icon: "bell-ringing", word: () => t("Ringing"), count: (n) => tn("{n} ringing", "{n} ringing", n) },
  ready: { look: "ready", icon: "check", word: () => t("Ready"), count: (n) => tn("{n} ready", "{n} ready", n) },
  away: { look: "away", icon: "coffee", word: () => t("Not ready"), count: (n) => tn("{n} not ready", "{n} not ready", n) },
  off: { look: "off", icon: "plug-connected-x", word: () => t("Offline"), count: (n) => tn("{n} offline", "{n} offline", n) },
};
const ORDER: State[] = ["talking", "hold", "wrap", "alert", "ready", "away", "off"];

const REASONS: Record<string, () => string> = {
  "no-answer": () => t("Not answered"),
  "rejected": () => t("Rejected a call"),
  "phone": () => t("Phone not reachable"),
  "after-call": () => t("After the call"),
  "pbx": () => t("Phone system down"),
  "break": () => t("Break"),
  "lunch": () => t("Lunch"),
  "training": () => t("Training"),
  "meeting": () => t("Meeting"),
  "busy": () => t("Phone busy"),
};

function words(one: AgentTile): string {
  if (["away", "off"].includes(one.state) && one.reason) return REASONS[one.reason]?.() ?? t(one.reason);
  return one.queue && one.state === "talking" ? one.queue : LOOKS[one.state].word();
}

function tile(): Row<AgentTile> {
  const glyph = h("span", { class: "glyph" });
  const name = h("p", { class: "nm ell" });
  const state = h("span", { class: "sr" });
  const word = h("span", { class: "ell" });
  const clock = h("span", { class: "clock" });
  const element = h("li", { "data-testid": "agent" }, glyph, h("div", { class: "grow" }, name, h("p", { class: "su" }, state, word, clock)));
  let running = "";
  return {
    element,
    set(one) {
      const look = LOOKS[one.state];
      element.className = `ag st ${look.look}`;
      setAttr(element, "data-agent", one.agent_id);
      setAttr(element, "data-state", one.state);
      setIcon(glyph, look.icon);
      setText(name, one.name);
      setText(state, words(one) === look.word() ? "" : `${look.word()}, `);
      setText(word, words(one));
      setAttr(element, "title", [one.name, look.word(), words(one) === look.word() ? one.queue : words(one)].filter(Boolean).join(" · "));
      const from = one.since ?? "";
      if (running === from) return;
      running = from;
      stop(clock);
      setText(clock, "");
      if (from) since(clock, from);
    },
  };
}

export function buildAgents(): void {
  byId("agents").setAttribute("aria-labelledby", "agents-h");
}

/** By state, then who has been in it longest: rows that need a look come first. */
function ordered(agents: AgentTile[]): AgentTile[] {
  return agents.sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || Date.parse(a.since ?? "9999") - Date.parse(b.since ?? "9999"));
}

export function paintAgents(all: AgentTile[], team: string): void {
  const agents = ordered(all.filter((one) => !team || one.team === team));
  const list = byId("agents");
  if (!list.matches(":hover")) keyed(list, agents, (one) => one.agent_id, tile);
  else keyed(list, keepPlaces(list, agents), (one) => one.agent_id, tile);
  show(byId("agents-none"), agents.length === 0);
  setText(byId("agents-n"), agents.length ? number(agents.length) : "");
  const counts = ORDER.map((state) => [state, agents.filter((one) => one.state === state).length] as const).filter(([, n]) => n > 0);
  region(byId("legend"), counts, () => counts.map(([state, n]) => h("span", { class: `st ${LOOKS[state].look}` }, h("span", { class: "glyph" }, icon(LOOKS[state].icon)), LOOKS[state].count(n))));
}

/** Tiles do not move under the pointer: known ones keep their place, new ones come last. */
function keepPlaces(list: HTMLElement, agents: AgentTile[]): AgentTile[] {
  const places = new Map([...list.children].map((one, place) => [one.getAttribute("data-agent"), place]));
  return agents.sort((a, b) => (places.get(a.agent_id) ?? 1e6) - (places.get(b.agent_id) ?? 1e6));
}
