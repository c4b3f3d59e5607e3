/** Whom the rules of a queue match, step by step, as the form stands: asked a moment after each change. */

import { api } from "../core/api";
import { fuse, fuseShare, h, icon, region, show } from "../core/dom";
import { t, tn } from "../core/texts";
import { timer } from "../core/times";
import { selectOf } from "./controls";
import type { Levels, Values } from "./kinds";
import { media, nameOf, teamName, type World } from "./world";

interface Passed { reason: string; name: string; level: number; agents: number }

export interface StepPreview {
  after: number;
  requirement: { skills: Levels; any_of: Levels[]; teams: string[] };
  matching: number;
  agents: { id: string; name: string }[];
  passed: Passed[];
}

const DELAY = 400;
const NAMES = 6;

const PASSED: Record<string, (one: Passed, world: World) => string> = {
  "skill": (one, world) => one.name
    ? tn("{n} lacks {skill} {level} or better", "{n} lack {skill} {level} or better", one.agents, { skill: nameOf(world.skills, one.name), level: one.level })
    : tn("{n} lacks a skill", "{n} lack a skill", one.agents),
  "team": (one) => tn("{n} is of another team", "{n} are of other teams", one.agents),
  "queue": (one) => tn("{n} does not serve this queue", "{n} do not serve this queue", one.agents),
  "medium": (one) => tn("{n} takes none of this medium", "{n} take none of this medium", one.agents),
  "delay": (one) => tn("{n} gets it only later", "{n} get it only later", one.agents),
};

export function passedWords(one: Passed, world: World): string {
  return PASSED[one.reason]?.(one, world) ?? tn("{n} could not take it ({reason})", "{n} could not take it ({reason})", one.agents, { reason: one.reason });
}

export function needWords(need: StepPreview["requirement"], world: World): string {
  const level = ([skill, least]: [string, number]): string => `${nameOf(world.skills, skill)} ${least}`;
  const parts = [
    ...Object.entries(need.skills).map(level),
    ...need.any_of.map((group) => Object.entries(group).map(level).join(` ${t("or")} `)),
    ...(need.teams.length ? [need.teams.map((team) => teamName(world, team)).join(` ${t("or")} `)] : []),
  ];
  return parts.join(", ") || t("nothing");
}

function step(one: StepPreview, world: World): HTMLElement {
  const total = one.matching + one.passed.reduce((sum, each) => sum + each.agents, 0);
  const bar = fuse(`h6 ${one.matching ? "acc" : "breach"}`);
  fuseShare(bar, total ? one.matching / total : 0);
  const names = one.agents.slice(0, NAMES).map((agent) => agent.name).join(", ");
  const more = one.matching - Math.min(NAMES, one.agents.length);
  return h("li", { class: "pv", "data-testid": "preview-step" },
    h("div", { class: "fx" }, h("b", { class: "grow" }, one.after ? t("After {time}", { time: timer(one.after) }) : t("As it enters")), h("span", { class: one.matching ? "num b" : "num b k-bad" }, t("{n} of {all}", { n: one.matching, all: total }))),
    bar,
    h("p", { class: "small ink2" }, t("Needs {needs}", { needs: needWords(one.requirement, world) })),
    one.matching ? h("p", { class: "row13" }, names, more > 0 ? ` ${t("and {n} more", { n: more })}` : "") : h("p", { class: "row13 k-bad" }, t("Nobody could take it.")),
    ...one.passed.slice(0, 4).map((each) => h("p", { class: "small mut" }, passedWords(each, world))));
}

export interface Preview { element: HTMLElement; ask(): void }

/** ``fault`` says a refusal at the fields and returns its sentence; ``clear`` takes what was said away. */
export interface PreviewOptions { world: World; values(): Values; fault(error: unknown): string; clear(): void }

export function preview(options: PreviewOptions): Preview {
  const steps = h("ol", { class: "pvs", "data-testid": "preview" });
  const note = h("p", { class: "bar soon", hidden: true });
  const status = h("p", { class: "sr", role: "status" });
  const medium = selectOf(media(), t("Medium"));
  let timer_ = 0;
  let asked = 0;

  const load = async (): Promise<void> => {
    const mine = ++asked;
    try {
      const found = await api.post<StepPreview[]>("/api/v1/queues/preview", { ...options.values(), medium: medium.value });
      if (mine !== asked) return;
      region(steps, found, () => found.map((one) => step(one, options.world)));
      show(note, false);
      options.clear();
      status.textContent = tn("{n} agent matches as it enters.", "{n} agents match as it enters.", found[0]?.matching ?? 0);
    } catch (error) {
      if (mine !== asked) return;
      note.replaceChildren(icon("alert-triangle", "s"), h("span", null, options.fault(error)));
      show(note, true);
    }
  };
  const ask = (): void => {
    clearTimeout(timer_);
    timer_ = window.setTimeout(() => void load(), DELAY);
  };
  medium.addEventListener("change", () => void load());
  void load();
  const hint = t("Of the agents you see: whom the rules match, as the form stands. Who is signed in or busy plays no part.");
  const element = h("section", { class: "pan", id: "preview", "aria-labelledby": "preview-h" }, h("div", { class: "ph" }, icon("users", "s"), h("h2", { id: "preview-h", class: "grow" }, t("Who could take it")), h("span", { class: "pv-m" }, medium)),
    h("div", { class: "pb d-grid gap-2" }, h("p", { class: "small mut" }, hint), note, steps, status));
  return { element, ask };
}
