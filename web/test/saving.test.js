import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Saving } from "../app/saving.js";

let stored;
let saving;

beforeEach(() => {
  stored = new Map();
  saving = new Saving({ getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value) });
});

const SHOWN = [{ track: "t10", width: 1280, height: 720, priority: 1 }, { track: "t11", width: 200, height: 150, priority: 0 }];

test("by default everything on the screen is asked for as large as it is, and our camera is not held back", () => {
  assert.equal(saving.level, "auto");
  assert.deepEqual(saving.ask(SHOWN), SHOWN);
  assert.deepEqual([saving.limitsCamera, saving.showsPictures], [false, true]);
});

test("who saves data asks for small pictures and sends one", () => {
  saving.choose("saver");
  assert.deepEqual(saving.ask(SHOWN), [{ track: "t10", width: 320, height: 180, priority: 1 }, { track: "t11", width: 200, height: 150, priority: 0 }]);
  assert.deepEqual([saving.limitsCamera, saving.showsPictures], [true, true]);
});

test("who wants sound alone asks for no picture", () => {
  saving.choose("audio");
  assert.deepEqual(saving.ask(SHOWN), []);
  assert.deepEqual([saving.limitsCamera, saving.showsPictures], [true, false]);
});

test("the choice is told once and remembered; what nobody knows is the default", () => {
  const told = [];
  saving.on("change", (level) => told.push(level));
  saving.choose("saver");
  saving.choose("saver");
  assert.deepEqual(told, ["saver"]);
  assert.equal(stored.get("parlor.quality"), "saver");
  stored.set("parlor.quality", "ultra");
  assert.equal(saving.level, "auto");
});
