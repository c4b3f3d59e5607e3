/** What a day would have been with the form's unsaved rules: the server plays it twice, here both are compared. */

import { api, query } from "../core/api";
import { now } from "../core/clock";
import { h, icon, show, type Child } from "../core/dom";
import { CodedError, errorText } from "../core/errors";
import { dateLocale, number, t, tn } from "../core/texts";
import { timer } from "../core/times";
import type { Values } from "./kinds";

export interface Measured {
  offered: number;
  answered: number;
  abandoned: number;
  service_level: number | null;
  abandon_rate: number | null;
  asa: number | null;
  longest_wait: number | null;
  occupancy: number | null;
}
type Rate = "service_level" | "abandon_rate" | "asa" | "longest_wait" | "occupancy";
interface Compared { present: Measured; changed: Measured; difference: Record<Rate, number | null>; real: Measured; is_like_real: boolean | null }

export interface DryRun {
  date: string;
  callers: number;
  agents: number;
  queue: Compared;
  every: Compared;
  left_out: { queue_gone: number; skill_gone: number; agents_gone: number };
  assumed: { patience: number; for_ever: number; handle_time: number };
  ignored: string[];
  limits: string[];
}

const DAY = 86_400_000;
const DAYS_BACK = 31;
const NONE = "–";

/** ``good`` is the direction in which a figure is better: 1 up, -1 down, 0 neither. */
const ROWS: { name: Rate; label(): string; isTime?: true; good: number }[] = [
  { name: "service_level", label: () => t("Service level, %"), good: 1 },
  { name: "asa", label: () => t("Average wait"), isTime: true, good: -1 },
  { name: "longest_wait", label: () => t("Waited longest"), isTime: true, good: -1 },
  { name: "abandon_rate", label: () => t("Gave up, %"), good: -1 },
  { name: "occupancy", label: () => t("Occupancy, %"), good: 0 },
];
const LIMITS: Record<string, () => string> = {
  "answered-at-once": () => t("Agents answer at once: what ringing takes is left out."),
  "callbacks-not-played": () => t("Nobody is called back: agents have the time of such calls for callers."),
  "hours-and-limits-not-played": () => t("Opening hours and limits turn nobody away: everybody stays in his first queue."),
  "present-settings": () => t("Agents and the other queues are as they are set now, not as they were then."),
  "devices-not-known": () => t("Whoever was ready could be rung."),
  "servers-not-played": () => t("Every agent can be reached from every server."),
  "knower-not-known": () => t("Nobody is waited for because he knows the customer."),
};
const PROBLEMS: Record<string, () => string> = {
  "busy": () => t("A day is being played already, maybe for a colleague. Try again in a minute."),
  "no-callers": () => t("Nobody called on that day."),
  "no-agents": () => t("There is no agent who could serve anybody."),
  "nobody-answered": () => t("Nobody was answered on that day, so how long calls take is not known."),
  "day-too-large": () => t("That day had too many calls to be played here."),
  "dry-run-too-long": () => t("It took too long and was given up. Try again when less is going on."),
  "dry-run-failed": () => t("The day could not be played; the server's log says why."),
};

function problem(error: unknown, fault: (error: unknown) => string): string {
  if (!(error instanceof CodedError)) return errorText(error);
  if (error.code === "invalid" && Object.keys(error.fields).join() === "date") return t("Choose a day that is over, at most {n} days back.", { n: DAYS_BACK });
  return PROBLEMS[error.code]?.() ?? fault(error);
}

export function figure(value: number | null, isTime = false): string {
  return value === null ? NONE : isTime ? timer(Math.round(value)) : number(value, 1);
}

/** A difference with its sign; what rounds to nothing is nothing. */
export function change(value: number | null, isTime = false): string {
  if (value === null) return NONE;
  const size = Math.abs(isTime ? Math.round(value) : value);
  return size ? `${value > 0 ? "+" : "−"}${figure(size, isTime)}` : figure(0, isTime);
}

const unserved = (one: Measured): number => one.offered - one.answered - one.abandoned;

function row(label: string, cells: [text: string, look?: string][]): HTMLElement {
  return h("tr", null, h("th", { scope: "row" }, label), ...cells.map(([text, look = ""]) => h("td", { class: `n ${look}`.trim() }, text)));
}

function rows(one: Compared, withOccupancy: boolean): HTMLElement[] {
  const { present, changed, difference, real } = one;
  const made = [row(t("Callers"), [[number(present.offered)], [number(changed.offered)], [""], [number(real.offered)]])];
  for (const { name, label, isTime, good } of ROWS) {
    if (name === "occupancy" && !withOccupancy) continue;
    const better = good * (difference[name] ?? 0);
    const look = better > 0 ? "k-ok" : better < 0 ? "k-bad" : "";
    made.push(row(label(), [[figure(present[name], isTime)], [figure(changed[name], isTime)], [change(difference[name], isTime), look], [figure(real[name], isTime)]]));
  }
  if (unserved(present) || unserved(changed)) {
    const more = unserved(changed) - unserved(present);
    made.push(row(t("Never served"), [[number(unserved(present))], [number(unserved(changed))], [change(more), more > 0 ? "k-bad" : more < 0 ? "k-ok" : ""], [NONE]]));
  }
  return made;
}

function comparison(title: string, one: Compared, withOccupancy: boolean, id: string): HTMLElement {
  const head = [t("Present"), t("Changed"), t("Differs"), t("Really")].map((text) => h("th", { scope: "col", class: "n" }, text));
  return h("div", { class: "scr" }, h("table", { class: "tb dr", "data-testid": id }, h("caption", null, title),
    h("thead", null, h("tr", null, h("td", null), ...head)), h("tbody", null, ...rows(one, withOccupancy))));
}

function verdict(one: Compared): HTMLElement | null {
  if (one.is_like_real === null) return null;
  if (one.is_like_real) return h("p", { class: "small mut", "data-testid": "verdict" }, t("Played with the rules of now, the day comes near to what really happened."));
  const text = t("Played with the rules of now, the day is far from what really happened (service level {played} %, really {real} %). Do not rely on the difference.", {
    played: figure(one.present.service_level), real: figure(one.real.service_level),
  });
  return h("p", { class: "bar soon", "data-testid": "verdict" }, icon("alert-triangle", "s"), h("span", null, text));
}

export function notes(found: DryRun, labels: Map<string, string>): string[] {
  const { queue_gone: queues, skill_gone: skills, agents_gone: agents } = found.left_out;
  const { patience, for_ever: ever, handle_time: talks } = found.assumed;
  return [
    found.ignored.length ? t("These changes have no part in it: {names}.", { names: found.ignored.map((one) => labels.get(one) ?? one).join(", ") }) : "",
    queues ? tn("{n} caller is left out: the queue is no more.", "{n} callers are left out: their queue is no more.", queues) : "",
    skills ? tn("{n} caller is left out: a skill asked for is no more.", "{n} callers are left out: a skill they asked for is no more.", skills) : "",
    agents ? tn("{n} agent who answered that day is no more.", "{n} agents who answered that day are no more.", agents) : "",
    patience ? tn("How long {n} caller would have waited is drawn from those who gave up.", "How long {n} callers would have waited is drawn from those who gave up.", patience) : "",
    ever ? tn("{n} of them would wait for ever: nobody gave up that day.", "{n} of them would wait for ever: nobody gave up that day.", ever) : "",
    talks ? tn("How long the call of {n} caller would have taken is drawn from those who were served.", "How long the calls of {n} callers would have taken is drawn from those who were served.", talks) : "",
  ].filter(Boolean);
}

const dayName = (date: string): string =>
  new Intl.DateTimeFormat(dateLocale(), { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" }).format(new Date(`${date}T12:00:00Z`));

function answer(found: DryRun, labels: Map<string, string>): Child[] {
  const callers = tn("{n} caller", "{n} callers", found.callers);
  const agents = tn("{n} agent", "{n} agents", found.agents);
  return [
    h("p", { class: "row13" }, h("b", null, dayName(found.date)), `: ${callers}, ${agents}`),
    verdict(found.queue),
    comparison(t("This queue"), found.queue, false, "dry-run-queue"),
    comparison(t("All queues"), found.every, true, "dry-run-every"),
    h("ul", { class: "dr-n small ink2", "data-testid": "dry-run-notes" }, ...notes(found, labels).map((one) => h("li", null, one))),
    h("details", { class: "small" }, h("summary", null, t("What a played day leaves out")),
      h("ul", { class: "dr-n mut" }, ...found.limits.map((one) => h("li", null, LIMITS[one]?.() ?? one)))),
    h("a", { class: "small", href: `/api/v1/routing/trace${query({ date: found.date })}`, download: "" }, t("The day as a trace for the simulator")),
  ];
}

const isoDay = (at: number): string => {
  const day = new Date(at);
  return [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
};

export interface DryRunPanel { element: HTMLElement; changed(): void }

/** ``fault`` and ``clear`` as those of a preview. ``labels``: the form's words for its fields. */
export interface DryRunOptions { path: string; values(): Values; labels: Map<string, string>; fault(error: unknown): string; clear(): void }

export function dryRun(options: DryRunOptions): DryRunPanel {
  const yesterday = isoDay(now() - DAY);
  const day = h("input", { type: "date", class: "in", id: "dry-run-day", min: isoDay(now() - DAYS_BACK * DAY), max: yesterday, value: yesterday });
  const start = h("button", { type: "button", class: "btn", "data-testid": "dry-run" }, icon("history", "s"), t("Play the day"));
  const stop = h("button", { type: "button", class: "btn", "data-testid": "dry-run-cancel", hidden: true }, icon("x", "s"), t("Cancel"));
  const status = h("p", { class: "row13", role: "status" });
  const trouble = h("p", { class: "bar soon", hidden: true, "data-testid": "dry-run-problem" });
  const old = h("p", { class: "bar", hidden: true, "data-testid": "dry-run-old" }, icon("refresh", "s"), h("span", null, t("The form has changed since this was played.")));
  const shown = h("div", { class: "dr-a", "data-testid": "dry-run-answer" });
  let running: AbortController | null = null;

  const run = async (): Promise<void> => {
    const mine = (running = new AbortController());
    const date = day.value === yesterday ? {} : { date: day.value || null };
    show(start, false);
    show(stop, true);
    show(trouble, false);
    show(old, false);
    shown.replaceChildren();
    status.textContent = t("The day is being played twice …");
    stop.focus();
    try {
      const found = await api.post<DryRun>(`${options.path}/dry-run`, { ...options.values(), ...date }, undefined, mine.signal);
      shown.replaceChildren(...answer(found, options.labels).filter((one): one is Node => one instanceof Node));
      options.clear();
      status.textContent = "";
    } catch (error) {
      status.textContent = mine.signal.aborted ? t("Cancelled.") : "";
      if (!mine.signal.aborted) {
        trouble.replaceChildren(icon("alert-triangle", "s"), h("span", null, problem(error, options.fault)));
        show(trouble, true);
      }
    }
    running = null;
    const hadFocus = document.activeElement === stop;
    show(stop, false);
    show(start, true);
    if (hadFocus) start.focus();
  };
  start.addEventListener("click", () => void run());
  stop.addEventListener("click", () => running?.abort());
  const hint = t("The same callers and agents, once with the rules of now and once with those of the form. Nothing is changed by it.");
  const element = h("section", { class: "pan", id: "dry-run", "aria-labelledby": "dry-run-h" }, h("div", { class: "ph" }, icon("history", "s"), h("h2", { id: "dry-run-h", class: "grow" }, t("Try on yesterday"))),
    h("div", { class: "pb d-grid gap-2" }, h("p", { class: "small mut" }, hint), h("div", { class: "dr-d" }, h("label", { class: "sr", for: "dry-run-day" }, t("Day")), day, start, stop), status, trouble, old, shown));
  return {
    element,
    changed: () => {
      if (shown.childElementCount) show(old, true);
    },
  };
}
