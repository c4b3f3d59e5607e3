/** What every signed-in page has: user menu (theme, language, sign out), search, the list of keys. */

import { api } from "./api";
import { byId, h, icon, inField, type Child } from "./dom";
import type { IconName } from "./icons";
import { menu } from "./menu";
import { startSearch } from "./search";
import { t } from "./texts";
import { setTheme, theme, type Theme } from "./theme";

export const LANGUAGES: Record<string, string> = { en: "English", ru: "Русский", es: "Español" };

export interface Shell {
  /** The keys this page knows, shown by "?". */
  keys: [string, string][];
  /** May the page reload now? A page with a call in hand says no and is asked again later. */
  mayReload(): boolean;
}

let shell: Shell;
let wantsReload = false;

function segment(label: string, options: [string, Child][], current: string, pick: (value: string) => void): HTMLElement {
  const buttons = options.map(([value, text]) => {
    const button = h("button", { type: "button", "aria-pressed": String(value === current) }, text);
    button.addEventListener("click", () => {
      buttons.forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
      pick(value);
    });
    return button;
  });
  return h("div", { class: "menu-seg" }, h("span", { class: "small mut" }, label), h("div", { class: "seg", role: "group", "aria-label": label }, ...buttons));
}

/** Reload when nothing can be lost; asked again by the desk whenever its work changes. */
export function reloadWhenFree(): void {
  if (wantsReload && shell.mayReload()) location.reload();
}

async function setLanguage(code: string): Promise<void> {
  await api.patch("/api/v1/session", { language: code });
  wantsReload = true;
  reloadWhenFree();
}

export async function signOut(): Promise<void> {
  try {
    await api.delete("/api/v1/session");
  } finally {
    location.href = "/login";
  }
}

function entry(name: IconName, text: string, act: () => void, id?: string): HTMLElement {
  const made = h("button", { type: "button", class: id === "keys-open" ? "mi hide-s" : "mi", "data-testid": id ?? null }, icon(name), h("span", { class: "grow" }, text));
  made.addEventListener("click", act);
  return made;
}

/** The settings block: the user menu on a wide screen, the "More" tab on a phone. */
export function userMenu(): HTMLElement[] {
  const html = document.documentElement;
  const themes: [Theme, Child][] = [["light", t("Light")], ["dark", t("Dark")], ["auto", t("Automatic")]];
  return [
    h("p", { class: "menu-h" }, h("b", null, html.dataset["userName"] ?? ""), h("small", { class: "mut d-block" }, html.dataset["userLogin"] ?? "")),
    segment(t("Colours"), themes, theme(), (value) => setTheme(value as Theme)),
    segment(t("Language"), Object.entries(LANGUAGES), html.lang, (value) => void setLanguage(value)),
    entry("keyboard", t("Keyboard shortcuts"), openKeys, "keys-open"),
    entry("logout", t("Sign out"), () => void signOut(), "sign-out"),
  ];
}

let keysDialog: HTMLDialogElement | null = null;

export function openKeys(): void {
  keysDialog?.remove();
  const rows = [...shell.keys, ["/", t("Search")], ["?", t("This list")], ["Esc", t("Close what is open")]] as [string, string][];
  const close = h("button", { type: "button", class: "btn gh sq", "aria-label": t("Close") }, icon("x"));
  keysDialog = h("dialog", { class: "pop keys", "aria-labelledby": "keys-h", "data-testid": "keys" },
    h("div", { class: "fx" }, h("h2", { id: "keys-h", class: "grow" }, t("Keyboard shortcuts")), close),
    h("dl", { class: "keys-l" }, ...rows.map(([key, act]) => h("div", null, h("dt", null, h("kbd", null, key)), h("dd", null, act)))));
  close.addEventListener("click", () => keysDialog?.close());
  document.body.append(keysDialog);
  keysDialog.showModal();
}

export function startShell(options: Shell): void {
  shell = options;
  menu(byId("me"), byId("me-menu"), () => byId("me-menu").replaceChildren(...userMenu()));
  startSearch();
  byId("shortcuts-open").addEventListener("click", openKeys);
  document.addEventListener("keydown", (event) => {
    if (event.key === "?" && !inField(event.target)) openKeys();
  });
}
