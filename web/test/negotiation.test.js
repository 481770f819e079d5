import assert from "node:assert/strict";
import { test } from "node:test";

import { NegotiationQueue } from "../sdk/negotiation.js";
import { settle } from "./world.js";

test("exchanges never overlap, and wishes made during one share the next", async () => {
  const exchanges = [];
  let finish;
  const queue = new NegotiationQueue((wish) => {
    exchanges.push(wish);
    return new Promise((resolve) => (finish = resolve));
  });
  const first = queue.request();
  await settle();
  const second = queue.request();
  const third = queue.request({ iceRestart: true });
  await settle();
  assert.deepEqual(exchanges, [{ iceRestart: false }]);
  finish();
  await first;
  await settle();
  assert.deepEqual(exchanges, [{ iceRestart: false }, { iceRestart: true }]);
  finish();
  await Promise.all([second, third]);
  assert.equal(exchanges.length, 2);
});

test("a failed exchange is told to who asked and does not stop the next", async () => {
  let attempts = 0;
  const queue = new NegotiationQueue(async () => {
    if (++attempts === 1) throw new Error("no");
  });
  await assert.rejects(queue.request(), /no/);
  await queue.request();
  assert.equal(attempts, 2);
});
