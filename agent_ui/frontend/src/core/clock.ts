/**
 * The page's one time source and the running figures on the screen.
 * Time is the server's (offset learned from pongs). When the link is stale, countdowns show "?" and nothing counts on.
 */

import { fuseShare } from "./dom";
import { left, severity, timer, type Severity } from "./times";
import { t } from "./texts";

let offset = 0;
let bestTrip = Infinity;
let stale = false;

export const now = (): number => Date.now() + offset;

/** Learn the server's clock; the quickest round trip tells it best, and each sample ages a little. */
export function learnOffset(serverNow: string, roundTrip: number): void {
  bestTrip += 1;
  if (roundTrip > bestTrip) return;
  bestTrip = roundTrip;
  offset = Date.parse(serverNow) + roundTrip / 2 - Date.now();
}

export function setStale(value: boolean): void {
  if (stale === value) return;
  stale = value;
  document.documentElement.toggleAttribute("data-stale", value);
  tick();
}

type Paint = (now: number, stale: boolean) => void;
const running = new Map<Element, Paint>();

export function tick(): void {
  const at = now();
  for (const [element, paint] of running) {
    if (element.isConnected) paint(at, stale);
    else running.delete(element);
  }
}

function put(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function start<T extends Element>(element: T, paint: Paint): T {
  running.set(element, paint);
  paint(now(), stale);
  return element;
}

export function stop(element: Element): void {
  running.delete(element);
}

/** Count up from an instant. Freezes while stale: never count on from a dead link. */
export function since<T extends Element>(element: T, at: string): T {
  const from = Date.parse(at);
  return start(element, (time, frozen) => {
    if (!frozen || !element.textContent) put(element, timer((time - from) / 1000));
  });
}

export interface Countdown {
  at: string;
  total: number;
  fuse?: Element | null;
  /** Write m:ss whatever the size (alerts and wrap-ups); else as a due time. */
  seconds?: boolean;
  /** A deadline that can be over (SLA): says so, in red. Others stop at 0:00. */
  canBreach?: boolean;
  calm?: boolean;
}

function mark(element: Element, level: Severity): void {
  element.classList.toggle("soon", level === "soon");
  element.classList.toggle("breach", level === "breach");
}

function countdownText(rest: number, due: number, options: Countdown): string {
  const text = options.seconds ? timer(Math.abs(rest)) : left(rest, due);
  return rest < 0 && options.canBreach ? t("{time} over", { time: text }) : text;
}

/** Count down to an instant, with its fuse. */
export function until<T extends Element>(element: T, options: Countdown): T {
  const due = Date.parse(options.at);
  return start(element, (time, frozen) => {
    if (frozen) return put(element, "?");
    const exact = (due - time) / 1000;
    // Whole seconds are rounded up while time is left, so 0:00 means over.
    const rest = options.canBreach ? exact : Math.max(0, Math.ceil(exact));
    put(element, countdownText(rest, due, options));
    const level = options.calm ? "" : severity(rest, options.total);
    mark(element, level);
    if (!options.fuse) return;
    const over = rest <= 0 && options.canBreach;
    fuseShare(options.fuse, over ? 1 : options.total > 0 ? Math.max(0, exact) / options.total : 0);
    if (!options.calm) mark(options.fuse, level);
  });
}
