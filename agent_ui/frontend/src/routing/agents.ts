/** What agents get: the list, and one agent's profile, own settings, and what holds. */

import { api, query } from "../core/api";
import { h, icon, region } from "../core/dom";
import { t } from "../core/texts";
import { list } from "../pages/list";
import { failed } from "../pages/tickets";
import { selectField, selectOf, type Field } from "./controls";
import { form, section } from "./form";
import { history, numbersText, type History, type Told } from "./history";
import type { Agent, Item, Levels, Values } from "./kinds";
import { listPage, thingPage } from "./page";
import { capacity, levels, optionalField, pickedField, services } from "./picked";
import { capacityText } from "./profiles";
import { loadWorld, may, media, nameOf, type World } from "./world";

const levelsText = (own: Record<string, number>, world: World): string => Object.entries(own).map(([id, level]) => `${nameOf(world.skills, id)} ${level}`).join(", ");

function row(one: Agent, world: World): HTMLElement {
  return h("tr", { "data-testid": "agent-row" },
    h("td", null, h("span", { class: "fx" }, h("span", { class: "av", "aria-hidden": "true" }, one.initials), h("a", { href: `/agents/${encodeURIComponent(one.id)}`, class: "ell" }, one.name), one.is_active ? null : h("span", { class: "tag" }, t("not in use")))),
    h("td", { class: "num hide-s" }, one.extension), h("td", { class: "ell hide-s" }, one.team || "–"), h("td", { class: "ell" }, one.profile_id ? nameOf(world.profiles, one.profile_id) : "–"),
    h("td", { class: "ell hide-s" }, levelsText(one.effective.skills, world) || "–"), h("td", { class: "ell hide-s" }, capacityText(one.effective.capacity)));
}

export async function mountAgents(root: HTMLElement, signal: AbortSignal): Promise<void> {
  try {
    const world = await loadWorld(signal);
    const asked = new URLSearchParams(location.search);
    const q = h("input", { class: "in", type: "search", autocomplete: "off", "aria-label": t("Search agents"), placeholder: t("Name, extension or team"), "data-testid": "agents-q" });
    const narrow: [string, HTMLSelectElement][] = [
      ["team_id", selectOf([["", t("All teams")], ...world.teams], t("Team"))],
      ["skill_id", selectOf([["", t("All skills")], ...world.skills], t("Skill"))],
      ["profile_id", selectOf([["", t("All profiles")], ...world.profiles], t("Profile"))],
    ];
    q.value = asked.get("q") ?? "";
    for (const [name, select] of narrow) {
      select.dataset["testid"] = `agents-${name}`;
      select.value = asked.get(name) ?? "";
      if (select.selectedIndex < 0) select.value = "";
    }
    const filters = (): Record<string, string> => ({ q: q.value.trim(), ...Object.fromEntries(narrow.map(([name, select]) => [name, select.value])) });
    const agents = list<Agent>({
      path: "/api/v1/agents", limit: 50, filters, row: (one) => row(one, world), caption: t("Agents"), none: t("No agent in your reach matches."),
      head: [[t("Name"), ""], [t("Phone extension"), "c-who-n hide-s"], [t("Team"), "c-state hide-s"], [t("Profile"), ""], [t("Skills"), "hide-s"], [t("At once"), "hide-s"]],
    });
    const changed = (): void => {
      window.history.replaceState(null, "", `${location.pathname}${query(filters())}`); // the way back leads here again
      agents.reload();
    };
    q.addEventListener("input", changed);
    for (const [, select] of narrow) select.addEventListener("change", changed);
    signal.addEventListener("abort", agents.leave);
    listPage(root, "agents", t("Agents"), [], h("section", { class: "pan" }, h("div", { class: "tools wrap" }, q, ...narrow.map(([, select]) => select)), agents.element));
  } catch (error) {
    failed(root, error, "/agents", t("Agents"));
  }
}

function agentFields(world: World): Field[] {
  const none: Item = ["", "–"];
  return [
    selectField({ name: "profile_id", label: t("Profile"), hint: t("What holds where nothing is set here.") }, [none, ...world.profiles]),
    selectField({ name: "team_id", label: t("Team"), hint: t("Queues can ask for teams; its supervisors reach this agent.") }, [none, ...world.teams]),
    pickedField({ name: "skills", label: t("Own levels"), hint: t("A level set here wins over the profile’s.") }, levels(world.skills)),
    optionalField({ name: "queues", label: t("Queues"), hint: t("A lower order gets work first; with a delay only what has waited so long.") }, t("Own queues instead of the profile’s"), services(world.queues)),
    optionalField({ name: "capacity", label: t("At once"), hint: t("How many of a medium fill an agent alone; a medium left out is never given.") }, t("Own numbers instead of the profile’s"), capacity(media())),
  ];
}

function queuesText(agent: Agent, world: World): string {
  const { queues } = agent.effective;
  if (queues === null) return t("every queue whose skills are there");
  const words = Object.entries(queues).map(([id, one]) => {
    const more = [one.order ? t("order {n}", { n: one.order }) : "", one.delay ? t("after {n} s", { n: one.delay }) : ""].filter(Boolean).join(", ");
    return more ? `${nameOf(world.queues, id)} (${more})` : nameOf(world.queues, id);
  });
  return words.join("\n") || t("None: gets no work.");
}

function paintEffective(body: HTMLElement, agent: Agent, world: World): void {
  const rows: [string, string][] = [
    [t("Skills"), Object.entries(agent.effective.skills).map(([id, level]) => `${nameOf(world.skills, id)} ${level}`).join("\n") || t("None.")],
    [t("Queues"), queuesText(agent, world)],
    [t("At once"), capacityText(agent.effective.capacity)],
  ];
  region(body, rows, () => rows.flatMap(([name, value]) => [h("dt", null, name), h("dd", { class: "pre" }, value)]));
}

/** What others change of an agent and no field here shows. */
const beside = (): [string, string][] => [["name", t("Name")], ["extension", t("Phone extension")], ["is_active", t("In use")], ["kind", t("Phone")], ["mode", t("Phone")], ["contact_uri", t("Phone")], ["server_id", t("Phone")]];

const warning = (n: number): string => t("Team, profile, levels, queues and numbers will be as they were after version {n}; name and phone stay. That is a new version.", { n });

/** What changed of an agent, with the names of what ids stand for. */
function told(world: World): Told {
  const named = (items: Item[], before: unknown, after: unknown): string => [before, after].map((id) => (id ? nameOf(items, String(id)) : "–")).join(" → ");
  return (name, before, after) => {
    if (name === "profile_id") return named(world.profiles, before, after);
    if (name === "team_id") return named(world.teams, before, after);
    if (name === "skills") return numbersText(before as Levels, after as Levels, (id) => nameOf(world.skills, id));
    if (name === "capacity") return numbersText(before as Levels | null, after as Levels | null, (id) => nameOf(media(), id));
    return null;
  };
}

function build(root: HTMLElement, agent: Agent, world: World): void {
  const path = `/api/v1/agents/${encodeURIComponent(agent.id)}`;
  const fields = agentFields(world);
  const holds = h("dl", { class: "kv", "data-testid": "effective" });
  const holdNow = (values: Values): void => paintEffective(holds, values as unknown as Agent, world);
  const mayWrite = may("agents:write");
  let past: History | null = null;
  paintEffective(holds, agent, world);
  const made = form({
    fields, values: { ...agent }, mayWrite, isNew: false, sections: [section(t("Routing"), "", ...fields)],
    reload: () => api.get<Values>(path),
    reloaded: (present) => {
      holdNow(present);
      void past?.reload();
    },
    save: async (changes, version) => {
      const saved = await api.patch<Values>(path, changes, version);
      holdNow(saved);
      await past?.reload();
      return saved;
    },
  });
  if (mayWrite) past = history({ path, version: made.version, told: told(world), warning, labels: new Map([...fields.map((field): [string, string] => [field.name, field.label]), ...beside()]), restored: (restored) => {
    made.fill(restored);
    holdNow(restored);
  } });
  const side = h("section", { class: "pan" }, h("div", { class: "ph" }, icon("route", "s"), h("h2", null, t("What holds"))), h("div", { class: "pb d-grid gap-2" }, h("p", { class: "small mut" }, t("Own settings over the profile’s, as saved.")), holds));
  thingPage(root, ["/agents", t("Agents")], agent.name, [h("span", { class: "mut num" }, agent.extension)], made.element, [side, past?.element].filter((one): one is HTMLElement => one !== undefined), mayWrite);
}

export async function mountAgent(root: HTMLElement, id: string, signal: AbortSignal): Promise<void> {
  try {
    const [world, agent] = await Promise.all([loadWorld(signal), api.get<Agent>(`/api/v1/agents/${encodeURIComponent(id)}`, signal)]);
    build(root, agent, world);
  } catch (error) {
    failed(root, error, "/agents", t("Agents"));
  }
}
