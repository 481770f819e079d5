import assert from "node:assert/strict";
import { test } from "node:test";

import { Roster } from "../sdk/roster.js";

const peer = (id) => ({ id, name: id, state: "connected", tracks: [{ id: `${id}-mic`, source: "microphone", kind: "audio", on: true }] });
const joined = (ids, total = ids.length, slots = []) => ({ peer: "p0", peers: ids.map(peer), peers_total: total, slots });

test("a peer list in pages keeps those known from before until all have been named", () => {
  const roster = new Roster(() => null);
  roster.reset(joined(["p1", "p2", "p3"]));
  const first = roster.reset(joined(["p1"], 2));
  assert.deepEqual(first.left, []);
  const second = roster.apply({ joined: [peer("p3")], changed: [], left: [] });
  assert.deepEqual(second.left.map(({ peer: { id } }) => id), ["p2"]);
  assert.deepEqual([...roster.peers.keys()], ["p1", "p3"]);
});

test("who had the id that a restarted server gives to us is gone, and that is said", () => {
  const roster = new Roster(() => null);
  roster.reset(joined(["p1", "p2"]));
  const news = roster.reset({ ...joined(["p1"]), peer: "p2" });
  assert.deepEqual(news.left.map(({ peer: { id } }) => id), ["p2"]);
  assert.deepEqual([...roster.peers.keys()], ["p1"]);
});

test("being told of a peer twice is one peer", () => {
  const roster = new Roster(() => null);
  roster.reset(joined(["p1"]));
  const news = roster.apply({ joined: [peer("p1")], changed: [], left: [] });
  assert.deepEqual([news.joined.length, news.changed.length], [0, 1]);
  assert.equal(roster.peers.size, 1);
});

test("a slot that goes from one track to another changes both their peers", () => {
  const media = { kind: "audio" };
  const roster = new Roster((mid) => (mid === "4" ? media : null));
  roster.reset(joined(["p1", "p2"], 2, [{ mid: "4", kind: "audio", track: "p1-mic" }]));
  roster.refreshMedia();
  assert.equal(roster.peers.get("p1").tracks[0].media, media);
  const touched = roster.assign([{ mid: "4", kind: "audio", track: "p2-mic" }]);
  assert.deepEqual(touched.map(({ id }) => id), ["p1", "p2"]);
  assert.equal(roster.peers.get("p1").tracks[0].media, null);
  assert.equal(roster.peers.get("p2").tracks[0].media, media);
});

test("sound is expected only when a microphone that is on has a slot", () => {
  const roster = new Roster(() => null);
  roster.reset(joined(["p1"]));
  assert.equal(roster.expectsAudio, false);
  roster.assign([{ mid: "4", kind: "audio", track: "p1-mic" }]);
  assert.equal(roster.expectsAudio, true);
});
