/** Former versions of a queue, profile or agent: who changed what and when, and making one hold again. */

import { api } from "../core/api";
import { now } from "../core/clock";
import { h, icon, show } from "../core/dom";
import { errorText } from "../core/errors";
import { when } from "../core/times";
import { t } from "../core/texts";
import { confirmed } from "./confirm";
import type { Values } from "./kinds";
import { actor, userNames } from "./names";

export interface Version { version: number; at: string; by: string; change: string; fields: string[]; settings: Values }
interface Versions { items: Version[]; next: string | null }

const CHANGES: Record<string, () => string> = {
  "found": () => t("as it was before"),
  "created": () => t("created"),
  "restored": () => t("restored"),
};
const SIMPLE = new Set(["string", "number", "boolean"]);

const said = (value: unknown): string => (value === true ? t("yes") : value === false ? t("no") : value === null ? "–" : String(value));

/** Tells before and after of a field in words of its own; null where nothing better than its name is known. */
export type Told = (name: string, before: unknown, after: unknown) => string | null;

/** Before and after of numbers by name: "German 5 → 6, Routers – → 3". */
export function numbersText(before: Record<string, number> | null, after: Record<string, number> | null, nameOf: (id: string) => string): string | null {
  if (!before || !after) return null;
  const ids = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((id) => before[id] !== after[id]);
  return ids.map((id) => `${nameOf(id)} ${before[id] ?? "–"} → ${after[id] ?? "–"}`).join(", ") || null;
}

/** What a version changed, by the words of the form: plain values with before and after, of others the name. */
export function changeText(one: Version, before: Version | undefined, labels: Map<string, string>, told: Told = () => null): string {
  const parts = one.fields.map((name) => {
    const label = labels.get(name) ?? name;
    if (!(name in one.settings)) return label;
    const [old, value] = [before?.settings[name], one.settings[name]];
    const text = before ? told(name, old, value) : null;
    if (text !== null) return `${label} ${text}`;
    const isSimple = before !== undefined && [old, value].every((each) => each === null || SIMPLE.has(typeof each));
    return isSimple ? `${label} ${said(old)} → ${said(value)}` : label;
  });
  return [CHANGES[one.change]?.() ?? "", [...new Set(parts)].join(", ")].filter(Boolean).join(": ") || t("changed");
}

export interface History { element: HTMLElement; reload(): Promise<void> }

export interface HistoryOptions {
  path: string;
  labels: Map<string, string>;
  told?: Told;
  /** What restoring a version does, where that is not everything. */
  warning?(version: number): string;
  /** The version on the page: another one that came meanwhile is not written over. */
  version(): number | undefined;
  restored(values: Values): void;
}

const FIRST = 20;

export function history(options: HistoryOptions): History {
  let shown: Version[] = [];
  let names: Map<string, string> | null = null;
  const rows = h("ul", { class: "rows hist", "data-testid": "history" });
  const none = h("p", { class: "mut row13", hidden: true }, t("No change is kept yet."));
  const problem = h("p", { class: "emsg", role: "alert", hidden: true });
  const status = h("span", { class: "sr", role: "status" });

  const restore = async (one: Version): Promise<void> => {
    const text = options.warning?.(one.version) ?? t("Everything will be as it was after version {n}. That is a new version; nothing of the history is lost.", { n: one.version });
    if (!(await confirmed(t("Restore version {n}?", { n: one.version }), text, t("Restore")))) return;
    try {
      options.restored(await api.post<Values>(`${options.path}/restore`, { version: one.version }, options.version()));
      show(problem, false);
      await reload();
      status.textContent = t("Version {n} holds again.", { n: one.version });
    } catch (error) {
      problem.textContent = errorText(error);
      show(problem, true);
    }
  };
  const row = (one: Version, place: number): HTMLElement => {
    const button = h("button", { type: "button", class: "btn sm", "data-testid": `restore-${one.version}`, "aria-label": t("Restore version {n}", { n: one.version }), onclick: () => void restore(one) }, t("Restore"));
    return h("li", null, h("span", { class: "qn" }, one.version),
      h("span", { class: "d" }, changeText(one, shown[place + 1], options.labels, options.told), h("small", null, `${actor(one.by, names ?? new Map())}, ${when(one.at, now())}`)),
      place ? button : h("span", { class: "tag ok" }, t("holds now")));
  };
  const reload = async (): Promise<void> => {
    names ??= await userNames();
    shown = (await api.get<Versions>(`${options.path}/history?limit=${FIRST}`)).items;
    rows.replaceChildren(...shown.map(row));
    show(none, !shown.length);
  };
  const element = h("section", { class: "pan" }, h("div", { class: "ph" }, icon("history", "s"), h("h2", null, t("History"))), h("div", { class: "pb" }, problem, none, rows, status));
  void reload().catch((error: unknown) => {
    problem.textContent = errorText(error);
    show(problem, true);
  });
  return { element, reload };
}
