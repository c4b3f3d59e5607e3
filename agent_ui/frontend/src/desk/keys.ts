/** Keys of the desk. Alt keys work everywhere, single keys only outside fields; by place of the key, so any layout does. */

import { byId, inField } from "../core/dom";
import { t } from "../core/texts";

export interface KeyActs {
  answer(): void;
  reject(): void;
  hangUp(): void;
  hold(): void;
  transfer(): void;
  mute(): void;
  presence(): void;
  finish(): void;
  note(): void;
  why(): void;
  walk(step: number): void;
  digit(n: number): boolean;
}

export const keyList = (): [string, string][] => [
  ["Alt A", t("Answer")], ["Alt R", t("Reject")], ["Alt X", t("Hang up")], ["H", t("Hold, retrieve")], ["Alt H", t("Hold, retrieve")],
  ["T", t("Transfer")], ["Alt T", t("Transfer")],
  ["M", t("Mute")], ["Alt M", t("Mute")],
  ["Alt P", t("Presence menu")], ["N", t("Write the note")], ["1 … 9", t("In wrap-up: choose what it was about")],
  ["Alt Enter", t("Finish, take next")], ["J / K", t("Next, previous work")], ["W", t("Why it came to you")],
  ["Alt 1 2 3", t("Go to work, stage, customer")],
];

const focus = (id: string): void => byId(id).focus();

function altKey(code: string, acts: KeyActs): (() => void) | undefined {
  const table: Record<string, () => void> = {
    KeyA: acts.answer, KeyR: acts.reject, KeyX: acts.hangUp, KeyH: acts.hold, KeyT: acts.transfer, KeyM: acts.mute, KeyP: acts.presence,
    Enter: acts.finish, NumpadEnter: acts.finish,
    Digit1: () => focus("work"), Digit2: () => focus("stage"), Digit3: () => focus("side"),
  };
  return table[code];
}

function plainKey(code: string, acts: KeyActs): (() => void) | undefined {
  const table: Record<string, () => void> = {
    KeyH: acts.hold, KeyT: acts.transfer, KeyM: acts.mute, KeyN: acts.note, KeyW: acts.why, KeyJ: () => acts.walk(1), KeyK: () => acts.walk(-1),
  };
  return table[code];
}

function onKey(event: KeyboardEvent, acts: KeyActs): void {
  if (event.repeat || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
  if (event.altKey) {
    const act = altKey(event.code, acts);
    if (!act) return;
    event.preventDefault();
    return act();
  }
  if (inField(event.target) || event.shiftKey) return;
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
  const act = digit ? undefined : plainKey(event.code, acts);
  if (digit ? acts.digit(Number(digit)) : act) event.preventDefault();
  act?.();
}

export function startKeys(acts: KeyActs): void {
  document.addEventListener("keydown", (event) => onKey(event, acts));
}
