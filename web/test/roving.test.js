import assert from "node:assert/strict";
import { test } from "node:test";

import { destination } from "../app/roving.js";

test("arrow keys go from button to button and stop at the ends", () => {
  assert.equal(destination(0, "ArrowRight", 3), 1);
  assert.equal(destination(2, "ArrowDown", 3), 2);
  assert.equal(destination(2, "ArrowLeft", 3), 1);
  assert.equal(destination(0, "ArrowUp", 3), 0);
  assert.equal(destination(2, "Home", 3), 0);
  assert.equal(destination(0, "End", 3), 2);
});

test("every other key is left to the browser", () => {
  for (const key of ["Tab", "Enter", " ", "a"]) assert.equal(destination(0, key, 3), null);
  assert.equal(destination(0, "End", 0), null);
});
