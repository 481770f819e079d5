import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { LINGER_MS, SpeakingMarks } from "../app/speaking.js";

let shown;
let marks;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  shown = [];
  marks = new SpeakingMarks((peers) => shown.push([...peers]));
});

test("a mark comes at once and stays through the pause between two words", () => {
  marks.heard(new Set(["p1"]));
  for (let word = 0; word < 5; word++) {
    marks.heard(new Set());
    mock.timers.tick(LINGER_MS - 1);
    marks.heard(new Set(["p1"]));
    mock.timers.tick(LINGER_MS * 2);
  }
  assert.deepEqual(shown, [["p1"]]);
});

test("a mark goes when its person has fallen silent, whoever else speaks", () => {
  marks.heard(new Set(["p1", "p2"]));
  marks.heard(new Set(["p2"]));
  mock.timers.tick(LINGER_MS / 2);
  marks.heard(new Set(["p2", "p3"]));
  mock.timers.tick(LINGER_MS / 2);
  assert.deepEqual(shown, [["p1", "p2"], ["p1", "p2", "p3"], ["p2", "p3"]]);
});

test("when nobody is heard any more, all marks go at once and none comes back", () => {
  marks.heard(new Set(["p1", "p2"]));
  marks.heard(new Set(["p2"]));
  marks.clear();
  mock.timers.tick(LINGER_MS * 2);
  assert.deepEqual(shown, [["p1", "p2"], []]);
});
