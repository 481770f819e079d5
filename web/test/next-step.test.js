import assert from "node:assert/strict";
import { test } from "node:test";

import { MediaWatch } from "../sdk/media-watch.js";
import { nextStep, stageOf } from "../sdk/next-step.js";

const WELL = { socketOpen: true, joined: true, resumable: true, mediaKept: true, media: "healthy", restarts: 0 };

test("each loss has its step", () => {
  const step = (facts) => nextStep({ ...WELL, ...facts });
  assert.equal(step({}), "wait");
  assert.equal(step({ socketOpen: false, joined: false }), "wait");
  assert.equal(step({ joined: false }), "resume");
  assert.equal(step({ media: "silent" }), "restart");
  assert.equal(step({ media: "silent", restarts: 2 }), "rejoin");
  assert.equal(step({ joined: false, media: "silent" }), "rejoin");
  assert.equal(step({ joined: false, mediaKept: false }), "rejoin");
  assert.equal(step({ joined: false, resumable: false }), "join_afresh");
});

test("people are told which part is lost", () => {
  const stage = (facts, ever = true) => stageOf({ ...WELL, ...facts }, ever);
  assert.equal(stage({}), "connected");
  assert.equal(stage({ media: "starting" }, false), "connecting");
  assert.equal(stage({ socketOpen: false, joined: false }), "resuming");
  assert.equal(stage({ media: "silent" }), "restoring");
  assert.equal(stage({ media: "starting", restarts: 1 }), "restoring");
  assert.equal(stage({ socketOpen: false, joined: false, media: "silent" }), "unreachable");
  assert.equal(stage({ joined: false, media: "silent" }), "rejoining");
  assert.equal(stage({ media: "starting" }), "rejoining");
});

test("media that stops arriving is silent after three seconds, not before", () => {
  const watch = new MediaWatch(0);
  assert.equal(watch.sample(1_000, { received: 10, expected: true, state: "connected" }), "healthy");
  assert.equal(watch.sample(3_900, { received: 10, expected: true, state: "connected" }), "healthy");
  assert.equal(watch.sample(4_000, { received: 10, expected: true, state: "connected" }), "silent");
  assert.equal(watch.sample(6_000, { received: 11, expected: true, state: "connected" }), "healthy");
});

test("a room in which nothing should arrive is not silent", () => {
  const watch = new MediaWatch(0);
  for (let now = 1_000; now < 60_000; now += 1_000) {
    assert.equal(watch.sample(now, { received: 5, expected: false, state: "connected" }), "healthy");
  }
  assert.equal(watch.sample(60_000, { received: 5, expected: false, state: "failed" }), "silent");
});

test("a new connection gets a grace, and a failed one none", () => {
  const watch = new MediaWatch(0);
  assert.equal(watch.sample(7_900, { received: 0, expected: true, state: "connected" }), "starting");
  assert.equal(watch.sample(8_000, { received: 0, expected: true, state: "connected" }), "silent");
  watch.restarted(8_000);
  assert.equal(watch.sample(9_000, { received: 0, expected: true, state: "connecting" }), "starting");
  assert.equal(watch.sample(9_500, { received: 0, expected: true, state: "failed" }), "silent");
});

test("a first path that is not found in four seconds is looked for again, and the next one has more time", () => {
  const watch = new MediaWatch(0);
  const searching = { received: 0, expected: true, state: "connecting" };
  assert.equal(watch.sample(3_900, searching), "starting");
  assert.equal(watch.sample(4_000, searching), "silent");
  watch.restarted(4_000);
  assert.equal(watch.sample(11_900, searching), "starting");
  assert.equal(watch.sample(12_000, searching), "silent");
});
