/** Lists of which each part is a small form: steps, groups, dispositions. Places of faults are their numbers. */

import { h, icon, show } from "../core/dom";
import { t } from "../core/texts";
import { changed, grouped, type Field } from "./controls";

export interface ListedRow<V> { parts: HTMLElement[]; read(): V }

export interface ListedOptions<V> {
  add: string;
  none: string;
  most: number;
  /** What a new part begins as, behind these. */
  start(before: V[]): V;
  row(value: V): ListedRow<V>;
  /** Parts stand in the order of this number, whatever the order they were added in. */
  sorted?(value: V): number | null;
  /** Parts can be moved by hand. */
  moves?: boolean;
  look?: string;
}

interface Made<V> { element: HTMLElement; read(): V }

export function listedField<V>(words: { name: string; label: string; hint: string }, options: ListedOptions<V>): Field {
  let rows: Made<V>[] = [];
  const body = h("ol", { class: `ls ${options.look ?? ""}`.trim() });
  const none = h("p", { class: "mut row13" }, options.none);
  const add = h("button", { type: "button", class: "btn", "data-testid": `add-${words.name}` }, icon("plus", "s"), options.add);

  const refresh = (): void => {
    show(none, rows.length === 0);
    show(body, rows.length > 0);
    add.disabled = rows.length >= options.most;
  };
  /** Put the parts into their order without taking the focus from the one in hand. */
  const arrange = (): void => {
    const focused = document.activeElement;
    rows.forEach((row, place) => body.children[place] === row.element || body.insertBefore(row.element, body.children[place] ?? null));
    if (focused instanceof HTMLElement && body.contains(focused)) focused.focus();
  };
  const sort = (): void => {
    const rank = options.sorted;
    if (!rank) return;
    rows = rows.map((row) => ({ row, rank: rank(row.read()) ?? Infinity })).sort((a, b) => a.rank - b.rank).map((one) => one.row);
    arrange();
  };
  const move = (row: Made<V>, by: number): void => {
    const from = rows.indexOf(row);
    const to = from + by;
    if (to < 0 || to >= rows.length) return;
    rows.splice(to, 0, ...rows.splice(from, 1));
    arrange();
    changed(body);
  };
  const button = (text: string, name: "arrow-up" | "arrow-down" | "x", act: () => void): HTMLElement =>
    h("button", { type: "button", class: "btn gh sq sm", "aria-label": text, title: text, onclick: act }, icon(name, "s"));
  const take = (value: V): Made<V> => {
    const made = options.row(value);
    const remove = button(t("Remove"), "x", () => {
      rows = rows.filter((one) => one !== row);
      row.element.remove();
      refresh();
      add.focus();
      changed(body);
    });
    const moves = options.moves ? [button(t("Move up"), "arrow-up", () => move(row, -1)), button(t("Move down"), "arrow-down", () => move(row, 1))] : [];
    const row: Made<V> = { element: h("li", { "data-row": true }, ...made.parts, h("span", { class: "ls-a" }, ...moves, remove)), read: made.read };
    row.element.addEventListener("change", sort);
    rows.push(row);
    body.append(row.element);
    return row;
  };
  add.addEventListener("click", () => {
    const row = take(options.start(rows.map((one) => one.read())));
    refresh();
    row.element.querySelector<HTMLElement>("input, select")?.focus();
    changed(body);
  });
  return {
    ...words, element: grouped(words, none, body, h("div", null, add)),
    read: () => rows.map((row) => row.read()),
    fill: (value) => {
      rows = [];
      body.replaceChildren();
      ((value ?? []) as V[]).forEach(take);
      refresh();
    },
  };
}
