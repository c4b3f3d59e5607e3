import assert from "node:assert/strict";
import { test } from "node:test";
import { SlotStore } from "../src/core/slots";

const snapshot = (seq: number, slots: Record<string, unknown>) => ({ type: "snapshot" as const, epoch: "e", seq, now: "", slots });
const changes = (prev: number, seq: number, slots: Record<string, unknown>) => ({ type: "changes" as const, prev, seq, slots });

function shown(store: SlotStore): Record<string, unknown> {
  return Object.fromEntries(["me", "work:1", "work:2", "card:1"].map((name) => [name, store.get(name)]).filter(([, value]) => value !== null));
}

test("old snapshot and changes make what a fresh snapshot holds", () => {
  const store = new SlotStore();
  store.snapshot(snapshot(4, { me: 1, "work:1": { a: 1 }, "card:1": 7 }));
  store.changes(changes(4, 5, { "work:1": { b: 2 }, "work:2": 3 }));
  store.changes(changes(5, 9, { "card:1": null }));
  const fresh = new SlotStore();
  fresh.snapshot(snapshot(9, { me: 1, "work:1": { b: 2 }, "work:2": 3 }));
  assert.deepEqual(shown(store), shown(fresh));
  assert.deepEqual(store.resume(), { epoch: "e", seq: 9 });
});

test("a gap changes nothing and is reported", () => {
  const store = new SlotStore();
  store.snapshot(snapshot(4, { me: 1 }));
  assert.deepEqual(store.changes(changes(5, 6, { me: 2 })), { gap: true });
  assert.equal(store.get("me"), 1);
  assert.deepEqual(store.resume(), { epoch: "e", seq: 4 });
});

test("changes before any snapshot are a gap", () => {
  assert.deepEqual(new SlotStore().changes(changes(0, 1, { me: 1 })), { gap: true });
});

test("a snapshot names what came and what went", () => {
  const store = new SlotStore();
  store.snapshot(snapshot(1, { me: 1, "work:1": 1 }));
  assert.deepEqual(new Set(store.snapshot(snapshot(8, { me: 1, "work:2": 1 }))), new Set(["me", "work:1", "work:2"]));
  assert.equal(store.get("work:1"), null);
});

test("a family of slots is found by its prefix", () => {
  const store = new SlotStore();
  store.snapshot(snapshot(1, { me: 1, "work:1": "a", "work:2": "b", "card:1": "c" }));
  assert.deepEqual(store.all("work:"), ["a", "b"]);
});

test("a page that forgot its place asks for a fresh snapshot", () => {
  const store = new SlotStore();
  assert.equal(store.resume(), null);
  store.snapshot(snapshot(3, { me: 1 }));
  store.forgetPlace();
  assert.equal(store.resume(), null);
  assert.equal(store.get("me"), 1);
});
