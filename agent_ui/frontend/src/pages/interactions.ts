/** Past interactions as the REST API gives them: one line each. */

import { now } from "../core/clock";
import { h } from "../core/dom";
import { timer, when } from "../core/times";
import { contactText } from "../core/words";

export interface Interaction {
  id: string;
  medium: string;
  direction: string;
  caller_number: string;
  caller_name: string;
  /** The customer's name and the number as people write it. */
  person?: string;
  caller?: string;
  arrived_at: string;
  outcome: string | null;
  segments: { agent_id: string; talk_time: number | null; disposition: string; note: string }[];
}

export const talkTime = (one: Interaction): string => {
  const seconds = one.segments.reduce((sum, part) => sum + (part.talk_time ?? 0), 0);
  return seconds ? timer(seconds) : "–";
};

/** The last note anybody wrote, else how it ended. */
export function interactionText(one: Interaction): string {
  const note = one.segments.map((part) => part.note.split("\n")[0] ?? "").filter(Boolean).at(-1);
  return contactText({ note: note ?? "", outcome: one.outcome ?? "" });
}

export function interactionRow(one: Interaction): HTMLElement {
  return h("tr", null, h("td", { class: "num" }, when(one.arrived_at, now())), h("td", { class: "ell" }, interactionText(one)), h("td", { class: "num hide-s" }, talkTime(one)));
}
