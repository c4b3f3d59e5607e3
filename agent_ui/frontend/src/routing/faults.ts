/** Faults of a form's fields: the server's code in words, said at the field it names ("steps.1.after"). */

import { h, icon } from "../core/dom";
import { t } from "../core/texts";

const TEXTS: Record<string, () => string> = {
  "bad-date": () => t("Days are written as 2026-12-25, or 12-25 for every year."),
  "bad-hours": () => t("Hours are written as 08:00-17:30."),
  "code-twice": () => t("Two have the same code."),
  "control-characters": () => t("There are characters in it that cannot be shown."),
  "empty": () => t("It is empty. Fill it or take it away."),
  "level-out-of-range": () => t("A level is out of its bounds."),
  "missing": () => t("This is needed."),
  "not-a-flow-name": () => t("Only small letters, digits, hyphens and underscores."),
  "not-ascending": () => t("Each must be higher than the one before."),
  "queue-or-flow": () => t("A queue or a flow is needed."),
  "out-of-range": () => t("This is out of its bounds."),
  "string-pattern-mismatch": () => t("Only small letters, digits and hyphens, beginning with a letter or digit."),
  "string-too-long": () => t("This is too long."),
  "string-too-short": () => t("This is needed."),
  "taken": () => t("This name is taken."),
  "the-same-queue": () => t("It cannot lead to itself."),
  "too-long": () => t("There are too many."),
  "too-many": () => t("There are too many."),
  "unknown-medium": () => t("There is no such medium any more."),
  "unknown-profile": () => t("There is no such profile any more."),
  "unknown-queue": () => t("One of these queues is no more."),
  "unknown-skill": () => t("One of these skills is no more."),
  "unknown-timezone": () => t("There is no such time zone."),
  "unknown-team": () => t("One of these teams is no more."),
  "voice-never": () => t("Nobody who speaks is set aside for another."),
};
const NUMBERS = new Set(["int-type", "float-type", "int-from-float", "int-parsing", "float-parsing"]);
const BOUNDS = new Set(["greater-than", "greater-than-equal", "less-than", "less-than-equal"]);

export function faultText(code: string): string {
  if (NUMBERS.has(code)) return code.startsWith("int") ? t("A whole number is needed.") : t("A number is needed.");
  if (BOUNDS.has(code)) return t("This is out of its bounds.");
  return TEXTS[code]?.() ?? t("This cannot be ({code}).", { code });
}

/** The deepest part of the form that a place names: by name, or by number in a list. */
function partOf(root: Element, place: string): Element {
  let found = root;
  for (const part of place.split(".")) {
    const next = found.querySelector(`[data-place="${CSS.escape(part)}"]`) ?? (/^\d+$/.test(part) ? found.querySelectorAll("[data-row]")[Number(part)] : null);
    if (!next) break;
    found = next;
  }
  return found;
}

export function clearFaults(root: Element): void {
  for (const one of root.querySelectorAll(".emsg[data-fault]")) one.remove();
  for (const one of root.querySelectorAll("[aria-invalid]")) {
    one.removeAttribute("aria-invalid");
    one.removeAttribute("aria-errormessage");
    one.classList.remove("err");
  }
}

/** Say every fault where it is; returns those that no part of the form answers for. */
export function showFaults(root: Element, faults: Record<string, unknown>): string[] {
  clearFaults(root);
  const lost: string[] = [];
  Object.entries(faults).forEach(([place, code], number) => {
    const part = partOf(root, place);
    const text = faultText(String(code));
    if (part === root) return void lost.push(`${place}: ${text}`);
    const id = `fault-${number}`;
    part.append(h("p", { class: "emsg", id, "data-fault": place }, icon("alert-circle", "s"), text));
    const control = part.querySelector("input:not([type=checkbox]), select, textarea");
    if (control && !part.querySelector("[data-place], [data-row]")) {
      control.setAttribute("aria-invalid", "true");
      control.setAttribute("aria-errormessage", id);
      control.classList.add("err");
    }
  });
  return lost;
}

export function focusFirstFault(root: Element): void {
  const part = root.querySelector(".emsg[data-fault]")?.parentElement;
  part?.querySelector<HTMLElement>("input, select, textarea, button")?.focus();
}
