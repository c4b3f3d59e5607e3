/**
 * Texts for users. A msgid is the English sentence; the server's catalogue maps it to its forms in the user's
 * language, in gettext order (one form when nothing is counted). Params are put in as {name}.
 */

export type Catalogue = Record<string, string[]>;
export type Params = Record<string, string | number>;

let catalogue: Catalogue = {};
let language = "en";
let plurals = new Intl.PluralRules("en");

export function useCatalogue(lang: string, entries: Catalogue): void {
  language = lang;
  catalogue = entries;
  plurals = new Intl.PluralRules(lang);
}

/** Fetch the catalogue of a language; a page without one still works, in English. */
export async function loadTexts(lang: string): Promise<void> {
  let entries: Catalogue = {};
  try {
    const answer = await fetch(`/i18n/${encodeURIComponent(lang)}.json`, { headers: { Accept: "application/json" } });
    if (answer.ok) entries = ((await answer.json()) as { messages: Catalogue }).messages;
  } catch {
    entries = {};
  }
  useCatalogue(lang, entries);
}

export const lang = (): string => language;

/** Dates as people here say them: day before month and a 24-hour clock, in English too. */
export const dateLocale = (): string => (language === "en" ? "en-GB" : language);

function fill(text: string, params?: Params): string {
  if (!params) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in params ? String(params[name]) : whole));
}

export function t(msgid: string, params?: Params): string {
  return fill(catalogue[msgid]?.[0] || msgid, params);
}

/** gettext index of the form for n: one, few, then the rest (true for en, es and ru). */
function formIndex(n: number, forms: number): number {
  const kind = plurals.select(n);
  if (kind === "one") return 0;
  return kind === "few" ? Math.min(1, forms - 1) : forms - 1;
}

export function tn(singular: string, plural: string, n: number, params?: Params): string {
  const entry = catalogue[singular];
  const forms = entry && entry.length > 1 && entry.every(Boolean) ? entry : [singular, plural];
  const text = forms[formIndex(n, forms.length)] ?? plural;
  return fill(text, { n: number(n), ...params });
}

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits, minimumFractionDigits: 0 }).format(value);
}

export function percent(value: number, digits = 0): string {
  const style = { style: "percent", maximumFractionDigits: digits } as const;
  return new Intl.NumberFormat(language, style).format(value / 100);
}

export function money(value: number, currency: string): string {
  const options = { style: "currency", currency: currency || "EUR", maximumFractionDigits: 0 } as const;
  return new Intl.NumberFormat(language, options).format(value);
}
