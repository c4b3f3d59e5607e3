/** When a queue turns callers away, and where they go: opening hours, limits, and a way for each. */

import { h, show } from "../core/dom";
import { t } from "../core/texts";
import { changed, checkbox, grouped, numberField, selectOf, type Field } from "./controls";
import type { Hours, Way } from "./kinds";
import type { World } from "./world";

const DAY = 86_400;
const days = (): [string, string][] => [
  ["mon", t("Monday")], ["tue", t("Tuesday")], ["wed", t("Wednesday")], ["thu", t("Thursday")], ["fri", t("Friday")], ["sat", t("Saturday")], ["sun", t("Sunday")],
];
const WORKDAYS: Record<string, string[]> = Object.fromEntries(["mon", "tue", "wed", "thu", "fri"].map((day) => [day, ["08:00-18:00"]]));
/** "08:00-12:00, 13:00-17:00" as its parts. */
export const parts = (text: string): string[] => text.split(/[\s,;]+/).filter((one) => one !== "");

const ownZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const zones = (): string[] => {
  const known = (Intl as unknown as { supportedValuesOf?: (key: string) => string[] }).supportedValuesOf;
  return known ? known("timeZone") : [];
};

function hoursField(): Field {
  const words = { name: "hours", label: t("Opening hours"), hint: t("Outside of them nobody enters; who waits already is served.") };
  const limited = checkbox(t("Only at these hours"), { "data-testid": "has-hours" });
  const zone = h("input", { class: "in", list: "zones", autocomplete: "off", "aria-label": t("Time zone") });
  const list = h("datalist", { id: "zones" }, ...zones().map((one) => h("option", { value: one })));
  const inputs = days().map(([day, label]) => ({ day, label, input: h("input", { class: "in", placeholder: t("closed"), autocomplete: "off", "aria-label": label, "data-testid": `hours-${day}` }) }));
  const holidays = h("input", { class: "in", placeholder: "12-25, 2026-04-03", autocomplete: "off", "aria-label": t("Holidays") });
  const like = h("button", { type: "button", class: "btn sm" }, t("Tuesday to Friday as Monday"));
  const row = (place: string, label: string, ...inside: (HTMLElement | string)[]): HTMLElement =>
    h("div", { class: "hw", "data-place": place }, h("span", { class: "hw-l row13 ink2", "aria-hidden": "true" }, label), ...inside);
  const body = h("div", { class: "hws" },
    row("timezone", t("Time zone"), zone, list),
    h("div", { class: "hws-w", "data-place": "week" }, ...inputs.map((one) => row(one.day, one.label, one.input))),
    h("div", { class: "hw" }, h("span", { class: "hw-l" }), like),
    row("holidays", t("Holidays"), holidays),
    h("p", { class: "hint" }, t("Hours as 08:00-12:00, 13:00-17:30; past midnight as 22:00-06:00. Holidays as 2026-12-25, or 12-25 for every year.")));
  const put = (hours: Hours): void => {
    zone.value = hours.timezone;
    for (const one of inputs) one.input.value = (hours.week[one.day] ?? []).join(", ");
    holidays.value = hours.holidays.join(", ");
  };
  limited.input.addEventListener("change", () => {
    if (limited.input.checked && !zone.value) put({ timezone: ownZone(), week: WORKDAYS, holidays: [] });
    show(body, limited.input.checked);
  });
  like.addEventListener("click", () => {
    for (const one of inputs.slice(1, 5)) one.input.value = inputs[0]?.input.value ?? "";
    changed(body);
  });
  const read = (): Hours | null => {
    if (!limited.input.checked) return null;
    const week = Object.fromEntries(inputs.map((one): [string, string[]] => [one.day, parts(one.input.value)]).filter(([, spans]) => spans.length > 0));
    return { timezone: zone.value.trim(), week, holidays: parts(holidays.value) };
  };
  return {
    ...words, element: grouped(words, limited.element, body), read,
    fill: (value) => {
      const hours = value as Hours | null | undefined;
      limited.input.checked = Boolean(hours);
      put(hours ?? { timezone: "", week: {}, holidays: [] });
      show(body, Boolean(hours));
    },
  };
}

/** A queue, a flow, or what is usual. */
function wayField(words: { name: string; label: string; hint: string }, usual: string, world: World, self: string): Field {
  const queues = world.queues.filter(([id]) => id !== self).map(([id, label]): [string, string] => [`q:${id}`, t("Queue: {name}", { name: label })]);
  const select = selectOf([["", usual], ...queues, ["f:", t("Another flow …")]]);
  const flow = h("input", { class: "in", maxlength: 60, placeholder: t("name of the flow"), autocomplete: "off", "aria-label": t("Flow") });
  const id = `f-${words.name}`;
  select.id = id;
  select.setAttribute("aria-describedby", `${id}-hint`);
  const element = h("div", { class: "fd", "data-place": words.name, "data-testid": id }, h("label", { class: "fl", for: id }, words.label),
    h("div", { class: "fd-in", "data-place": "queue_id" }, select), h("div", { class: "fd-in", "data-place": "flow" }, flow), h("p", { class: "hint", id: `${id}-hint` }, words.hint));
  const refresh = (): void => show(flow, select.value === "f:");
  select.addEventListener("change", refresh);
  return {
    ...words, element,
    read: (): Way | null => {
      if (select.value === "f:") return { queue_id: null, flow: flow.value.trim() };
      return select.value ? { queue_id: select.value.slice(2), flow: "" } : null;
    },
    fill: (value) => {
      const way = value as Way | null | undefined;
      const queue = way?.queue_id ? `q:${way.queue_id}` : "";
      if (queue && ![...select.options].some((one) => one.value === queue)) select.append(h("option", { value: queue }, way?.queue_id ?? ""));
      select.value = way ? queue || "f:" : "";
      flow.value = way?.flow ?? "";
      refresh();
    },
  };
}

export function limits(world: World, self: string): Field[] {
  const tooMany = t("Say that all are busy, and hang up");
  return [
    hoursField(),
    wayField({ name: "when_closed", label: t("When it is closed"), hint: t("Where callers go outside the hours.") }, t("Say so, and hang up"), world, self),
    numberField({ name: "max_waiting", label: t("At most waiting"), hint: t("More do not enter. Empty: any number.") }, { most: 100_000, step: "1", placeholder: t("any number") }),
    wayField({ name: "when_full", label: t("When it is full"), hint: t("Where those go who find that many waiting.") }, tooMany, world, self),
    numberField({ name: "max_wait", label: t("Longest wait"), hint: t("In all, other queues before included. Empty: without end.") }, { unit: t("s"), least: 1, most: DAY, placeholder: t("without end") }),
    wayField({ name: "when_too_long", label: t("After the longest wait"), hint: t("To another queue they keep their place.") }, tooMany, world, self),
    wayField({ name: "when_nobody", label: t("When nobody is there"), hint: t("Nobody signed in who could ever take it.") }, t("They wait"), world, self),
    numberField({ name: "nobody_after", label: t("Nobody there for"), hint: t("So long before they are sent on.") }, { unit: t("s"), most: DAY }),
  ];
}
