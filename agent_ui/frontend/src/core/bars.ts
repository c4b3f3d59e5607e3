/** Bars at the top of a page: what happened, what is kept, what to do. One per id. */

import { h, icon, keyed, setText, type Row } from "./dom";
import type { IconName } from "./icons";
import { t } from "./texts";

export interface Bar {
  id: string;
  level: "breach" | "soon" | "";
  icon: IconName;
  title: string;
  text: string;
  action?: { label: string; act: () => void } | undefined;
  close?: (() => void) | undefined;
}

/** What is worse stands above. */
const RANK: Bar["level"][] = ["breach", "soon", ""];

function makeBar(first: Bar): Row<Bar> {
  let bar = first;
  const title = h("b");
  const text = h("span");
  const act = h("button", { type: "button", class: "btn sm", onclick: () => bar.action?.act() });
  const close = h("button", { type: "button", class: "btn gh sm sq", "aria-label": t("Close"), onclick: () => bar.close?.() }, icon("x"));
  const role = first.level === "breach" ? "alert" : "status";
  const element = h("div", { class: `bar ${first.level}`, role, "data-testid": `bar-${first.id}` },
    icon(first.icon), h("p", { class: "grow" }, title, " ", text), act, close);
  return {
    element,
    set(next) {
      bar = next;
      setText(title, next.title);
      setText(text, next.text);
      setText(act, next.action?.label ?? "");
      act.hidden = !next.action;
      close.hidden = !next.close;
    },
  };
}

export class Bars {
  private readonly shown = new Map<string, Bar>();

  constructor(private readonly element: HTMLElement) {}

  show(bar: Bar): void {
    this.shown.set(bar.id, bar);
    this.paint();
  }

  hide(id: string): void {
    if (this.shown.delete(id)) this.paint();
  }

  /** Show or hide by a fact: the bar is there exactly while the fact holds. */
  when(holds: boolean, id: string, make: () => Omit<Bar, "id">): void {
    if (holds) this.show({ id, ...make() });
    else this.hide(id);
  }

  private paint(): void {
    const bars = [...this.shown.values()].sort((one, other) => RANK.indexOf(one.level) - RANK.indexOf(other.level));
    keyed(this.element, bars, (bar) => bar.id, makeBar);
  }
}
