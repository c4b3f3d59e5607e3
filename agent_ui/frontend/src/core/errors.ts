/** A coded failure and its words: what happened, what is kept, what to do. */

import { t } from "./texts";

export class CodedError extends Error {
  constructor(readonly code: string, readonly fields: Record<string, unknown> = {}) {
    super(code);
  }
}

const TEXTS: Record<string, () => string> = {
  "bad-credentials": () => t("Name or password is wrong."),
  "changed-meanwhile": () => t("Somebody else changed this meanwhile. Nothing of yours was saved; load it again."),
  "conflict": () => t("Somebody was quicker: the state has changed meanwhile. Nothing was changed."),
  "disposition-needed": () => t("Choose what it was about first."),
  "forbidden": () => t("You do not have the right to do this."),
  "invalid": () => t("Something in the input is not right. Check it and try again."),
  "link-lost": () => t("The link to the server is down. Nothing was sent; try again when it is live."),
  "never-given": () => t("It was never given to an agent."),
  "already-held": () => t("The caller is on hold already."),
  "no-answer": () => t("The server did not answer in time. Check whether it was done before you try again."),
  "not-found": () => t("This does not exist any more, or you may not see it."),
  "interaction-not-routed": () => t("It does not wait any more."),
  "no-browser-device": () => t("Your device is a desk phone, not this browser."),
  "nobody-to-hold": () => t("The customer has not answered yet."),
  "not-held": () => t("The caller is not on hold any more."),
  "not-talking": () => t("The call is over already."),
  "person-erased": () => t("This person was erased; nothing can be written about the contact any more."),
  "person-in-contact": () => t("This person is in contact with us now, or is to be called back. Erase when that is over."),
  "callback-under-way": () => t("The customer is being called right now."),
  "pbx-unavailable": () => t("The phone system does not answer. Nothing was changed; try again in a moment."),
  "router-away": () => t("The server that routes calls does not answer. Nothing was changed; try again in a moment."),
  "session-over": () => t("You are signed out. Sign in again."),
  "still-talking": () => t("The call is still up. Hang up first."),
  "store-unavailable": () => t("The server cannot write at the moment. Nothing was changed; try again soon."),
  "ticket-state": () => t("The ticket has changed meanwhile. Load it again."),
  "presence-unknown": () => t("The server does not know this state. Reload the page."),
  "queue-closed": () => t("This queue is closed now. The call is still yours."),
  "queue-full": () => t("This queue takes nobody more at the moment. The call is still yours."),
  "queue-unknown": () => t("This queue does not exist any more. The call is still yours."),
  "queue-unserved": () => t("Nobody serves this queue at the moment. The call is still yours."),
  "reason-needed": () => t("Choose a reason."),
  "reservation-over": () => t("Too late: the call went on or the caller hung up."),
  "unauthenticated": () => t("You are signed out. Sign in again."),
  "unavailable": () => t("The phone system does not answer. Nothing was changed; try again in a moment."),
  "unknown-command": () => t("The server does not know this function. Reload the page."),
  "wrap-up-over": () => t("The wrap-up time is over. What you typed is kept."),
};

export function errorText(error: unknown): string {
  if (!(error instanceof CodedError)) return t("Something unexpected happened. Your text is kept.");
  if (error.code === "rate-limited") return retryText(Number(error.fields["retry_after"] ?? 60));
  return TEXTS[error.code]?.() ?? t("It did not work ({code}). Your text is kept.", { code: error.code });
}

export function retryText(seconds: number): string {
  return t("Too many tries. Wait {n} s, then try again.", { n: Math.ceil(seconds) });
}
