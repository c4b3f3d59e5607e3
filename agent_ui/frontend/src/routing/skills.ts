/** Skills: what they are called, and where they are used; one form adds and renames. */

import { api } from "../core/api";
import { h, icon } from "../core/dom";
import { t } from "../core/texts";
import { failed } from "../pages/tickets";
import { textField } from "./controls";
import { form, section } from "./form";
import type { Agent, Queue, Skill } from "./kinds";
import { skillsOf } from "./members";
import { listPage, table } from "./page";
import { loadAgents, may } from "./world";

interface Found { skills: Skill[]; queues: Queue[]; agents: Agent[] }

async function load(signal: AbortSignal): Promise<Found> {
  const [skills, queues, agents] = await Promise.all([api.get<Skill[]>("/api/v1/skills", signal), api.get<Queue[]>("/api/v1/queues", signal), loadAgents(signal)]);
  return { skills: skills.sort((a, b) => a.label.localeCompare(b.label)), queues, agents };
}

function editor(skill: Skill | null, done: () => void): HTMLElement {
  const fields = [
    textField({ name: "label", label: t("Label"), hint: t("What screens show.") }),
    textField({ name: "name", label: t("Code"), hint: t("What flows and imports name: small letters, digits, hyphens.") }, { most: 60 }),
  ];
  const made = form({
    fields, values: skill ? { ...skill } : { label: "", name: "" }, mayWrite: true, isNew: skill === null,
    sections: [section(skill ? t("Rename {name}", { name: skill.label }) : t("New skill"), "", ...fields)],
    reload: async () => ({ ...(await api.get<Skill[]>("/api/v1/skills")).find((one) => one.id === skill?.id) }),
    save: async (_changes, version) => {
      const body = Object.fromEntries(fields.map((field) => [field.name, field.read()]));
      const saved = skill ? await api.put<Skill>(`/api/v1/skills/${encodeURIComponent(skill.id)}`, body, version) : await api.post<Skill>("/api/v1/skills", body);
      queueMicrotask(done);
      return { ...saved };
    },
  });
  return made.element;
}

function row(one: Skill, found: Found, rename: () => void): HTMLElement {
  const queues = found.queues.filter((queue) => skillsOf(queue).has(one.id)).length;
  const agents = found.agents.filter((agent) => one.id in agent.effective.skills).length;
  const button = h("button", { type: "button", class: "btn sm", "aria-label": t("Rename {name}", { name: one.label }), onclick: rename }, icon("pencil", "s"), h("span", { class: "hide-s" }, t("Rename")));
  return h("tr", { "data-testid": "skill-row" }, h("td", { class: "ell b" }, one.label), h("td", { class: "ell hide-s mut" }, one.name), h("td", { class: "num n" }, queues), h("td", { class: "num n" }, agents), may("agents:write") ? h("td", { class: "n" }, button) : null);
}

export async function mountSkills(root: HTMLElement, signal: AbortSignal): Promise<void> {
  try {
    const found = await load(signal);
    const again = (): void => void mountSkills(root, signal);
    const side = h("div", { class: "rt-side" });
    const open = (skill: Skill | null): void => {
      side.replaceChildren(editor(skill, again));
      if (skill) side.querySelector("input")?.focus();
    };
    const head: [string, string][] = [[t("Label"), ""], [t("Code"), "hide-s"], [t("Queues"), "n c-n"], [t("Agents"), "n c-n"], ...(may("agents:write") ? [[t("Change"), "n c-do"] as [string, string]] : [])];
    const rows = found.skills.map((one) => row(one, found, () => open(one)));
    if (may("agents:write")) open(null);
    listPage(root, "skills", t("Skills"), [], h("div", { class: "rt-g" }, table(t("Skills"), head, rows, t("No skill yet.")), side));
  } catch (error) {
    failed(root, error, "/skills", t("Skills"));
  }
}
