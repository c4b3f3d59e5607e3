/** Things picked out of a list, each with values of its own: skills with levels, queues with order and delay. */

import { h, icon, show } from "../core/dom";
import { t } from "../core/texts";
import { changed, checkbox, grouped, numberInput, numberOf, selectOf, type Bounds, type Field } from "./controls";
import type { Item, Service } from "./kinds";

export interface PickedRow<V> { controls: HTMLElement[]; read(): V }
export interface Picked<V> { element: HTMLElement; read(): Record<string, V>; fill(values: Record<string, V>): void }

export interface PickedOptions<V> {
  items: Item[];
  /** What is added, for the list and its button: "Add a skill". */
  add: string;
  /** What is said while nothing is picked. */
  none: string;
  row(label: string, value: V | undefined): PickedRow<V>;
}

export function picked<V>(options: PickedOptions<V>): Picked<V> {
  const rows = new Map<string, { element: HTMLElement; read(): V }>();
  const body = h("ul", { class: "pk" });
  const none = h("p", { class: "mut row13" }, options.none);
  const select = selectOf([], options.add);
  const button = h("button", { type: "button", class: "btn" }, icon("plus", "s"), options.add);
  const adder = h("div", { class: "pk-add" }, select, button);

  const offer = (): void => {
    const free = options.items.filter(([id]) => !rows.has(id));
    select.replaceChildren(...free.map(([id, label]) => h("option", { value: id }, label)));
    show(adder, free.length > 0);
    show(none, rows.size === 0);
    show(body, rows.size > 0);
  };
  const take = (id: string, value?: V): HTMLElement => {
    const label = options.items.find(([known]) => known === id)?.[1] ?? id;
    const row = options.row(label, value);
    const remove = h("button", { type: "button", class: "btn gh sq sm", "aria-label": t("Remove {name}", { name: label }), title: t("Remove {name}", { name: label }) }, icon("x", "s"));
    const element = h("li", { "data-place": id }, h("span", { class: "pk-n ell", title: label }, label), ...row.controls, remove);
    remove.addEventListener("click", () => {
      rows.delete(id);
      element.remove();
      offer();
      (adder.hidden ? body : button).focus();
      changed(adder);
    });
    rows.set(id, { element, read: row.read });
    body.append(element);
    return element;
  };
  button.addEventListener("click", () => {
    if (!select.value) return;
    const row = take(select.value);
    offer();
    row.querySelector("input")?.focus();
    changed(row);
  });
  return {
    element: h("div", null, none, body, adder),
    read: () => Object.fromEntries([...rows].map(([id, row]) => [id, row.read()])),
    fill: (values) => {
      rows.clear();
      body.replaceChildren();
      Object.entries(values).forEach(([id, value]) => take(id, value));
      offer();
    },
  };
}

function labelledInput(text: string, bounds: Bounds, name: string, value: number): { element: HTMLElement; input: HTMLInputElement } {
  const input = numberInput(bounds, name);
  input.value = String(value);
  return { element: h("span", { class: "pk-v" }, h("span", { class: "small mut", "aria-hidden": "true" }, text), input, bounds.unit ? h("span", { class: "unit" }, bounds.unit) : null), input };
}

/** One number each: the level of a skill, or how many of a medium fill an agent. */
export function numbers(options: { items: Item[]; add: string; none: string; word: string; least: number; most: number; start: number }): Picked<number> {
  return picked<number>({
    ...options,
    row: (label, value) => {
      const { element, input } = labelledInput(options.word, { least: options.least, most: options.most, step: "1" }, `${options.word}: ${label}`, value ?? options.start);
      return { controls: [element], read: () => numberOf(input) as number };
    },
  });
}

export const levels = (skills: Item[], least = 1): Picked<number> =>
  numbers({ items: skills, add: t("Add a skill"), none: t("None."), word: t("Level"), least, most: 10, start: least });

export const capacity = (media: Item[]): Picked<number> =>
  numbers({ items: media, add: t("Add a medium"), none: t("None: gets no work."), word: t("At once"), least: 1, most: 50, start: 1 });

export const services = (queues: Item[]): Picked<Service> =>
  picked<Service>({
    items: queues, add: t("Add a queue"), none: t("None: gets no work."),
    row: (label, value) => {
      const order = labelledInput(t("Order"), { most: 100, step: "1" }, `${t("Order")}: ${label}`, value?.order ?? 0);
      const delay = labelledInput(t("Delay"), { most: 86_400, unit: t("s") }, `${t("Delay")}: ${label}`, value?.delay ?? 0);
      const place = (name: string, element: HTMLElement): HTMLElement => h("span", { "data-place": name }, element);
      return { controls: [place("order", order.element), place("delay", delay.element)], read: () => ({ order: numberOf(order.input) as number, delay: numberOf(delay.input) as number }) };
    },
  });

interface Words { name: string; label: string; hint: string }

export function pickedField<V>(words: Words, made: Picked<V>): Field {
  return { ...words, element: grouped(words, made.element), read: made.read, fill: (value) => made.fill((value ?? {}) as Record<string, V>) };
}

/** Picked things that may be left to somebody else: null while the box is not ticked. */
export function optionalField<V>(words: Words, own: string, made: Picked<V>): Field {
  const { element, input } = checkbox(own);
  const refresh = (): void => show(made.element, input.checked);
  input.addEventListener("input", refresh);
  return {
    ...words, element: grouped(words, element, made.element),
    read: () => (input.checked ? made.read() : null),
    fill: (value) => {
      input.checked = value !== null && value !== undefined;
      made.fill((value ?? {}) as Record<string, V>);
      refresh();
    },
  };
}
