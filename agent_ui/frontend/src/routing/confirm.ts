/** A question that stops: what would happen, and two ways on. Esc is no. */

import { h } from "../core/dom";
import { t } from "../core/texts";

export function confirmed(question: string, detail: string, act: string, look = "pri"): Promise<boolean> {
  const yes = h("button", { type: "button", class: `btn ${look}`, "data-testid": "confirm" }, act);
  const no = h("button", { type: "button", class: "btn", "data-testid": "cancel" }, t("Cancel"));
  const dialog = h("dialog", { class: "pop ask", "aria-labelledby": "ask-h", "data-testid": "ask" }, h("h2", { id: "ask-h" }, question), h("p", { class: "row13 ink2" }, detail), h("div", { class: "fx ask-a" }, no, yes));
  document.body.append(dialog);
  dialog.showModal();
  yes.focus();
  return new Promise((done) => {
    yes.addEventListener("click", () => dialog.close("yes"));
    no.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      done(dialog.returnValue === "yes");
      dialog.remove();
    });
  });
}
