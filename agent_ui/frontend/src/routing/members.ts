/** Whom a queue matches as an item enters it: presence, devices and work have no part in it. Pure. */

import type { Agent, Levels, Queue } from "./kinds";

type Wanted = Pick<Queue, "id" | "skills" | "any_of" | "teams">;
type Asked = Pick<Agent, "team_id" | "effective">;

const has = (own: Levels, skill: string, level: number): boolean => (own[skill] ?? 0) >= level;

export function serves(agent: Asked, queue: Wanted): boolean {
  const { skills, queues } = agent.effective;
  return (queues === null || queue.id in queues)
    && Object.entries(queue.skills).every(([skill, level]) => has(skills, skill, level))
    && queue.any_of.every((group) => Object.entries(group).some(([skill, level]) => has(skills, skill, level)))
    && (!queue.teams.length || (agent.team_id !== null && queue.teams.includes(agent.team_id)));
}

/** Every skill a queue names, in whatever rule. */
export function skillsOf(queue: Pick<Queue, "skills" | "any_of" | "preferred" | "steps">): Set<string> {
  const maps = [queue.skills, queue.preferred, ...queue.any_of, ...queue.steps.map((step) => step.levels)];
  return new Set(maps.flatMap((map) => Object.keys(map)));
}
