/** The list of queues: order, goal, need, and how many agents match. */

import { api } from "../core/api";
import { h, icon } from "../core/dom";
import { t } from "../core/texts";
import { failed } from "../pages/tickets";
import type { Agent, Queue } from "./kinds";
import { serves } from "./members";
import { listPage, table } from "./page";
import { needWords } from "./preview";
import { ORDERS } from "./queue-fields";
import { loadAgents, loadWorld, may, type World } from "./world";

function row(queue: Queue, agents: Agent[], world: World): HTMLElement {
  const href = `/queues/${encodeURIComponent(queue.id)}`;
  const count = agents.filter((agent) => serves(agent, queue)).length;
  const order = ORDERS().find(([code]) => code === queue.order)?.[1].split(":")[0] ?? queue.order;
  return h("tr", { "data-testid": "queue-row" },
    h("td", null, h("span", { class: "fx" }, h("a", { href, class: "ell" }, queue.name), queue.is_active ? null : h("span", { class: "tag" }, t("not in use")))),
    h("td", { class: "num n" }, queue.priority), h("td", { class: "ell hide-s" }, order), h("td", { class: "num hide-s" }, t("{n}% in {time} s", { n: queue.goal, time: queue.target_time })),
    h("td", { class: "ell hide-s" }, needWords(queue, world)), h("td", { class: "num n hide-s" }, queue.steps.length || "–"),
    may("agents:read") ? h("td", { class: count ? "num n" : "num n k-bad b" }, count) : null);
}

export async function mountQueues(root: HTMLElement, signal: AbortSignal): Promise<void> {
  try {
    const [world, queues, agents] = await Promise.all([loadWorld(signal), api.get<Queue[]>("/api/v1/queues", signal), may("agents:read") ? loadAgents(signal) : []]);
    const active = agents.filter((agent) => agent.is_active);
    const head: [string, string][] = [[t("Name"), ""], [t("Priority"), "n c-n"], [t("Order"), "c-who hide-s"], [t("Goal"), "c-when hide-s"], [t("Needs"), "hide-s"], [t("Steps"), "n c-n hide-s"], ...(may("agents:read") ? [[t("Agents"), "n c-n"] as [string, string]] : [])];
    const add = may("queues:write") ? h("a", { class: "btn pri", href: "/queues/new", "data-testid": "new-queue" }, icon("plus"), t("New queue")) : null;
    listPage(root, "queues", t("Queues"), [add], table(t("Queues"), head, queues.map((queue) => row(queue, active, world)), t("No queue yet. Calls need one to wait in.")));
  } catch (error) {
    failed(root, error, "/queues", t("Queues"));
  }
}
