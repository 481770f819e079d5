import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { NetworkNews, SETTLE_MS } from "../app/network.js";
import { pauseWords } from "../app/words.js";

let said;
let news;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  said = [];
  news = new NetworkNews((sentence) => said.push(sentence));
});

/** The server says so, and it holds. */
function holds(network) {
  news.heard(network);
  mock.timers.tick(SETTLE_MS);
}

test("it is said when the connection becomes worse, and when it is good again", () => {
  for (const network of ["unknown", "good", "fair", "poor", "fair", "good"]) holds(network);
  assert.equal(said.length, 3);
  assert.match(said[0], /slower/);
  assert.match(said[1], /weak/);
  assert.match(said[2], /good again/);
});

test("a call that begins as a fair one and becomes a good one has had no trouble", () => {
  for (const network of ["unknown", "fair", "good"]) holds(network);
  assert.deepEqual(said, []);
  holds("fair");
  assert.equal(said.length, 1);
});

test("a path that wavers is no news until it stays so", () => {
  holds("good");
  for (let turn = 0; turn < 20; turn++) {
    news.heard(turn % 2 ? "good" : "fair");
    mock.timers.tick(SETTLE_MS - 1);
  }
  assert.deepEqual(said, []);
  holds("fair");
  assert.equal(said.length, 1);
});

test("a moment in which nothing is known is no recovery", () => {
  holds("poor");
  holds("unknown");
  holds("poor");
  assert.equal(said.length, 1);
});

test("a page that is gone says nothing any more", () => {
  news.heard("poor");
  news.stop();
  mock.timers.tick(SETTLE_MS);
  assert.deepEqual(said, []);
});

test("a paused picture says why, unless that can be seen", () => {
  assert.equal(pauseWords("bandwidth", "Bo"), "Paused: your connection is too slow for this picture");
  assert.equal(pauseWords("codec_not_supported", "Bo"), "Bo’s browser sends a codec that this browser does not play");
  for (const reason of ["not_shown", "publisher_off", null]) assert.equal(pauseWords(reason, "Bo"), "");
});
