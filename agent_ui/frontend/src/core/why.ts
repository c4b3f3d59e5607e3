/** Decisions in plain sentences, made from their codes. */

import { bold, h, rich } from "./dom";
import type { DecisionWhy, Passed, WaitingChange, WaitingWhy } from "./model";
import { clockTime, timer } from "./times";
import { number, t, tn } from "./texts";
import { waitText } from "./waits";

const list = (words: string[]): string => new Intl.ListFormat(document.documentElement.lang, { type: "conjunction" }).format(words);

const PASSED: Record<string, (one: Passed) => string> = {
  "skill": (one) => tn("{n} lacks {skill} {level} or better", "{n} lack {skill} {level} or better", one.count, { skill: t(one.skill ?? ""), level: one.need ?? 1 }),
  "server": (one) => tn("{n} cannot be reached from phone system {name}", "{n} cannot be reached from phone system {name}", one.count, { name: one.server ?? "" }),
  "not-ready": (one) => tn("{n} is not ready", "{n} are not ready", one.count),
  "offline": (one) => tn("{n} is offline", "{n} are offline", one.count),
  "busy": (one) => tn("{n} is on another call", "{n} are on other calls", one.count),
  "reserved": (one) => tn("{n} is being rung", "{n} are being rung", one.count),
  "wrap-up": (one) => tn("{n} is in wrap-up", "{n} are in wrap-up", one.count),
  "device": (one) => tn("{n} has a phone that is not reachable", "{n} have phones that are not reachable", one.count),
  "rank": (one) => tn("{n} could have taken it, but came later by the rule", "{n} could have taken it, but came later by the rule", one.count),
  "medium": (one) => tn("{n} takes no calls", "{n} take no calls", one.count),
  "queue": (one) => tn("{n} does not serve this queue", "{n} do not serve this queue", one.count),
  "team": (one) => tn("{n} is in another team", "{n} are in other teams", one.count),
  "delay": (one) => tn("{n} serves this queue only after a longer wait", "{n} serve this queue only after a longer wait", one.count),
  "window": (one) => tn("{n} was not asked: it waits for the agent who knows the customer", "{n} were not asked: it waits for the agent who knows the customer", one.count),
  "reserve": (one) => tn("{n} is kept free for VIP customers", "{n} are kept free for VIP customers", one.count),
};

/** The rules of docs/routing/rules.md: of an item that chose among agents, and of an agent who became free. */
const RULES: Record<string, () => string> = {
  "least-flexible": () => t("fewest skills first, then ready the longest"),
  "idle-guard": () => t("ready far longer than the others"),
  "longest-idle": () => t("ready the longest"),
  "most-skilled": () => t("most skilled"),
  "fewest-handled": () => t("fewest handled"),
  "least-loaded": () => t("least busy"),
  "preferred": () => t("knows the customer"),
  "vip": () => t("VIP first"),
  "late": () => t("waited too long already"),
  "longest-queue": () => t("longest queue first"),
  "fifo": () => t("first come, first served"),
  "priority": () => t("highest priority first"),
  "aging": () => t("priority and waiting time"),
  "due": () => t("earliest due first"),
  "deferrable": () => t("earliest due first"),
  "outbound": () => t("nothing more urgent"),
};

const ruleText = (rule: string): string => RULES[rule]?.() ?? t(rule);

export function passedText(one: Passed): string {
  return PASSED[one.reason]?.(one) ?? tn("{n} could not take it ({reason})", "{n} could not take it ({reason})", one.count, { reason: t(one.reason) });
}

/** The one sentence of the alert. */
export function decisionLead(why: DecisionWhy): Node {
  const skills = list(why.skills.map((one) => t(one.name)));
  const n = bold(number(why.eligible));
  if (why.eligible <= 1) {
    return skills ? rich(t("You were the only one free with {skills}."), { skills: bold(skills) }) : rich(t("You were the only one free."), {});
  }
  if (why.rule !== "longest-idle") return rich(t("Chosen out of {n} by the rule {rule}."), { n, rule: bold(ruleText(why.rule)) });
  return skills ? rich(t("Ready the longest of {n} with {skills}."), { n, skills: bold(skills) }) : rich(t("Ready the longest of {n} who could take it."), { n });
}

export function idleText(why: DecisionWhy): string {
  return why.idle_for !== null && why.idle_for > 0 ? t("You had been ready for {time}.", { time: timer(why.idle_for) }) : "";
}

/** The whole decision: how many were looked at, who was passed over and for what. */
export function decisionSteps(why: DecisionWhy): Node[] {
  const steps: Node[] = [rich(tn("{n} agent was considered.", "{n} agents were considered.", why.considered), {})];
  for (const one of why.passed) steps.push(rich(t("{who}."), { who: passedText(one) }));
  steps.push(rich(tn("{n} could take it.", "{n} could take it.", why.eligible), {}), decisionLead(why));
  if (why.next) steps.push(rich(t("After you it goes to {agent}."), { agent: bold(why.next.agent) }));
  return steps;
}

function names(one: Passed): string {
  const known = one.agents?.map((agent) => agent.name).filter(Boolean) ?? [];
  if (!known.length) return "";
  const some = known.slice(0, 4);
  return one.count > some.length ? `${some.join(", ")} …` : list(some);
}

/** What time changes for one who waits. */
const CHANGES: Record<string, () => string> = {
  "relaxes": () => t("At {time} it needs less, so that more agents can take it."),
  "delay": () => t("At {time} it is offered to further agents."),
  "late": () => t("At {time} it counts as late and goes before others."),
  "window": () => t("Until {time} it waits for the agent who knows the customer."),
};

function changeStep({ kind, at, agent }: WaitingChange, isFirst: boolean, state: WaitingWhy["state"]): Node {
  const time = bold(clockTime(at, true));
  if (kind === "agent-frees" && agent) return rich(isFirst ? t("{agent} frees up next, at about {time}.") : t("{agent} frees up at about {time}."), { agent: bold(agent), time });
  if (kind === "deadline" && agent) return rich(state === "assigned" ? t("It rings at {agent} until {time}, then it goes on.") : t("{agent} is being rung until {time}."), { agent: bold(agent), time });
  return rich(CHANGES[kind]?.() ?? t("The next step by rule comes at {time}."), { time });
}

/** What changes next and when, in the order of time. */
function nextSteps(why: WaitingWhy): Node[] {
  if (!why.next.length && why.state === "waiting") return [rich(t("Nothing is planned that would free an agent: it waits until one becomes ready."), {})];
  const free = why.next.findIndex((one) => one.kind === "agent-frees");
  return why.next.map((one, place) => changeStep(one, place === free, why.state));
}

function needsStep(why: WaitingWhy): Node | null {
  if (!why.needs.length) return null;
  const needs = list(why.needs.map((one) => `${t(one.skill)} ${one.level}`));
  return rich(t("The call needs {needs} or better."), { needs: bold(needs) });
}

/** Why a call still waits, step by step. */
export function waitingSteps(why: WaitingWhy): Node[] {
  const steps: (Node | null)[] = [];
  if (why.state === "assigned") steps.push(rich(t("It is being offered to an agent now."), {}));
  if (why.state === "ended") steps.push(rich(t("It does not wait any more."), {}));
  steps.push(needsStep(why));
  if (why.state === "waiting" && !why.considered) steps.push(rich(t("No agent serves this queue."), {}));
  if (why.considered) steps.push(rich(tn("{n} agent was considered.", "{n} agents were considered.", why.considered), {}));
  for (const one of why.passed) {
    const who = names(one);
    steps.push(h("span", null, bold(passedText(one)), who.trim() ? `: ${who}` : ""));
  }
  if (why.state === "waiting" && why.place !== null) steps.push(rich(t("It is number {place} of {of} in line."), { place: bold(why.place), of: bold(why.of) }));
  if (why.state === "waiting" && why.wait) steps.push(rich(t("It will probably wait {time} more."), { time: bold(waitText(why.wait)) }));
  steps.push(...nextSteps(why));
  return steps.filter((one): one is Node => one !== null);
}

const ADDS: Record<string, () => string> = {
  "queue-priority": () => t("Priority of the queue"),
  "call-priority": () => t("Priority of the call"),
};

export const addText = (code: string): string => ADDS[code]?.() ?? t(code);
