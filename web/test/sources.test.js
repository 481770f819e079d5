import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const read = (path) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const files = (folder, ending) => readdirSync(new URL(`../${folder}/`, import.meta.url)).filter((name) => name.endsWith(ending)).map((name) => `${folder}/${name}`);

test("the SDK does not know that there is a page", () => {
  for (const file of files("sdk", ".js")) {
    assert.doesNotMatch(read(file), /\b(document|window|location|localStorage|HTMLElement)\s*[.?[]|import .* from "\.\.\/app/, file);
  }
});

test("pages have no inline script or style, so the strict policy can hold", () => {
  for (const file of ["app/index.html", "example/index.html"]) {
    const html = read(file);
    assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/i, file);
  }
  for (const file of files("app", ".js")) assert.doesNotMatch(read(file), /innerHTML|insertAdjacentHTML|style: ?"/, file);
});

test("every icon the app names is in the sprite", () => {
  const sprite = new Set([...read("style/icons.svg").matchAll(/<symbol id="([^"]+)"/g)].map(([, id]) => id));
  for (const file of files("app", ".js")) {
    for (const [, name] of read(file).matchAll(/(?:icon|iconButton)\("([a-z-]+)"/g)) assert.ok(sprite.has(name), `${name} in ${file}`);
  }
});

test("the example stays about 150 lines", () => {
  const lines = read("example/example.js").split("\n").length;
  assert.ok(lines <= 160, `${lines} lines`);
});

test("what is hidden stays hidden, whatever else a style says of it", () => {
  for (const file of ["style/base.css", "example/example.css"]) assert.match(read(file), /^\[hidden\] \{ display: none !important; \}$/m, file);
});
