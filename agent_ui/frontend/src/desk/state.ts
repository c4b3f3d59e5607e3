/** What the desk's parts share: slots, link, the interaction the user works on, words for codes. */

import { Bars } from "../core/bars";
import { byId } from "../core/dom";
import { errorText } from "../core/errors";
import type { Card, Me, Settings, Work } from "../core/model";
import { SlotStore } from "../core/slots";
import type { Link } from "../core/socket";
import { t } from "../core/texts";

export const store = new SlotStore();
export const bars = new Bars(byId("bars"));

let link: Link;
export function setLink(made: Link): void {
  link = made;
}

export const me = (): Me | null => store.get<Me>("me");
export const settings = (): Settings | null => store.get<Settings>("settings");
export const works = (): Work[] => store.all<Work>("work:");
export const work = (id: string): Work | null => store.get<Work>(`work:${id}`);
export const card = (id: string): Card | null => store.get<Card>(`card:${id}`);

let selected: string | null = null;
let repaint: () => void = () => undefined;

export function onSelect(paint: () => void): void {
  repaint = paint;
}

export function select(id: string): void {
  selected = id;
  repaint();
}

const RANK = { "talking": 0, "wrap-up": 1, "alerting": 2 };

/** Time of breach of one piece of work in ms; talking has none and stands after what burns. */
export function breachAt(one: Work): number {
  const at = one.state === "alerting" ? one.expires_at : one.state === "wrap-up" ? one.wrap_up?.until : null;
  return at ? Date.parse(at) : Infinity;
}

/** The call that rings, the one that ends first if several. */
export function alerting(): Work | null {
  const ringing = works().filter((one) => one.state === "alerting");
  return ringing.sort((a, b) => breachAt(a) - breachAt(b))[0] ?? null;
}

/** What the stage's forms are about: the user's choice while it lives, else talk before wrap-up before alert. */
export function current(): Work | null {
  const all = works();
  const mine = all.find((one) => one.interaction_id === selected);
  return mine ?? all.sort((a, b) => RANK[a.state] - RANK[b.state])[0] ?? null;
}

/** The customer is being called, or did not answer: nobody to talk to yet. */
export const isCalling = (one: Work): boolean => one.state === "talking" && one.callback !== null && !one.callback.is_reached;

/** Whose card is shown: the caller who rings, else the current one. */
export const shown = (): Work | null => alerting() ?? current();

/** Do an act; its failure is shown as a bar where all failures are, and reported as null. */
export async function act(name: string, data: Record<string, unknown>): Promise<Record<string, unknown> | null> {
  try {
    const answer = await link.command(name, data);
    bars.hide("act");
    return answer;
  } catch (error) {
    const close = (): void => bars.hide("act");
    bars.show({ id: "act", level: "breach", icon: "alert-circle", title: t("That did not work."), text: errorText(error), close });
    return null;
  }
}

/** The same, for parts that show their own failure. */
export const command = (name: string, data: Record<string, unknown>): Promise<Record<string, unknown>> => link.command(name, data);
export const isLive = (): boolean => link.state === "live";

const REASONS: Record<string, () => string> = {
  "no-answer": () => t("not answered"),
  "rejected": () => t("rejected a call"),
  "phone": () => t("phone not reachable"),
  "busy": () => t("phone busy"),
  "after-call": () => t("after the call"),
  "pbx": () => t("phone system down"),
};

/** Why somebody is not ready, in words; own reasons come with labels from the settings. */
export function reasonText(code: string): string {
  const own = settings()?.reasons.find((one) => one.code === code);
  return own ? t(own.label) : (REASONS[code]?.() ?? code);
}
