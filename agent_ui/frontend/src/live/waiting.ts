/** Who waits, longest first; each opens its why. */

import { since } from "../core/clock";
import { byId, h, icon, keyed, setAttr, setIcon, setText, show, type Row } from "../core/dom";
import type { WaitingRow } from "../core/model";
import { number, t } from "../core/texts";
import { waitText } from "../core/waits";

let ask: (id: string) => void = () => undefined;

function row(first: WaitingRow): Row<WaitingRow> {
  const glyph = h("span", { class: "m" });
  const name = h("b", { class: "ell" });
  const vip = h("span", { class: "tag vip" }, t("VIP"));
  const back = h("span", { class: "tag", title: t("Is called back when it is his turn") }, icon("phone-outgoing", "s"), t("Callback"));
  const detail = h("small", { class: "ell" });
  const clock = since(h("span", { class: "clock" }), first.since);
  const why = h("button", { type: "button", class: "btn sm", "data-testid": "why-open", "aria-label": `${t("Why?")} ${first.name || first.caller}`, onclick: () => ask(first.interaction_id) }, t("Why?"));
  const element = h("li", { "data-testid": "waiting-row", "data-interaction": first.interaction_id }, glyph, h("div", { class: "d" }, h("span", { class: "fx" }, name, vip, back), detail), clock, why);
  return {
    element,
    set(one) {
      const rings = one.state === "alerting";
      setIcon(glyph, rings ? "bell-ringing" : "phone");
      glyph.className = rings ? "m st alert-s" : "m";
      setText(name, one.name || one.caller || t("Number withheld"));
      show(vip, one.vip);
      show(back, one.is_callback);
      setText(detail, rings ? t("{queue} · rings at {agent}", { queue: one.queue.name, agent: one.agent }) : [`${one.queue.name} · #${one.place}`, waitText(one.wait)].filter(Boolean).join(" · "));
      setAttr(element, "data-state", one.state);
    },
  };
}

export function paintWaiting(all: WaitingRow[], onWhy: (id: string) => void): void {
  ask = onWhy;
  keyed(byId("waiting"), all, (one) => one.interaction_id, row);
  show(byId("waiting-none"), all.length === 0);
  setText(byId("waiting-n"), all.length ? number(all.length) : "");
}
