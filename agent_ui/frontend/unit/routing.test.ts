import assert from "node:assert/strict";
import { test } from "node:test";
import { useCatalogue } from "../src/core/texts";
import { change, figure, notes, type DryRun } from "../src/routing/dry-run";
import { faultText } from "../src/routing/faults";
import { differing } from "../src/routing/form";
import { changeText, type Version } from "../src/routing/history";
import { serves, skillsOf } from "../src/routing/members";
import { needWords, passedWords } from "../src/routing/preview";
import { previewValues } from "../src/routing/queue";

const QUEUE = { id: "q", skills: {}, any_of: [], teams: [] };
const AGENT = { team_id: "north", effective: { skills: { german: 4 }, queues: null, capacity: { voice: 1 } } };
const WORLD = { skills: [["german", "German"], ["routers", "Routers"]] as [string, string][], teams: [["north", "North"]] as [string, string][], queues: [], profiles: [] };

test("an agent serves a queue by list, level, group and team", () => {
  useCatalogue("en", {});
  assert.ok(serves(AGENT, QUEUE));
  assert.ok(serves(AGENT, { ...QUEUE, skills: { german: 4 }, teams: ["north"], any_of: [{ routers: 1, german: 2 }] }));
  assert.ok(!serves(AGENT, { ...QUEUE, skills: { german: 5 } }));
  assert.ok(!serves(AGENT, { ...QUEUE, any_of: [{ routers: 1 }] }));
  assert.ok(!serves({ ...AGENT, team_id: null }, { ...QUEUE, teams: ["north"] }));
  assert.ok(!serves({ ...AGENT, effective: { ...AGENT.effective, queues: {} } }, QUEUE));
});

test("every rule's skills count as used", () => {
  const step = { after: 30, levels: { c: 0 }, teams: [], any_team: false };
  assert.deepEqual([...skillsOf({ skills: { a: 1 }, any_of: [{ b: 1 }], preferred: { d: 1 }, steps: [step] })].sort(), ["a", "b", "c", "d"]);
});

test("only what differs is sent", () => {
  const field = (name: string, value: unknown): { name: string; read(): unknown } => ({ name, read: () => value });
  const base = new Map([["goal", "80"], ["teams", "[]"]]);
  assert.deepEqual(differing([field("goal", 80), field("teams", ["north"])], base), { teams: ["north"] });
});

test("a preview asks about rules, of the queue there is", () => {
  assert.deepEqual(previewValues({ name: "x", dispositions: [], goal: 90 }, "q1"), { goal: 90, queue_id: "q1" });
  assert.deepEqual(previewValues({ name: "x" }, ""), {});
});

test("codes become words, unknown ones are named", () => {
  assert.equal(faultText("not-ascending"), "Each must be higher than the one before.");
  assert.equal(faultText("int-type"), "A whole number is needed.");
  assert.equal(faultText("float-type"), "A number is needed.");
  assert.equal(faultText("greater-than-equal"), "This is out of its bounds.");
  assert.equal(faultText("odd"), "This cannot be (odd).");
});

test("needs and who is passed over are said with names", () => {
  assert.equal(needWords({ skills: { german: 6 }, any_of: [{ routers: 5, german: 1 }], teams: ["north"] }, WORLD), "German 6, Routers 5 or German 1, North");
  assert.equal(needWords({ skills: {}, any_of: [], teams: [] }, WORLD), "nothing");
  assert.equal(passedWords({ reason: "skill", name: "german", level: 6, agents: 3 }, WORLD), "3 lack German 6 or better");
  assert.equal(passedWords({ reason: "skill", name: "", level: 0, agents: 1 }, WORLD), "1 lacks a skill");
  assert.equal(passedWords({ reason: "odd", name: "", level: 0, agents: 2 }, WORLD), "2 could not take it (odd)");
});

test("a version says what it changed, plain values with before and after", () => {
  const version = (number: number, change: string, fields: string[], settings: Record<string, unknown>): Version => ({ version: number, at: "", by: "", change, fields, settings });
  const labels = new Map([["goal", "Goal"], ["steps", "Steps"], ["late_after", "Late after"]]);
  const before = version(1, "created", [], { goal: 80, steps: [], late_after: 60 });
  assert.equal(changeText(before, undefined, labels), "created");
  assert.equal(changeText(version(2, "updated", ["goal", "late_after", "steps"], { goal: 90, steps: [1], late_after: null }), before, labels), "Goal 80 → 90, Late after 60 → –, Steps");
  assert.equal(changeText(version(3, "restored", ["goal"], { goal: 85 }), before, labels), "restored: Goal 80 → 85");
});

test("differences have a sign, and none where nothing differs", () => {
  useCatalogue("en", {});
  assert.deepEqual([4.25, -0.5, 0, null].map((one) => change(one)), ["+4.3", "−0.5", "0", "–"]);
  assert.deepEqual([12.4, -75, 0.2].map((one) => change(one, true)), ["+0:12", "−1:15", "0:00"]);
  assert.deepEqual([figure(null), figure(99.96), figure(61.6, true)], ["–", "100", "1:02"]);
});

test("what a played day left out and assumed is said, and nothing else", () => {
  useCatalogue("en", {});
  const none = { ignored: [], left_out: { queue_gone: 0, skill_gone: 0, agents_gone: 0 }, assumed: { patience: 0, for_ever: 0, handle_time: 0 } } as unknown as DryRun;
  assert.deepEqual(notes(none, new Map()), []);
  const some = { ...none, ignored: ["max_wait", "goal"], left_out: { queue_gone: 1, skill_gone: 2, agents_gone: 0 } };
  assert.deepEqual(notes(some, new Map([["max_wait", "Longest wait"]])), [
    "These changes have no part in it: Longest wait, goal.",
    "1 caller is left out: the queue is no more.",
    "2 callers are left out: a skill they asked for is no more.",
  ]);
});
