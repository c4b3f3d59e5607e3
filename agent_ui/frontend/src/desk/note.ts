/**
 * The note of each interaction: saved shortly after typing stops, kept in this browser until the server has it.
 * One text field per interaction lives as long as the page; no update ever touches what is typed.
 */

import { byId, h, icon, region, setText, show } from "../core/dom";
import { CodedError } from "../core/errors";
import type { Work } from "../core/model";
import { clockTime } from "../core/times";
import { t } from "../core/texts";
import { bars, command, isLive, work } from "./state";

const SAVE_AFTER = 600;
const state = h("span", { class: "small mut right", "data-testid": "note-state", role: "status" });
const holder = h("div", { class: "pb d-flex flex-column grow" });
const editors = new Map<string, Editor>();

const keptKey = (id: string): string => `cc-note:${document.documentElement.dataset["user"] ?? ""}:${id}`;

class Editor {
  readonly field: HTMLTextAreaElement;
  private saved = "";
  private savedAt: string | null = null;
  private saving = false;
  private timer = 0;

  constructor(readonly id: string, private readonly title: string) {
    this.field = h("textarea", { class: "in grow", rows: 6, "data-testid": "note", "aria-labelledby": "note-h", maxlength: 20000, placeholder: t("What was it about? What was promised?") });
    this.field.addEventListener("input", () => this.typed());
    this.field.addEventListener("blur", () => void this.save());
    const kept = localStorage.getItem(keptKey(id));
    if (kept !== null) this.field.value = kept;
    if (kept !== null) this.timer = window.setTimeout(() => void this.save(), SAVE_AFTER);
  }

  get dirty(): boolean {
    return this.field.value !== this.saved;
  }

  /** Take the server's text unless the user has written something it does not have yet. */
  sync(one: Work): void {
    const clean = !this.dirty;
    if (!this.saving && one.note !== this.saved) {
      this.saved = one.note;
      if (clean && this.field.value !== one.note) this.field.value = one.note;
    }
    this.savedAt = one.note_saved_at ?? this.savedAt;
    if (this.dirty && !this.saving && isLive() && !this.timer) this.later();
  }

  private typed(): void {
    localStorage.setItem(keptKey(this.id), this.field.value);
    this.later();
    paintState();
  }

  private later(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.save(), SAVE_AFTER);
  }

  async save(): Promise<boolean> {
    clearTimeout(this.timer);
    this.timer = 0;
    if (!this.dirty || this.saving || !isLive()) return !this.dirty;
    const text = this.field.value;
    this.saving = true;
    paintState();
    try {
      const answer = await command("save-note", { interaction_id: this.id, text });
      this.accepted(text, String(answer["saved_at"] ?? ""));
    } catch (error) {
      if (error instanceof CodedError && ["not-found", "wrap-up-over", "conflict"].includes(error.code)) this.refused();
    } finally {
      this.saving = false;
      if (this.dirty && isLive() && !this.timer) this.later();
      paintState();
    }
    return !this.dirty;
  }

  /** The server has this text, by save-note or with the end of the wrap-up. */
  accepted(text: string, at: string | null): void {
    this.saved = text;
    this.savedAt = at || this.savedAt;
    if (this.field.value === text) localStorage.removeItem(keptKey(this.id));
  }

  private refused(): void {
    const text = this.field.value;
    this.saved = text;
    bars.show({
      id: `note-${this.id}`, level: "breach", icon: "notes",
      title: t("The note about {name} was not saved: the wrap-up is over.", { name: this.title }),
      text: t("Your text is kept in this browser."),
      action: { label: t("Copy the text"), act: () => void navigator.clipboard?.writeText(text) },
      close: () => {
        localStorage.removeItem(keptKey(this.id));
        bars.hide(`note-${this.id}`);
      },
    });
  }

  status(): { glyph: "check" | "clock" | null; text: string } {
    if (this.dirty && !isLive()) return { glyph: "clock", text: t("not sent, kept in this browser") };
    if (this.dirty || this.saving) return { glyph: null, text: t("saving") };
    return this.savedAt ? { glyph: "check", text: t("saved {time}", { time: clockTime(this.savedAt, true) }) } : { glyph: null, text: "" };
  }
}

let shownId = "";

function paintState(): void {
  const status = editors.get(shownId)?.status() ?? { glyph: null, text: "" };
  region(state, status, () => [status.glyph && icon(status.glyph, "s"), status.text]);
}

export function buildNote(): void {
  const title = h("h2", { id: "note-h" });
  setText(title, t("Notes"));
  byId("note").append(h("div", { class: "ph" }, title, h("kbd", { class: "hide-s" }, "N"), state), holder);
}

function editorOf(one: Work): Editor {
  let found = editors.get(one.interaction_id);
  if (!found) {
    found = new Editor(one.interaction_id, one.title);
    editors.set(one.interaction_id, found);
    holder.append(found.field);
  }
  return found;
}

/** Show the field of this interaction; the others stay, hidden, with what is in them. */
export function paintNote(one: Work | null): void {
  for (const editor of editors.values()) {
    const still = work(editor.id);
    if (still) editor.sync(still);
    else drop(editor);
  }
  if (one) editorOf(one).sync(one);
  shownId = one?.interaction_id ?? "";
  for (const editor of editors.values()) show(editor.field, editor.id === shownId);
  paintState();
}

function drop(editor: Editor): void {
  if (editor.dirty) {
    void editor.save();
    return;
  }
  editors.delete(editor.id);
  editor.field.remove();
}

export const noteText = (id: string): string => editors.get(id)?.field.value ?? "";
export const noteAccepted = (id: string, text: string): void => editors.get(id)?.accepted(text, null);
export const focusNote = (): void => editors.get(shownId)?.field.focus();
