import assert from "node:assert/strict";
import { test } from "node:test";

import { hueOf, initials, roomId, roomOfPath, suggestedRoom } from "../app/names.js";

test("initials are of the first and the last name", () => {
  assert.equal(initials("Ann"), "A");
  assert.equal(initials("  ann  maria lee "), "AL");
  assert.equal(initials("Øyvind Åsen"), "ØÅ");
  assert.equal(initials("👩‍🚀"), "👩");
  assert.equal(initials("  "), "?");
});

test("what people type becomes a room id that a link can carry", () => {
  assert.equal(roomId("Tea Party!"), "Tea-Party");
  assert.equal(roomId(" Küche "), "Kuche");
  assert.equal(roomId("../../etc"), "..-..-etc");
  assert.equal(roomId("x".repeat(100)).length, 64);
});

test("different names are different rooms, in whatever alphabet", () => {
  const names = ["Кухня 2", "Офис 2", "2", "чай", "чаи", "日本語", "日本", "Spaß", "Spa", "की", "के", "x".repeat(64) + "y", "x".repeat(64) + "z"];
  assert.equal(new Set(names.map(roomId)).size, names.length);
  for (const name of names) {
    assert.match(roomId(name), /^[A-Za-z0-9._~-]{1,64}$/);
    assert.equal(roomId(roomId(name)), roomId(name));
    assert.equal(roomOfPath(`/r/${encodeURIComponent(name)}`), roomId(name));
  }
  assert.match(roomId("Кухня 2"), /^2-[a-z0-9]+$/);
  assert.equal(roomId(" чай! "), roomId("чай"));
  assert.equal(roomId("Tea 🎉"), "Tea");
  assert.equal(roomId("🎉"), "");
});

test("a link names its room, and nothing else does", () => {
  assert.equal(roomOfPath("/r/tea"), "tea");
  assert.equal(roomOfPath("/r/tea%20time/"), "tea-time");
  assert.equal(roomOfPath("/r/%E0%A4%A"), "");
  assert.equal(roomOfPath("/"), "");
  assert.equal(roomOfPath("/r/a/b"), "");
});

test("a suggested room is a valid id", () => {
  for (const value of [0, 0.5, 0.999999]) assert.equal(roomId(suggestedRoom(() => value)), suggestedRoom(() => value));
});

test("a name always has the same hue", () => {
  assert.equal(hueOf("Ann"), hueOf("Ann"));
  assert.notEqual(hueOf("Ann"), hueOf("Bo"));
  assert.ok(hueOf("") >= 0 && hueOf("") < 360);
});

test("the pasted link of a room stands for the room", () => {
  assert.equal(roomId("http://localhost:4000/r/tea"), "tea");
  assert.equal(roomId(" https://tea.example/r/Tea-Time/?x=1#y "), "Tea-Time");
  assert.equal(roomId("https://tea.example/about"), "https-tea.example-about");
});
