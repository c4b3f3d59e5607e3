/** Words for the codes that several pages show. */

import { t } from "./texts";

const TICKET_STATES: Record<string, () => string> = {
  "new": () => t("New"),
  "open": () => t("Open"),
  "pending": () => t("Pending"),
  "waiting": () => t("Waiting"),
  "solved": () => t("Solved"),
  "closed": () => t("Closed"),
};

export const ticketState = (code: string): string => TICKET_STATES[code]?.() ?? t(code);

const OUTCOMES: Record<string, () => string> = {
  "answered": () => t("Call answered"),
  "handled": () => t("Call answered"),
  "abandoned": () => t("Hung up before an answer"),
  "short-abandoned": () => t("Hung up at once"),
  "flowed-out": () => t("Went on by rule"),
  "flow-out": () => t("Went on by rule"),
  "ended": () => t("Call ended"),
  "end-unknown": () => t("Call, end not known"),
};

export const outcomeText = (code: string): string => OUTCOMES[code]?.() ?? (code ? t(code) : t("Call"));

/** What a call is about on one line: the note, the disposition, else how it ended. */
export function contactText(one: { note?: string; disposition?: string | null; outcome?: string }): string {
  return one.note || (one.disposition ? t(one.disposition) : "") || outcomeText(one.outcome ?? "");
}
