/** Somebody was quicker: who changed what since it was read, and the choice between his and one's own. */

import { now } from "../core/clock";
import { h, icon, rich, bold, type Child } from "../core/dom";
import type { CodedError } from "../core/errors";
import { when } from "../core/times";
import { t } from "../core/texts";
import { actor, userNames } from "./names";

interface Meanwhile { by?: string; at?: string; fields?: string[] }

export interface Choice {
  /** Labels of fields by their names. */
  labels: Map<string, string>;
  /** The fields changed here. */
  own: string[];
  /** Show what is saved now and forget what was typed. */
  load(): void;
  /** Show what is saved now with one's own changes over it, to be looked at and saved. */
  keep(): void;
}

const list = (names: string[], labels: Map<string, string>): string =>
  new Intl.ListFormat(document.documentElement.lang, { type: "conjunction" }).format(names.map((name) => labels.get(name) ?? name));

function said(them: string[], choice: Choice): Child[] {
  const both = them.filter((name) => choice.own.includes(name));
  const parts: Child[] = [];
  if (them.length) parts.push(h("p", null, rich(t("Changed: {fields}."), { fields: bold(list(them, choice.labels)) })));
  if (both.length) parts.push(h("p", null, rich(t("You changed this too: {fields}. If you keep yours, it replaces theirs."), { fields: bold(list(both, choice.labels)) })));
  return parts;
}

/** The notice; its first button takes the focus when it is put on the page. */
export async function meanwhile(error: CodedError, choice: Choice): Promise<HTMLElement> {
  const { by, at, fields = [] } = error.fields as Meanwhile;
  const names = by === undefined ? new Map<string, string>() : await userNames();
  const who = bold(by === undefined ? t("Somebody") : by !== "" && by === document.documentElement.dataset["user"] ? t("You, in another window,") : actor(by, names));
  const lead = at ? rich(t("{who} changed this meanwhile, at {time}. Nothing of yours is saved yet."), { who, time: when(at, now()) }) : rich(t("{who} changed this meanwhile. Nothing of yours is saved yet."), { who });
  return h("div", { class: "bar soon mw", role: "group", "aria-labelledby": "mw-h", "data-testid": "meanwhile" }, icon("users"),
    h("div", { class: "grow" }, h("p", { class: "b", id: "mw-h" }, lead), ...said(fields, choice),
      h("div", { class: "fx mw-a" },
        h("button", { type: "button", class: "btn pri sm", "data-testid": "keep-mine", onclick: () => choice.keep() }, t("Keep mine, look again")),
        h("button", { type: "button", class: "btn sm", "data-testid": "load-theirs", onclick: () => choice.load() }, t("Load the new, drop mine")))));
}
