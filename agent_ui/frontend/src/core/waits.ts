/** How long somebody waits, as a range: half wait less than the first figure, nine in ten less than the second. */

import { t } from "./texts";

export type Wait = [p50: number, p90: number] | null;

const MINUTE = 60;

export function waitText(wait: Wait): string {
  if (!wait) return "";
  const [low, high] = wait;
  if (high === 0) return t("at once");
  if (high < 2 * MINUTE) return low === high ? t("{n} s", { n: high }) : t("{low}–{high} s", { low, high });
  const [from, to] = [Math.round(low / MINUTE), Math.ceil(high / MINUTE)];
  return from === 0 ? t("up to {n} min", { n: to }) : from === to ? t("{n} min", { n: to }) : t("{low}–{high} min", { low: from, high: to });
}
