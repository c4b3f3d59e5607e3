/** Who did something, by name where the user may know names. */

import { api } from "../core/api";
import { t } from "../core/texts";
import { may } from "./world";

let known: Promise<Map<string, string>> | null = null;

async function load(): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  let cursor: string | null = null;
  do {
    const page: { items: { id: string; name: string }[]; next: string | null } = await api.get(`/api/v1/users?limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    for (const user of page.items) names.set(user.id, user.name);
    cursor = page.next;
  } while (cursor !== null);
  return names;
}

/** Users by id; asked once, nobody when it cannot be told. */
export function userNames(): Promise<Map<string, string>> {
  known ??= may("users:read") ? load().catch(() => new Map()) : Promise.resolve(new Map());
  return known;
}

export function actor(by: string, names: Map<string, string>): string {
  if (!by) return t("The program");
  return by === document.documentElement.dataset["user"] ? t("You") : (names.get(by) ?? t("A colleague"));
}
