/** The strip of totals. */

import { since } from "../core/clock";
import { h, icon, region, type Child } from "../core/dom";
import type { QueueRow, Totals } from "../core/model";
import { number, percent, t } from "../core/texts";

export type Level = "" | "warn" | "bad";

/** Red below the goal by five points, amber below it: the rule of every service-level figure. */
export function levelOf(value: number | null, goal: number): Level {
  if (value === null || value >= goal) return "";
  return value < goal - 5 ? "bad" : "warn";
}

const mark = (level: Level): Child => level === "bad" && icon("alert-triangle");
const look = (level: Level): string => (level ? `k-${level}` : "");

function tile(title: string, level: Level, value: Child, detail: string, testid: string): HTMLElement {
  return h("div", { "data-testid": testid }, h("dt", null, title), h("dd", { class: look(level) }, mark(level), value, detail ? h("small", null, detail) : null));
}

/** One goal for the whole floor: the offered-weighted mean of the queues' goals. */
function floorGoal(queues: QueueRow[]): number {
  const calls = queues.reduce((sum, one) => sum + one.offered, 0);
  if (!calls) return queues.length ? queues.reduce((sum, one) => sum + one.goal, 0) / queues.length : 80;
  return queues.reduce((sum, one) => sum + one.goal * one.offered, 0) / calls;
}

/** Over the goal time of the queue in which the longest call waits. */
function longestIsOver(totals: Totals, queues: QueueRow[]): boolean {
  const queue = queues.find((one) => one.longest_since === totals.longest_since);
  return totals.longest_since !== null && Date.now() - Date.parse(totals.longest_since) > (queue?.target_time ?? 20) * 1000;
}

function abandonRate(totals: Totals): string {
  const base = totals.offered_today - totals.short_abandoned_today;
  return base > 0 ? percent((100 * (totals.abandoned_today - totals.short_abandoned_today)) / base, 1) : "–";
}

export function paintTotals(element: HTMLElement, totals: Totals, queues: QueueRow[]): void {
  const goal = Math.round(floorGoal(queues));
  const today = totals.service_level_today;
  const quarter = totals.service_level_15;
  const over = longestIsOver(totals, queues);
  const counted = totals.answered_today + totals.abandoned_today + totals.flowed_out_today - totals.short_abandoned_today; // who waits is not counted yet
  region(element, [totals, goal, over], () => [
    tile(t("Service level today, goal {n} %", { n: goal }), levelOf(today, goal), today === null ? "–" : percent(today, 1), counted > 0 ? t("{n} of {all} in time", { n: number(totals.in_target_today), all: number(counted) }) : t("no calls yet"), "service-level"),
    tile(t("Last 15 minutes"), levelOf(quarter, goal), quarter === null ? "–" : percent(quarter), "", "service-level-15"),
    tile(t("Waiting now"), "", h("span", { class: "fx" }, icon("phone"), number(totals.waiting)), "", "waiting-now"),
    tile(t("Longest wait"), over ? "bad" : "", totals.longest_since ? since(h("span"), totals.longest_since) : "–", "", "longest"),
    tile(t("Agents ready"), totals.ready === 0 && totals.waiting > 0 ? "warn" : "", number(totals.ready), t("of {n} signed in, {talking} talking", { n: totals.signed_in, talking: totals.talking }), "ready"),
    tile(t("Abandoned today"), "", abandonRate(totals), t("{n} of {all} calls", { n: number(totals.abandoned_today - totals.short_abandoned_today), all: number(counted) }), "abandoned"),
  ]);
}
