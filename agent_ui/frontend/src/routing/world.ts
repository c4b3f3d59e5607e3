/** What the pages of routing name: skills, teams, queues, profiles, agents, and what the user may do. */

import { api, query } from "../core/api";
import { may } from "../core/may";
import { t } from "../core/texts";
import type { Agent, Item, Profile, Queue, Skill, Team } from "./kinds";

export { may };

export interface World { skills: Item[]; teams: Item[]; queues: Item[]; profiles: Item[] }

/** Every agent in reach, for pages that count them. */
export async function loadAgents(signal: AbortSignal): Promise<Agent[]> {
  const found: Agent[] = [];
  let cursor: string | null = null;
  do {
    const answer: { items: Agent[]; next: string | null } = await api.get(`/api/v1/agents${query({ limit: 200, cursor })}`, signal);
    found.push(...answer.items);
    cursor = answer.next;
  } while (cursor !== null);
  return found;
}

const named = (items: { id: string; name: string; label?: string }[]): Item[] =>
  items.map((one): Item => [one.id, one.label ?? one.name]).sort((a, b) => a[1].localeCompare(b[1]));

export async function loadWorld(signal: AbortSignal): Promise<World> {
  const [skills, teams, queues, profiles] = await Promise.all([
    api.get<Skill[]>("/api/v1/skills", signal),
    may("agents:read") ? api.get<Team[]>("/api/v1/teams", signal) : [],
    api.get<Queue[]>("/api/v1/queues", signal),
    api.get<Profile[]>("/api/v1/routing-profiles", signal),
  ]);
  return { skills: named(skills), teams: named(teams), queues: named(queues), profiles: named(profiles) };
}

/** The name of what an id stands for; what was deleted keeps its id. */
export const nameOf = (items: Item[], id: string): string => items.find(([known]) => known === id)?.[1] ?? id;

/** Teams out of the user's reach have no name for him. */
export const teamName = (world: World, id: string): string => world.teams.find(([known]) => known === id)?.[1] ?? t("another team");

export const media = (): Item[] => [["voice", t("Calls")], ["chat", t("Chats")], ["email", t("Mails")]];
