/** Every field of a queue: its words, its unit, and the section it stands in. */

import { h } from "../core/dom";
import { t } from "../core/texts";
import { announcements } from "./announce-fields";
import { checkbox, checkField, chips, chipsField, numberField, numberInput, numberOf, selectField, textField, type Field } from "./controls";
import { section } from "./form";
import type { Disposition, Levels, Step, Values, ValueStep } from "./kinds";
import { limits } from "./limit-fields";
import { levels, pickedField } from "./picked";
import { listedField } from "./rows";
import { media, teamName, type World } from "./world";

const MOST = 20;
const DAY = 86_400;
const seconds = (least = 0, most = DAY): { unit: string; least: number; most: number } => ({ unit: t("s"), least, most });

export const ORDERS = (): [string, string][] => [
  ["balanced", t("Balanced: the longest queue first")],
  ["priority", t("Priority, then who came first")],
  ["fifo", t("Who came first")],
  ["aging", t("Priority that waiting makes up for")],
  ["due", t("Who is due first")],
];
const RULES = (): [string, string][] => [
  ["least-flexible", t("Fewest skills and queues")],
  ["longest-idle", t("Idle the longest")],
  ["most-skilled", t("Most skilled")],
  ["fewest-handled", t("Fewest conversations handled")],
];

function basics(): Field[] {
  return [
    textField({ name: "name", label: t("Name"), hint: t("Flows name the queue so; upper and lower case are the same.") }, { look: "wide" }),
    numberField({ name: "priority", label: t("Priority"), hint: t("Higher is served first, 0 to 1000.") }, { most: 1000, step: "1" }),
    numberField({ name: "target_time", label: t("Answer within"), hint: t("The time the service level promises.") }, seconds(1)),
    numberField({ name: "goal", label: t("Goal"), hint: t("So many of a hundred shall be answered in that time.") }, { unit: "%", most: 100, step: "1" }),
    numberField({ name: "short_abandon_time", label: t("Short hang-up"), hint: t("Who hangs up sooner does not count.") }, seconds(0, 60)),
    numberField({ name: "ring_time", label: t("Ringing"), hint: t("So long it rings at one agent, then it goes on.") }, seconds(5, 120)),
    checkField({ name: "is_active", label: t("In use"), hint: t("A queue not in use takes no new work.") }),
  ];
}

function afterwards(): Field[] {
  const outcomes = listedField<Disposition>({ name: "dispositions", label: t("Outcomes"), hint: t("What an agent picks from, in this order. The code stays for reports, the text is shown.") }, {
    add: t("Add an outcome"), none: t("None."), most: 100, moves: true, look: "line", start: () => ({ code: "", label: "", is_active: true }),
    row: (value) => {
      const code = h("input", { class: "in", "aria-label": t("Code"), placeholder: t("Code"), maxlength: 60 });
      const label = h("input", { class: "in", "aria-label": t("Text"), placeholder: t("Text"), maxlength: 120 });
      const active = checkbox(t("In use"));
      [code.value, label.value, active.input.checked] = [value.code, value.label, value.is_active];
      return { parts: [h("span", { class: "l-code", "data-place": "code" }, code), h("span", { class: "grow", "data-place": "label" }, label), active.element], read: () => ({ code: code.value.trim(), label: label.value.trim(), is_active: active.input.checked }) };
    },
  });
  return [
    numberField({ name: "wrap_up_time", label: t("Wrap-up time"), hint: t("For work after the contact; 0 is none.") }, seconds()),
    numberField({ name: "wrap_up_extension", label: t("Extension"), hint: t("So much longer with each extension.") }, seconds()),
    numberField({ name: "wrap_up_limit", label: t("At most"), hint: t("Wrap-up with all its extensions.") }, seconds()),
    checkField({ name: "needs_disposition", label: t("An outcome is needed"), hint: t("Wrap-up ends only when one is picked.") }),
    outcomes,
  ];
}

function requirement(world: World): Field[] {
  return [
    pickedField({ name: "skills", label: t("Skills"), hint: t("An agent needs all of these, each at its level or better.") }, levels(world.skills)),
    listedField<Levels>({ name: "any_of", label: t("One of several"), hint: t("Of each group an agent needs one skill at its level.") }, {
      add: t("Add a group"), none: t("None."), most: MOST, start: () => ({}),
      row: (value) => {
        const made = levels(world.skills);
        made.fill(value);
        return { parts: [h("div", { class: "grow" }, made.element)], read: made.read };
      },
    }),
    chipsField({ name: "teams", label: t("Teams"), hint: t("Only agents of these teams; none ticked is any team.") }, world.teams, t("There is no team."), (id) => teamName(world, id)),
    pickedField({ name: "preferred", label: t("Preferred skills"), hint: t("Who has these comes first; nobody is excluded.") }, levels(world.skills)),
  ];
}

function stepRow(world: World, value: Step): { parts: HTMLElement[]; read(): Step } {
  const after = numberInput({ ...seconds(), least: 1 }, t("Seconds of waiting"));
  after.value = value.after === null ? "" : String(value.after);
  after.dataset["testid"] = "step-after";
  const lowered = levels(world.skills, 0);
  const teams = chips(world.teams, t("There is no team."), (id) => teamName(world, id));
  const any = checkbox(t("Any team will do"));
  lowered.fill(value.levels);
  teams.fill(value.teams);
  any.input.checked = value.any_team;
  const part = (name: string, title: string, ...inside: HTMLElement[]): HTMLElement => h("div", { class: "sp", role: "group", "aria-label": title, "data-place": name }, h("span", { class: "small b ink2" }, title), ...inside);
  const head = h("div", { class: "fx sp-h", "data-place": "after" }, h("span", { class: "row13" }, t("After")), h("span", { class: "fd-in short" }, after, h("span", { class: "unit" }, t("s"))));
  return {
    parts: [h("div", { class: "grow d-grid gap-2" }, head, part("levels", t("Levels still needed (0: not at all)"), lowered.element), part("teams", t("Teams added"), teams.element), any.element)],
    read: () => ({ after: numberOf(after) as number, levels: lowered.read(), teams: teams.read(), any_team: any.input.checked }),
  };
}

function relaxation(world: World): Field[] {
  const start = (before: Step[]): Step => ({ after: Math.min(DAY, Math.max(0, ...before.map((one) => one.after)) + 30), levels: {}, teams: [], any_team: false });
  return [listedField<Step>({ name: "steps", label: t("Steps"), hint: t("What is needed no more after so long; one step comes on top of the other, ordered by time.") }, {
    add: t("Add a step"), none: t("None: the need stays as it is, however long it waits."), most: MOST, start, row: (value) => stepRow(world, value), sorted: (value) => value.after, look: "cards",
  })];
}

function whichItem(): Field[] {
  const values = listedField<ValueStep>({ name: "value_steps", label: t("Points for value"), hint: t("From a yearly value of the customer on, so many points of priority; the highest step counts.") }, {
    add: t("Add a value"), none: t("None."), most: MOST, look: "line", sorted: (one) => one.value,
    start: (before) => ({ value: Math.max(0, ...before.map((one) => one.value)) + 1000, points: 1 }),
    row: (one) => {
      const value = numberInput({ most: 1e12 }, t("Yearly value from"));
      const points = numberInput({ least: -1000, most: 1000, step: "1" }, t("Points"));
      [value.value, points.value] = [String(one.value), String(one.points)];
      const part = (name: string, text: string, input: HTMLElement): HTMLElement => h("span", { class: "pk-v", "data-place": name }, h("span", { class: "small mut", "aria-hidden": "true" }, text), input);
      return { parts: [part("value", t("Yearly value from"), value), part("points", t("Points"), points)], read: () => ({ value: numberOf(value) as number, points: numberOf(points) as number }) };
    },
  });
  return [
    selectField({ name: "order", label: t("Order"), hint: t("Which waiting item a free agent gets.") }, ORDERS()),
    numberField({ name: "aging", label: t("Waiting per point"), hint: t("With that order: so much waiting makes up for one point of priority.") }, seconds()),
    numberField({ name: "late_after", label: t("Late after"), hint: t("Then it goes before what is on time. Empty: never late.") }, { ...seconds(), placeholder: t("never") }),
    numberField({ name: "late_guard", label: t("Late before its due time"), hint: t("A mail or ticket counts as late so long before it is due.") }, seconds()),
    numberField({ name: "weight", label: t("Weight"), hint: t("Balanced order: the length of this queue counts so many times.") }, { most: 1000 }),
    values,
  ];
}

function whichAgent(): Field[] {
  return [
    selectField({ name: "agent_rule", label: t("Rule"), hint: t("Who gets it when several are free.") }, RULES()),
    numberField({ name: "idle_guard", label: t("Idle guard"), hint: t("Who is idle so many times the mean goes first all the same.") }, { unit: "×", most: 1000 }),
    numberField({ name: "preferred_wait", label: t("Wait for the known agent"), hint: t("So long it waits for the agent the customer knows; 0 is not.") }, seconds()),
    numberField({ name: "vip_reserve", label: t("Kept for VIP"), hint: t("The last so many idle agents take only VIP customers.") }, { unit: t("agents"), most: 10_000, step: "1" }),
    chipsField({ name: "interrupts", label: t("Interrupts"), hint: t("Conversations of these media are set aside for this queue’s work; calls never.") }, media().filter(([id]) => id !== "voice"), t("None.")),
  ];
}

export interface QueueForm { fields: Field[]; sections: HTMLElement[] }

export function queueForm(world: World, id: string): QueueForm {
  const parts: [string, string, Field[]][] = [
    [t("Basics"), "", basics()],
    [t("Who is needed"), t("what an agent must have to get its work"), requirement(world)],
    [t("Relaxation"), t("what waiting makes dispensable"), relaxation(world)],
    [t("Which item first"), t("when an agent becomes free"), whichItem()],
    [t("Which agent"), t("when several could take it"), whichAgent()],
    [t("Limits"), t("when callers are sent on"), limits(world, id)],
    [t("Announcements"), t("what callers in line hear"), announcements()],
    [t("Wrap-up"), t("after the contact"), afterwards()],
  ];
  return { fields: parts.flatMap(([, , fields]) => fields), sections: parts.map(([title, hint, fields]) => section(title, hint, ...fields)) };
}

/** What a new queue begins with: the usual values of the API. */
export const NEW_QUEUE: Values = {
  name: "", priority: 0, target_time: 20, goal: 80, ring_time: 20, wrap_up_time: 60, wrap_up_extension: 60, wrap_up_limit: 180, short_abandon_time: 5,
  needs_disposition: true, is_active: true, skills: {}, dispositions: [], order: "balanced", aging: 60, late_after: 60, late_guard: 600, weight: 1,
  agent_rule: "least-flexible", idle_guard: 5, preferred_wait: 0, vip_reserve: 0, any_of: [], teams: [], preferred: {}, steps: [], interrupts: [], value_steps: [],
  hours: null, when_closed: null, max_waiting: null, when_full: null, max_wait: null, when_too_long: null, when_nobody: null, nobody_after: 30,
  announce_every: 0, announce: "both",
};
