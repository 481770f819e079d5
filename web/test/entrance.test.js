import assert from "node:assert/strict";
import { test } from "node:test";

import { Entrance } from "../app/entrance.js";

test("whoever is on the way in does not go in a second time", async () => {
  const joins = [];
  let arrive;
  const arrived = new Promise((resolve) => (arrive = resolve));
  const entrance = new Entrance((room, name) => (joins.push([room, name]), arrived), new AbortController().signal);
  const first = entrance.enter("tea", "Ann");
  assert.equal(entrance.isOpen, false);
  await entrance.enter("tea", "Ann");
  arrive();
  await first;
  assert.deepEqual(joins, [["tea", "Ann"]]);
});

test("a refused join may be tried again", async () => {
  const entrance = new Entrance(() => Promise.reject(new Error("full")), new AbortController().signal);
  await assert.rejects(entrance.enter("tea", "Ann"), { message: "full" });
  assert.equal(entrance.isOpen, true);
});

test("a page that is gone joins nothing, and takes its join with it", async () => {
  const page = new AbortController();
  const joins = [];
  const entrance = new Entrance(async (...join) => void joins.push(join), page.signal);
  await entrance.enter("tea", "Ann");
  page.abort();
  await entrance.enter("tea", "Ann");
  assert.equal(joins.length, 1);
  assert.equal(joins[0][2].aborted, true);
});

test("who calls off a join is back outside, which is no failure, and may go in later", async () => {
  const joins = [];
  const untilAborted = (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("left"))));
  const entrance = new Entrance((room, name, signal) => (joins.push(signal), joins.length === 1 ? untilAborted(signal) : Promise.resolve()), new AbortController().signal);
  const first = entrance.enter("tea", "Ann");
  entrance.callOff();
  await first;
  assert.equal(entrance.isOpen, true);
  await entrance.enter("tea", "Ann");
  assert.deepEqual(joins.map((signal) => signal.aborted), [true, false]);
});

test("calling off does nothing where nobody is on the way", async () => {
  const entrance = new Entrance(() => Promise.resolve(), new AbortController().signal);
  entrance.callOff();
  await entrance.enter("tea", "Ann");
  entrance.callOff();
  assert.equal(entrance.isOpen, true);
});
