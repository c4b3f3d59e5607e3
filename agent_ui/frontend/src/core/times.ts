/** How times are written. Pure: seconds and instants in, words out. */

import { dateLocale, t } from "./texts";

const pad = (n: number): string => String(n).padStart(2, "0");

/** A running timer: 0:38, 14:20, 1:02:14. Counts whole seconds, never below zero. */
export function timer(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
}

/** Time left until due: under 2 min 0:38, under 1 h 42 min, under 1 day 5 h 10, then the day (Fri 27). */
export function left(seconds: number, due: number): string {
  const size = Math.abs(seconds);
  if (size < 120) return timer(size);
  if (size < 3600) return t("{n} min", { n: Math.floor(size / 60) });
  if (size < 86400) return t("{h} h {m}", { h: Math.floor(size / 3600), m: pad(Math.floor(size / 60) % 60) });
  return new Intl.DateTimeFormat(dateLocale(), { weekday: "short", day: "numeric" }).format(due);
}

export type Severity = "" | "soon" | "breach";

/** Calm has no colour; the last quarter is soon; over is breach. */
export function severity(secondsLeft: number, total: number): Severity {
  if (secondsLeft <= 0) return "breach";
  return total > 0 && secondsLeft / total <= 0.25 ? "soon" : "";
}

export function clockTime(at: number | string, seconds = false): string {
  const options: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (seconds) options.second = "2-digit";
  return new Intl.DateTimeFormat(dateLocale(), options).format(new Date(at));
}

const day = (at: Date): string => `${at.getFullYear()}-${at.getMonth()}-${at.getDate()}`;

/** When something was, as people say it: 10:44 today, Mon 17:26 within a week, 12 Nov lately, else Nov 2021. */
export function when(at: string, now: number): string {
  const then = new Date(at);
  const today = new Date(now);
  if (day(then) === day(today)) return clockTime(at);
  const age = now - then.getTime();
  const style: Intl.DateTimeFormatOptions =
    Math.abs(age) < 6 * 86_400_000
      ? { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }
      : then.getFullYear() === today.getFullYear() || age < 180 * 86_400_000
        ? { day: "numeric", month: "short" }
        : { month: "short", year: "numeric" };
  return new Intl.DateTimeFormat(dateLocale(), style).format(then).replace(",", "");
}

export function monthYear(at: string): string {
  return new Intl.DateTimeFormat(dateLocale(), { month: "short", year: "numeric" }).format(new Date(at));
}
