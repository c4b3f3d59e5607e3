/** Single fields of a form: a label, a control with its unit, one line that says what it does. */

import { h, type Child } from "../core/dom";
import type { Item } from "./kinds";

export interface Field { name: string; label: string; element: HTMLElement; read(): unknown; fill(value: unknown): void }

interface Words { name: string; label: string; hint: string }

/** Tell the form that something changed which no control says by itself. */
export function changed(element: Element): void {
  element.dispatchEvent(new Event("input", { bubbles: true }));
}

function labelled(words: Words, control: HTMLElement, unit: string, look: string): HTMLElement {
  const id = `f-${words.name}`;
  control.id = id;
  control.setAttribute("aria-describedby", `${id}-hint`);
  return h("div", { class: `fd ${look}`.trim(), "data-place": words.name, "data-testid": `f-${words.name}` },
    h("label", { class: "fl", for: id }, words.label), h("div", { class: "fd-in" }, control, unit ? h("span", { class: "unit" }, unit) : null), h("p", { class: "hint", id: `${id}-hint` }, words.hint));
}

export function textField(words: Words, options: { most?: number; look?: string } = {}): Field {
  const input = h("input", { class: "in", maxlength: options.most ?? 120, autocomplete: "off" });
  return { ...words, element: labelled(words, input, "", options.look ?? ""), read: () => input.value.trim(), fill: (value) => (input.value = String(value ?? "")) };
}

/** A number, null when empty: the server says that one is needed, or takes null as "never". */
export function numberOf(input: HTMLInputElement): number | null {
  return input.value.trim() === "" ? null : Number(input.value);
}

export interface Bounds { unit?: string; least?: number; most?: number; step?: string; placeholder?: string }

export function numberInput(bounds: Bounds, name: string | null = null): HTMLInputElement {
  return h("input", { class: "in num", type: "number", inputmode: "decimal", min: bounds.least ?? 0, max: bounds.most ?? null, step: bounds.step ?? "any", placeholder: bounds.placeholder ?? null, "aria-label": name });
}

export function numberField(words: Words, bounds: Bounds = {}): Field {
  const input = numberInput(bounds);
  return { ...words, element: labelled(words, input, bounds.unit ?? "", "short"), read: () => numberOf(input), fill: (value) => (input.value = value === null || value === undefined ? "" : String(value)) };
}

export function selectOf(items: Item[], name: string | null = null): HTMLSelectElement {
  return h("select", { class: "in", "aria-label": name }, ...items.map(([id, label]) => h("option", { value: id }, label)));
}

/** One of several; '' stands for null. */
export function selectField(words: Words, items: Item[]): Field {
  const select = selectOf(items);
  return { ...words, element: labelled(words, select, "", ""), read: () => select.value || null, fill: (value) => (select.value = String(value ?? "")) };
}

export function checkbox(label: Child, attributes: Record<string, string> = {}): { element: HTMLElement; input: HTMLInputElement } {
  const input = h("input", { type: "checkbox", ...attributes });
  return { element: h("label", { class: "ck" }, input, h("span", null, label)), input };
}

export function checkField(words: Words): Field {
  const { element, input } = checkbox(words.label, { id: `f-${words.name}`, "aria-describedby": `f-${words.name}-hint` });
  const whole = h("div", { class: "fd", "data-place": words.name, "data-testid": `f-${words.name}` }, element, h("p", { class: "hint", id: `f-${words.name}-hint` }, words.hint));
  return { ...words, element: whole, read: () => input.checked, fill: (value) => (input.checked = value === true) };
}

/** A field of several parts: the label names the group. */
export function grouped(words: Words, ...parts: Child[]): HTMLElement {
  const id = `f-${words.name}`;
  return h("div", { class: "fd wide", role: "group", "aria-labelledby": `${id}-label`, "aria-describedby": `${id}-hint`, "data-place": words.name, "data-testid": id },
    h("span", { class: "fl", id: `${id}-label` }, words.label), h("p", { class: "hint", id: `${id}-hint` }, words.hint), ...parts);
}

export interface Chips { element: HTMLElement; read(): string[]; fill(ids: string[]): void }

/** Some of a few: one chip each; what is named but no longer there is kept until it is taken away. */
export function chips(items: Item[], none: string, other = (id: string): string => id): Chips {
  const element = h("div", { class: "chips" });
  const make = ([id, label]: Item, checked: boolean): HTMLElement => {
    const input = h("input", { type: "checkbox", value: id });
    input.checked = checked;
    return h("label", { class: "chip" }, input, h("span", null, label));
  };
  return {
    element,
    read: () => [...element.querySelectorAll<HTMLInputElement>("input:checked")].map((input) => input.value),
    fill: (ids) => {
      const gone = ids.filter((id) => !items.some(([known]) => known === id)).map((id): Item => [id, other(id)]);
      const all = [...items, ...gone].map((item) => make(item, ids.includes(item[0])));
      element.replaceChildren(...(all.length ? all : [h("span", { class: "mut row13" }, none)]));
    },
  };
}

export function chipsField(words: Words, items: Item[], none: string, other?: (id: string) => string): Field {
  const made = chips(items, none, other);
  return { ...words, element: grouped(words, made.element), read: made.read, fill: (value) => made.fill((value ?? []) as string[]) };
}
