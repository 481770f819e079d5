import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const css = readFileSync(new URL("../style/base.css", import.meta.url), "utf8");
/** name -> [light, dark] */
const colours = new Map([...css.matchAll(/--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)].map(([, name, light, dark]) => [name, [light, dark]]));

/** Relative luminance, of WCAG 2.2. */
function luminance(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

function assertContrast(front, backs, least) {
  for (const back of backs) {
    for (const theme of [0, 1]) {
      const ratio = contrast(colours.get(front)[theme], colours.get(back)[theme]);
      assert.ok(ratio >= least, `${front} on ${back}, ${theme ? "dark" : "light"}: ${ratio.toFixed(2)}, expected ${least} at least`);
    }
  }
}

test("text can be read, in both themes", () => {
  assertContrast("ink", ["bg", "surface", "raised", "field", "tile"], 4.5);
  assertContrast("soft", ["bg", "surface", "raised", "field"], 4.5);
  assertContrast("danger", ["bg"], 4.5);
  assertContrast("on-accent", ["accent"], 4.5);
  assertContrast("on-warn", ["warn"], 4.5);
});

test("fields and the ring around whoever speaks can be made out, in both themes", () => {
  assertContrast("edge", ["bg", "surface", "raised", "field"], 3);
  assertContrast("speaking", ["bg", "tile"], 3);
});

test("the lines of the graph can be made out, in both themes", () => {
  for (const line of ["accent", "soft"]) assertContrast(line, ["raised"], 3);
});
