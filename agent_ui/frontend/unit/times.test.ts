import assert from "node:assert/strict";
import { test } from "node:test";
import { useCatalogue, t, tn, percent } from "../src/core/texts";
import { left, severity, timer, when } from "../src/core/times";

const NOW = Date.parse("2026-11-21T10:44:00Z");

test("a timer counts whole seconds and never goes below zero", () => {
  const shown = [-3, 0, 38.9, 119, 860, 3599, 3734].map(timer);
  assert.deepEqual(shown, ["0:00", "0:00", "0:38", "1:59", "14:20", "59:59", "1:02:14"]);
});

test("time left changes its unit: seconds, minutes, hours, then the day", () => {
  useCatalogue("en", {});
  assert.equal(left(119, NOW), "1:59");
  assert.equal(left(120, NOW), "2 min");
  assert.equal(left(3599, NOW), "59 min");
  assert.equal(left(18_600, NOW), "5 h 10");
  assert.equal(left(6 * 86_400, NOW + 6 * 86_400_000), "Fri 27");
});

test("the last quarter is soon, zero is over", () => {
  assert.deepEqual([[20, 20], [5.1, 20], [5, 20], [0.1, 20], [0, 20], [-4, 20]].map(([rest, all]) => severity(rest as number, all as number)), ["", "", "soon", "soon", "breach", "breach"]);
});

test("when something was is said as people say it", () => {
  useCatalogue("en", {});
  assert.match(when("2026-11-21T08:02:00Z", NOW), /^\d\d:\d\d$/);
  assert.match(when("2026-11-17T17:26:00Z", NOW), /^Tue \d\d:\d\d$/);
  assert.equal(when("2026-11-01T12:00:00Z", NOW), "1 Nov");
  assert.equal(when("2024-02-01T12:00:00Z", NOW), "Feb 2024");
});

test("a text without a translation is its own; params are put in, unknown names stay", () => {
  useCatalogue("ru", { "Answer": ["Ответить"], "{n} min": ["{n} мин"], "Empty": [""] });
  assert.equal(t("Answer"), "Ответить");
  assert.equal(t("{n} min", { n: 3 }), "3 мин");
  assert.equal(t("Empty"), "Empty");
  assert.equal(t("Hello {who}"), "Hello {who}");
});

test("a text put in is not searched for names again", () => {
  useCatalogue("en", {});
  assert.equal(t("{a} {b}", { a: "{b}", b: "x" }), "{b} x");
});

test("plural forms follow the language", () => {
  useCatalogue("ru", { "{n} call": ["{n} звонок", "{n} звонка", "{n} звонков"] });
  const shown = [1, 2, 5, 11, 21, 24, 112].map((n) => tn("{n} call", "{n} calls", n));
  assert.deepEqual(shown, ["1 звонок", "2 звонка", "5 звонков", "11 звонков", "21 звонок", "24 звонка", "112 звонков"]);
  useCatalogue("es", { "{n} call": ["{n} llamada", "{n} llamadas"] });
  assert.deepEqual([1, 2, 1_000_000].map((n) => tn("{n} call", "{n} calls", n)).map((text) => text.split(" ")[1]), ["llamada", "llamadas", "llamadas"]);
  useCatalogue("en", {});
  assert.deepEqual([1, 2].map((n) => tn("{n} call", "{n} calls", n)), ["1 call", "2 calls"]);
});

test("percent is of a hundred", () => {
  useCatalogue("en", {});
  assert.equal(percent(83.4, 1), "83.4%");
  assert.equal(percent(71), "71%");
});
