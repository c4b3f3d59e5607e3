/** A searched, paged list: keeps old content while loading, says so when empty, offers the next page. */

import { api, query } from "../core/api";
import { h, icon, show } from "../core/dom";
import { errorText } from "../core/errors";
import { t } from "../core/texts";

export interface Page<T> { items: T[]; next: string | number | null }

export interface ListOptions<T> {
  path: string;
  limit: number;
  filters(): Record<string, string>;
  /** Headings with the look of their column (hide-s, c-...). */
  head: [text: string, look: string][];
  row(item: T): HTMLElement;
  caption: string;
  none: string;
}

export interface List { element: HTMLElement; reload(): void; leave(): void }

const TYPING = 200;

export function list<T>(options: ListOptions<T>): List {
  const body = h("tbody");
  const table = h("table", { class: "tb lt" }, h("caption", { class: "sr" }, options.caption), h("thead", null, h("tr", null, ...options.head.map(([text, look]) => h("th", { scope: "col", class: look || null }, text)))), body);
  const none = h("p", { class: "none", hidden: true }, options.none);
  const problem = h("div", { class: "bar breach", role: "alert", hidden: true });
  const more = h("button", { type: "button", class: "btn", "data-testid": "more", hidden: true }, t("Show more"));
  let next: string | number | null = null;
  let running: AbortController | null = null;
  let delay = 0;

  const load = async (cursor: string | number | null): Promise<void> => {
    running?.abort();
    running = new AbortController();
    try {
      const page = await api.get<Page<T>>(`${options.path}${query({ ...options.filters(), limit: options.limit, cursor })}`, running.signal);
      if (cursor === null) body.replaceChildren();
      body.append(...page.items.map(options.row));
      next = page.next;
      show(none, !body.children.length);
      show(table, body.children.length > 0);
      show(more, next !== null);
      show(problem, false);
    } catch (error) {
      if (error instanceof DOMException) return;
      problem.replaceChildren(icon("alert-circle"), h("span", { class: "grow" }, errorText(error)), retry);
      show(problem, true);
    }
  };
  const retry = h("button", { type: "button", class: "btn sm", onclick: () => void load(null) }, t("Try again"));
  more.addEventListener("click", () => void load(next));
  const reload = (): void => {
    clearTimeout(delay);
    delay = window.setTimeout(() => void load(null), TYPING);
  };
  void load(null);
  return { element: h("div", { class: "list" }, problem, h("div", { class: "scr" }, table), none, h("div", { class: "list-f" }, more)), reload, leave: () => running?.abort() };
}
