/** The sign-in page. */

import { api } from "./core/api";
import { byId, icon, show } from "./core/dom";
import { CodedError, errorText, retryText } from "./core/errors";
import { loadTexts, t } from "./core/texts";

const form = byId<HTMLFormElement>("login");
const name = byId<HTMLInputElement>("login-name");
const password = byId<HTMLInputElement>("login-password");
const go = byId<HTMLButtonElement>("login-go");
const bar = byId("login-error");

let chosen = "";
let countdown = 0;
let lastError: (() => string) | null = null;

function say(text: (() => string) | null): void {
  lastError = text;
  if (text) bar.replaceChildren(icon("alert-circle"), text());
  show(bar, text !== null);
}

function waitOut(seconds: number): void {
  let rest = Math.max(1, Math.ceil(seconds));
  clearInterval(countdown);
  go.disabled = true;
  const step = (): void => {
    if (rest <= 0) {
      clearInterval(countdown);
      go.disabled = false;
      return say(null);
    }
    const shown = rest--;
    say(() => retryText(shown));
  };
  step();
  countdown = window.setInterval(step, 1000);
}

function mark(field: HTMLInputElement, wrong: boolean): void {
  field.classList.toggle("err", wrong);
  field.setAttribute("aria-invalid", String(wrong));
}

function firstEmpty(): HTMLInputElement | undefined {
  [name, password].forEach((field) => mark(field, !field.value));
  return [name, password].find((field) => !field.value);
}

/** Only a path of ours may be the way back. */
function wayBack(): string {
  const next = new URLSearchParams(location.search).get("next") ?? "/";
  return /^\/(?![/\\])/.test(next) ? next : "/";
}

async function signIn(): Promise<void> {
  const empty = firstEmpty();
  if (empty) {
    say(() => t("Type your name and your password."));
    return empty.focus();
  }
  go.disabled = true;
  try {
    await api.post("/api/v1/session", { login: name.value.trim(), password: password.value });
    if (chosen) await api.patch("/api/v1/session", { language: chosen }).catch(() => undefined);
    location.href = wayBack();
  } catch (error) {
    refused(error);
  }
}

function refused(error: unknown): void {
  go.disabled = false;
  const coded = error instanceof CodedError ? error : null;
  if (coded?.code === "rate-limited") return waitOut(Number(coded.fields["retry_after"] ?? 60));
  say(() => (coded?.code === "link-lost" ? t("The server does not answer. Try again in a moment.") : errorText(error)));
  if (coded?.code !== "bad-credentials") return;
  mark(password, true);
  password.select();
}

async function useLanguage(code: string): Promise<void> {
  chosen = code;
  localStorage.setItem("cc-lang", code);
  document.documentElement.lang = code;
  await loadTexts(code);
  for (const element of document.querySelectorAll<HTMLElement>("[data-msgid]")) element.textContent = t(element.dataset["msgid"] ?? "");
  for (const button of document.querySelectorAll("#login-lang button")) {
    button.setAttribute("aria-pressed", String(button.getAttribute("data-lang") === code));
  }
  document.title = `${t("Sign in")} · contactcenter`;
  if (lastError) say(lastError);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!go.disabled) void signIn();
});
byId("login-lang").addEventListener("click", (event) => {
  const code = event.target instanceof Element ? event.target.getAttribute("data-lang") : null;
  if (code) void useLanguage(code);
});

const kept = localStorage.getItem("cc-lang");
if (kept && kept !== document.documentElement.lang) void useLanguage(kept);
else void loadTexts(document.documentElement.lang);
