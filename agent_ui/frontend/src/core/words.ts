/** Words for the codes that several pages show. */

import { t } from "./texts";

const TICKET_STATES: Record<string, () => string> = {
  "open": () => t("Open"),
  "pending": () => t("Waits for the customer"),
  "solved": () => t("Solved"),
  "closed": () => t("Closed"),
};

export const ticketState = (code: string): string => TICKET_STATES[code]?.() ?? t(code);

const OUTCOMES: Record<string, () => string> = {
  "answered": () => t("Call answered"),
  "callback": () => t("Hung up to be called back"),
  "unreached": () => t("Called back, no answer"),
  "withdrawn": () => t("Callback cancelled"),
  "abandoned": () => t("Hung up before an answer"),
  "left-in-flow": () => t("Left in the menu"),
  "no-service": () => t("Nobody is served at this number"),
  "lost": () => t("Call lost, end not known"),
};

export const outcomeText = (code: string): string => OUTCOMES[code]?.() ?? (code ? t(code) : t("Call"));

const CALL_RESULTS: Record<string, () => string> = {
  "no-answer": () => t("No answer"),
  "busy": () => t("Busy"),
  "unreachable": () => t("Not reachable"),
  "cancelled": () => t("Hung up before an answer"),
  "unknown": () => t("End of the call not known"),
  "not-called": () => t("Could not be called"),
};

/** How a call to a customer ended that he did not answer. */
export const callResult = (code: string): string => CALL_RESULTS[code]?.() ?? t(code);

/** What a call is about on one line: the note, the disposition, else how it ended. */
export function contactText(one: { note?: string; disposition?: string | null; outcome?: string }): string {
  return one.note || (one.disposition ? t(one.disposition) : "") || outcomeText(one.outcome ?? "");
}
