/** What the server's own audits found and put right: it compares itself with the phone system all the time. */

import { byId, h, icon, keyed, setText, show, type Row } from "../core/dom";
import type { CheckFound, Checks } from "../core/model";
import { t } from "../core/texts";
import { clockTime } from "../core/times";

const WORDS: Record<string, () => string> = {
  "call-gone": () => t("A call was shown that is over."),
  "call-unknown": () => t("A call was up that was not shown."),
  "talk-unknown": () => t("A conversation was not shown."),
  "talk-over": () => t("A conversation was shown that is over."),
  "caller-astray": () => t("A caller waited outside the hold music."),
  "leg-for-nobody": () => t("A phone rang for nobody."),
  "far-leg-for-nobody": () => t("A phone was held by a call from another phone system that is over."),
  "not-in-line": () => t("A caller was missing in the line."),
  "in-line-for-nobody": () => t("A place in line was kept for nobody."),
  "work-for-nobody": () => t("An agent was kept busy by work that is over."),
  "agent-left-idle": () => t("A caller waited while an agent was free."),
  "too-long-in-flow": () => t("A call stayed in its flow too long."),
  "too-long-alerting": () => t("A phone rang too long."),
  "too-long-leaving": () => t("A caller whose conversation was over stayed on the line."),
  "too-long-in-wrap-up": () => t("A wrap-up did not end."),
  "row-left-open": () => t("A contact was left open in the database."),
};

function row(first: CheckFound): Row<CheckFound> {
  const text = h("b", { class: "ell" });
  const about = h("small", { class: "ell" });
  const at = h("time", { class: "num small mut" });
  const element = h("li", { "data-testid": "check-row", "data-code": first.code }, h("span", { class: "m" }, icon("alert-triangle")), h("div", { class: "d" }, text, about), at);
  return {
    element,
    set(one) {
      setText(text, WORDS[one.code]?.() ?? one.code);
      setText(about, [one.server_id, one.about].filter(Boolean).join(" · "));
      setText(at, clockTime(one.at, true));
    },
  };
}

export function paintChecks(checks: Checks | null): void {
  const found = checks?.found ?? [];
  keyed(byId("checks"), found, (one) => `${one.at} ${one.code} ${one.about}`, row);
  show(byId("checks-none"), found.length === 0);
  setText(byId("checks-at"), checks?.at ? t("last at {time}", { time: clockTime(checks.at, true) }) : "");
}
