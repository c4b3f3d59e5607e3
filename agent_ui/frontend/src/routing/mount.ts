/** Which page of routing a path is. */

import { mountAgent, mountAgents } from "./agents";
import { mountProfile, mountProfiles } from "./profiles";
import { mountQueue } from "./queue";
import { mountQueues } from "./queues";
import { mountSkills } from "./skills";

export function mountRouting(root: HTMLElement, path: string): void {
  const [, kind, rest] = path.split("/");
  const id = decodeURIComponent(rest ?? "");
  const { signal } = new AbortController();
  if (kind === "queues") void (id ? mountQueue(root, id, signal) : mountQueues(root, signal));
  else if (kind === "profiles") void (id ? mountProfile(root, id, signal) : mountProfiles(root, signal));
  else if (kind === "agents") void (id ? mountAgent(root, id, signal) : mountAgents(root, signal));
  else void mountSkills(root, signal);
}
