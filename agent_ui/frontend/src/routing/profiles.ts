/** Routing profiles: what many agents have in common; the list, and one of them. */

import { api } from "../core/api";
import { h, icon, show } from "../core/dom";
import { CodedError, errorText } from "../core/errors";
import { t, tn } from "../core/texts";
import { list } from "../pages/list";
import { failed } from "../pages/tickets";
import { confirmed } from "./confirm";
import { textField, type Field } from "./controls";
import { form, section } from "./form";
import { history, type History } from "./history";
import type { Agent, Profile, Values } from "./kinds";
import { listPage, table, retitle, thingPage } from "./page";
import { capacity, levels, optionalField, pickedField, services } from "./picked";
import { loadAgents, loadWorld, may, media, nameOf, type World } from "./world";

const NEW_PROFILE: Values = { name: "", skills: {}, queues: null, capacity: { voice: 1 } };

export function capacityText(own: Record<string, number>): string {
  return media().filter(([id]) => id in own).map(([id, label]) => `${label} ${own[id]}`).join(", ") || t("None.");
}

function row(one: Profile, agents: Agent[], world: World): HTMLElement {
  const skills = Object.entries(one.skills).map(([id, level]) => `${nameOf(world.skills, id)} ${level}`).join(", ");
  const queues = one.queues === null ? t("all by skill") : Object.keys(one.queues).map((id) => nameOf(world.queues, id)).join(", ");
  return h("tr", { "data-testid": "profile-row" }, h("td", null, h("a", { href: `/profiles/${encodeURIComponent(one.id)}`, class: "ell" }, one.name)),
    h("td", { class: "ell hide-s" }, skills || "–"), h("td", { class: "ell" }, queues || "–"), h("td", { class: "ell hide-s" }, capacityText(one.capacity)),
    may("agents:read") ? h("td", { class: "num n" }, agents.filter((agent) => agent.profile_id === one.id).length) : null);
}

export async function mountProfiles(root: HTMLElement, signal: AbortSignal): Promise<void> {
  try {
    const [world, profiles, agents] = await Promise.all([loadWorld(signal), api.get<Profile[]>("/api/v1/routing-profiles", signal), may("agents:read") ? loadAgents(signal) : []]);
    const head: [string, string][] = [[t("Name"), ""], [t("Skills"), "hide-s"], [t("Queues"), ""], [t("At once"), "hide-s"], ...(may("agents:read") ? [[t("Agents"), "n c-n"] as [string, string]] : [])];
    const add = may("queues:write") ? h("a", { class: "btn pri", href: "/profiles/new", "data-testid": "new-profile" }, icon("plus"), t("New profile")) : null;
    listPage(root, "profiles", t("Routing profiles"), [add], table(t("Routing profiles"), head, profiles.map((one) => row(one, agents, world)), t("No profile yet. Agents then have only their own settings.")));
  } catch (error) {
    failed(root, error, "/profiles", t("Routing profiles"));
  }
}

function profileFields(world: World): Field[] {
  return [
    textField({ name: "name", label: t("Name"), hint: t("How administrators call it.") }, { look: "wide" }),
    pickedField({ name: "skills", label: t("Skills"), hint: t("Levels of everybody with this profile; an agent’s own level wins.") }, levels(world.skills)),
    optionalField({ name: "queues", label: t("Queues"), hint: t("A lower order gets work first; with a delay only what has waited so long.") }, t("Only these queues (else every queue whose skills they have)"), services(world.queues)),
    pickedField({ name: "capacity", label: t("At once"), hint: t("How many of a medium fill an agent alone; a medium left out is never given.") }, capacity(media())),
  ];
}

function deletePanel(path: string, problem: HTMLElement): HTMLElement {
  const remove = async (): Promise<void> => {
    if (!(await confirmed(t("Delete this profile?"), t("It can be deleted only while nobody has it."), t("Delete"), "stop"))) return;
    try {
      await api.delete(path);
      location.href = "/profiles";
    } catch (error) {
      const inUse = error instanceof CodedError && error.code === "profile-in-use";
      const n = inUse ? Number(error.fields["agents"] ?? 0) : 0;
      problem.textContent = inUse ? tn("{n} agent has it. Give another first.", "{n} agents have it. Give them another first.", n) : errorText(error);
      show(problem, true);
    }
  };
  return h("section", { class: "pan" }, h("div", { class: "pb d-grid gap-2" }, problem, h("div", null, h("button", { type: "button", class: "btn stop-o", "data-testid": "delete-profile", onclick: () => void remove() }, t("Delete this profile")))));
}

function who(id: string, signal: AbortSignal): HTMLElement {
  const agents = list<Agent>({
    path: "/api/v1/agents", limit: 25, filters: () => ({ profile_id: id }), head: [[t("Name"), ""], [t("Team"), ""]], caption: t("Who has it"), none: t("Nobody."),
    row: (agent) => h("tr", { "data-testid": "profile-agent" }, h("td", { class: "ell" }, h("a", { href: `/agents/${encodeURIComponent(agent.id)}` }, agent.name), agent.is_active ? null : h("span", { class: "tag" }, t("not in use"))), h("td", { class: "ell mut" }, agent.team || "–")),
  });
  signal.addEventListener("abort", agents.leave);
  return h("section", { class: "pan" }, h("div", { class: "ph" }, icon("users", "s"), h("h2", null, t("Who has it"))), agents.element);
}

function build(root: HTMLElement, id: string, values: Values, world: World, signal: AbortSignal): void {
  const path = id ? `/api/v1/routing-profiles/${encodeURIComponent(id)}` : "/api/v1/routing-profiles";
  const mayWrite = may("queues:write");
  const fields = profileFields(world);
  let past: History | null = null;
  const made = form({
    fields, values, mayWrite, isNew: !id, sections: [section(t("Everybody with this profile"), "", ...fields)],
    reload: () => api.get<Values>(path),
    reloaded: (present) => {
      retitle(root, present);
      void past?.reload();
    },
    save: async (changes, version) => {
      if (!id) {
        const created = await api.post<Values>(path, { ...changes, name: changes["name"] ?? "" });
        queueMicrotask(() => (location.href = `/profiles/${encodeURIComponent(String(created["id"]))}`));
        return created;
      }
      const saved = await api.patch<Values>(path, changes, version);
      retitle(root, saved);
      await past?.reload();
      return saved;
    },
  });
  if (id && mayWrite) past = history({ path, version: made.version, labels: new Map(fields.map((field) => [field.name, field.label])), restored: (restored) => {
    made.fill(restored);
    retitle(root, restored);
  } });
  const problem = h("p", { class: "emsg", role: "alert", "data-testid": "delete-problem", hidden: true });
  const side = [id && may("agents:read") ? who(id, signal) : null, past?.element ?? null, id && mayWrite ? deletePanel(path, problem) : null];
  thingPage(root, ["/profiles", t("Routing profiles")], id ? String(values["name"]) : t("New profile"), [], made.element, side.filter((one): one is HTMLElement => one !== null), mayWrite);
}

export async function mountProfile(root: HTMLElement, id: string, signal: AbortSignal): Promise<void> {
  try {
    const isNew = id === "new";
    const own = isNew ? NEW_PROFILE : api.get<Values>(`/api/v1/routing-profiles/${encodeURIComponent(id)}`, signal);
    const [world, values] = await Promise.all([loadWorld(signal), own]);
    build(root, isNew ? "" : id, values, world, signal);
  } catch (error) {
    failed(root, error, "/profiles", t("Routing profiles"));
  }
}
