import assert from "node:assert/strict";
import { test } from "node:test";

import { GAP, contentHeight, grid, stage } from "../app/layout.js";

const BOXES = [
  { width: 1880, height: 900 }, { width: 1280, height: 640 }, { width: 1000, height: 1000 },
  { width: 374, height: 690 }, { width: 820, height: 1000 }, { width: 812, height: 280 },
];
const inside = (rect, box) => rect.x >= 0 && rect.y >= 0 && rect.x + rect.width <= box.width + 1 && rect.y + rect.height <= box.height + 1;
const apart = (a, b) => a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
const used = (rects, box) => rects.reduce((sum, rect) => sum + rect.width * rect.height, 0) / (box.width * box.height);

test("one to sixteen tiles fit every box without touching each other", () => {
  for (const box of BOXES) {
    for (let count = 1; count <= 16; count++) {
      const rects = grid(count, box);
      assert.equal(rects.length, count);
      rects.forEach((rect, index) => {
        assert.ok(inside(rect, box), `tile ${index} of ${count} in ${box.width}x${box.height}: ${JSON.stringify(rect)}`);
        rects.slice(index + 1).forEach((other) => assert.ok(apart(rect, other), `${count} in ${box.width}x${box.height}`));
      });
    }
  }
});

test("the space is used well", () => {
  for (const box of BOXES.slice(0, 5)) {
    for (let count = 1; count <= 16; count++) {
      assert.ok(used(grid(count, box), box) > 0.5, `${count} in ${box.width}x${box.height}: ${used(grid(count, box), box).toFixed(2)}`);
    }
  }
});

test("two people stand side by side in a wide box and above each other in a tall one", () => {
  const [left, right] = grid(2, { width: 1600, height: 900 });
  assert.equal(left.y, right.y);
  const [top, bottom] = grid(2, { width: 390, height: 700 });
  assert.equal(top.x, bottom.x);
});

test("an incomplete last row is centred", () => {
  const rects = grid(3, { width: 1200, height: 900 });
  const last = rects[2];
  assert.ok(Math.abs(last.x + last.width / 2 - 600) <= 1);
});

test("tiles keep a good shape", () => {
  for (const box of BOXES) {
    for (let count = 1; count <= 16; count++) {
      const { width, height } = grid(count, box)[0];
      assert.ok(width / height >= 0.74 && width / height <= 1.8, `${count} in ${box.width}x${box.height}: ${width}x${height}`);
    }
  }
});

test("a crowd scrolls instead of shrinking beyond recognition", () => {
  const box = { width: 374, height: 600 };
  const rects = grid(60, box);
  assert.ok(rects.every((rect) => rect.width >= 100));
  assert.ok(contentHeight(rects) > box.height);
});

test("a shared screen gets most of the space and everybody else stays visible", () => {
  for (const box of BOXES) {
    const { featured, others } = stage(1, 5, box);
    const area = featured[0].width * featured[0].height;
    assert.ok(area > 0.5 * box.width * box.height, `${box.width}x${box.height}`);
    for (const rect of [...featured, ...others]) assert.ok(inside(rect, box), `${box.width}x${box.height}: ${JSON.stringify(rect)}`);
    assert.ok(others.every((rect) => apart(rect, featured[0])));
  }
});

test("nobody and no space are no trouble", () => {
  assert.deepEqual(grid(0, { width: 100, height: 100 }), []);
  assert.deepEqual(grid(3, { width: 0, height: 0 }), []);
  assert.equal(stage(2, 0, { width: 1000, height: 500 }).featured.length, 2);
  assert.ok(GAP > 0);
});
