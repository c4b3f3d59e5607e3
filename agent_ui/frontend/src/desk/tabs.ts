/** The phone's four tabs: one column at a time. */

import { byId, h, icon } from "../core/dom";
import { LANGUAGES, userMenu } from "../core/shell";
import { t } from "../core/texts";

const app = byId("app");
let more: HTMLElement | null = null;

export function showTab(name: string): void {
  app.dataset["tab"] = name;
  for (const button of byId("tabs").querySelectorAll("button")) {
    if (button.dataset["tab"] === name) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  if (name === "more") fillMore();
}

function fillMore(): void {
  more ??= byId("desk").appendChild(h("section", { class: "more", "aria-label": t("More") }));
  const places = [...document.querySelectorAll<HTMLAnchorElement>(".rail a")].filter((link) => link.dataset["place"] !== "desk");
  const links = places.map((link) => h("a", { class: "mi", href: link.getAttribute("href") ?? "/", target: link.target || null }, icon("chevron-right"), h("span", { class: "grow" }, link.textContent?.trim() ?? "")));
  more.replaceChildren(...links, ...userMenu());
  more.lang = document.documentElement.lang in LANGUAGES ? document.documentElement.lang : "en";
}

export function startTabs(back: () => void): void {
  byId("tabs").addEventListener("click", (event) => {
    const name = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-tab]")?.dataset["tab"] : null;
    if (!name) return;
    back();
    showTab(name);
  });
  showTab("current");
}
