/**
 * A form of settings: knows what changed, warns before it is lost, says each fault at its field, sends only changes.
 * Without the right to write it shows everything and changes nothing.
 */

import { h, icon, show, type Child } from "../core/dom";
import { CodedError, errorText } from "../core/errors";
import { t } from "../core/texts";
import type { Field } from "./controls";
import { clearFaults, focusFirstFault, showFaults } from "./faults";
import type { Values } from "./kinds";
import { meanwhile } from "./meanwhile";

export interface FormOptions {
  fields: Field[];
  sections: HTMLElement[];
  values: Values;
  mayWrite: boolean;
  isNew: boolean;
  /** Save the changes of what has this version; what is saved then. Throws CodedError. */
  save(changes: Values, version: number | undefined): Promise<Values>;
  /** What is saved at present, asked when somebody else was quicker. */
  reload?(): Promise<Values>;
  changed?(changes: Values): void;
  /** The form was filled with what somebody else saved. */
  reloaded?(values: Values): void;
}

export interface Form {
  element: HTMLElement;
  changes(): Values;
  fill(values: Values): void;
  fault(error: unknown): string;
  clear(): void;
  /** Which version stands in the form. */
  version(): number | undefined;
}

export function section(title: string, hint: string, ...fields: Field[]): HTMLElement {
  return h("section", { class: "pan" }, h("div", { class: "ph" }, h("h2", null, title), h("span", { class: "small mut hide-s" }, hint)),
    h("div", { class: "pb fds" }, ...fields.map((field) => field.element)));
}

const key = (value: unknown): string => JSON.stringify(value);

/** The fields whose values are not those of before. */
export function differing(fields: Pick<Field, "name" | "read">[], base: Map<string, string>): Values {
  return Object.fromEntries(fields.map((field): [string, unknown] => [field.name, field.read()]).filter(([name, value]) => key(value) !== base.get(name)));
}

const NAMED = new Set(["invalid", "name-taken"]);

function warn(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

/** Browsers ask before a page is left while something is unsaved. */
function guard(isDirty: boolean): void {
  removeEventListener("beforeunload", warn);
  if (isDirty) addEventListener("beforeunload", warn);
  if (isDirty) document.documentElement.dataset["unsaved"] = "";
  else delete document.documentElement.dataset["unsaved"];
}

export function form(options: FormOptions): Form {
  const base = new Map<string, string>();
  let last = options.values;
  /** The server is asked: what is typed meanwhile stays in its field, but nothing is sent twice or against an old version. */
  let isAsking = false;
  const said = h("span", { class: "grow row13", role: "status", "data-testid": "form-said" });
  const save = h("button", { class: "btn pri", "data-testid": "save" }, icon("check"), options.isNew ? t("Create") : t("Save"));
  const discard = h("button", { type: "button", class: "btn", "data-testid": "discard" }, t("Discard"));
  const problem = h("div", { class: "bar breach", role: "alert", "data-testid": "form-problem", hidden: true });
  const bar = h("div", { class: "savebar" }, said, discard, save);
  const inside = h("fieldset", { class: "bare", disabled: !options.mayWrite }, ...options.sections);
  const element = h("form", { class: "rform", novalidate: true, "data-testid": "form" }, problem, inside, options.mayWrite ? bar : null);

  const tell = (...parts: Child[]): void => {
    problem.className = "bar breach";
    problem.replaceChildren(icon("alert-circle"), h("span", { class: "grow" }, ...parts.filter((part): part is string | Node => Boolean(part))));
    show(problem, true);
  };
  const changes = (): Values => differing(options.fields, base);
  const refresh = (): void => {
    const isDirty = Object.keys(changes()).length > 0;
    guard(isDirty);
    element.classList.toggle("dirty", isDirty);
    save.disabled = isAsking || (!isDirty && !options.isNew);
    show(discard, isDirty);
    said.textContent = isDirty ? t("Changes are not saved yet.") : "";
  };
  const fill = (values: Values): void => {
    for (const field of options.fields) {
      field.fill(values[field.name]);
      base.set(field.name, key(field.read()));
    }
    clearFaults(element);
    show(problem, false);
    refresh();
  };
  const fillUnder = (own: Values, values: Values): void => {
    fill(values);
    for (const field of options.fields) if (field.name in own) field.fill(own[field.name]);
    refresh();
  };
  const fault = (error: unknown): string => {
    const isNamed = error instanceof CodedError && NAMED.has(error.code);
    const lost = isNamed ? showFaults(inside, error.fields) : [];
    return [isNamed ? t("Something cannot be so. It is said at the field.") : errorText(error), ...lost].join(" ");
  };
  const version = (): number | undefined => last["version"] as number | undefined;
  /** Show what is saved now; with one's own changes over it, or without. */
  const takeUp = async (keepsOwn: boolean): Promise<void> => {
    if (isAsking) return;
    isAsking = true;
    refresh();
    try {
      last = await (options.reload as () => Promise<Values>)();
      isAsking = false;
      fillUnder(keepsOwn ? changes() : {}, last);
      const isKept = Object.keys(changes()).length > 0;
      (isKept ? save : element.querySelector<HTMLElement>("fieldset input, fieldset select"))?.focus(); // before it is said: the field left tells of a change
      said.textContent = isKept ? t("Yours stands over the new. Look at it, then save.") : t("This is what is saved now.");
      options.reloaded?.(last);
      options.changed?.(changes());
    } catch (error) {
      isAsking = false;
      refresh();
      tell(errorText(error));
    }
  };
  const quicker = async (error: CodedError): Promise<void> => {
    const labels = new Map(options.fields.map((field) => [field.name, field.label]));
    const notice = await meanwhile(error, { labels, own: Object.keys(changes()), load: () => void takeUp(false), keep: () => void takeUp(true) });
    problem.replaceChildren(notice);
    problem.className = "";
    show(problem, true);
    notice.querySelector("button")?.focus();
  };
  const submit = async (): Promise<void> => {
    const sent = changes();
    const shown = new Map(options.fields.map((field) => [field.name, key(field.read())]));
    isAsking = true;
    refresh();
    try {
      const saved = await options.save(sent, version());
      isAsking = false;
      last = saved;
      const later = differing(options.fields, shown);
      fillUnder(later, saved);
      if (!Object.keys(later).length) said.textContent = t("Saved.");
    } catch (error) {
      isAsking = false;
      refresh();
      if (error instanceof CodedError && error.code === "changed-meanwhile" && options.reload) return void quicker(error);
      tell(fault(error));
      focusFirstFault(inside);
    }
  };
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!save.disabled) void submit();
  });
  element.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target instanceof HTMLInputElement && event.target.type !== "checkbox") event.preventDefault();
    if (event.key.toLowerCase() === "s" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      element.requestSubmit();
    }
  });
  discard.addEventListener("click", () => {
    fill(last);
    said.textContent = t("Discarded.");
    options.changed?.(changes());
  });
  const react = (): void => {
    refresh();
    options.changed?.(changes());
  };
  element.addEventListener("input", react);
  element.addEventListener("change", react);
  fill(options.values);
  return {
    element, changes, fault, version,
    fill: (values) => {
      last = values;
      fill(values);
    },
    clear: () => clearFaults(inside),
  };
}
