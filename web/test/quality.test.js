import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { BO, connection, pass, room, server } from "./call.js";

const LIVE = { track: "t10", state: "live", reason: null, layer: "m", spatial: 0, temporal: 2, width: 640, height: 360, frames_per_second: 30 };
const PAUSED = { ...LIVE, state: "paused", reason: "bandwidth", layer: null, width: null, height: null, frames_per_second: null };
const quality = (...tracks) => ({ estimate_bps: 1_800_000, network: "good", tracks });

beforeEach(() => {
  server.peers = [BO];
  server.slots = [{ mid: "4", kind: "audio", track: "t9" }, { mid: "5", kind: "video", track: "t10" }];
});

/** The browser says that the picture in section 5 has stood still so often and so long. */
function frozen(freezeCount, totalFreezesDuration, framesDecoded) {
  connection().stats = { in: { id: "in", type: "inbound-rtp", kind: "video", mid: "5", freezeCount, totalFreezesDuration, framesDecoded } };
}

test("what the server says of quality is the room's state, whole, and is told", async () => {
  const heard = [];
  room.on("quality", (said) => heard.push(said));
  assert.equal(room.quality.network, "unknown");
  await room.join();
  server.push("quality", quality(LIVE));
  assert.deepEqual(room.quality, quality(LIVE));
  server.push("quality", quality(PAUSED));
  assert.deepEqual(room.quality.tracks, [PAUSED]);
  assert.deepEqual(heard, [quality(LIVE), quality(PAUSED)]);
});

test("of a new connection nothing is known, of one that is resumed what was known", async () => {
  await room.join();
  await pass(2_000);
  server.push("quality", quality(LIVE));
  server.cut();
  await pass(2_000);
  assert.equal(room.quality.network, "good");
  await pass(60_000, { packets: false });
  assert.deepEqual(room.quality, { estimate_bps: null, network: "unknown", tracks: [] });
});

test("pictures that stood still are reported, what is new of them, every ten seconds at most", async () => {
  await room.join();
  frozen(1, 0.5);
  await pass(2_000);
  assert.deepEqual(server.asked("report"), [], "what was before we looked is nobody's fault");
  frozen(3, 1.8);
  await pass(1_000);
  assert.deepEqual(server.asked("report"), [{ freezes: 2, frozen_ms: 1_300 }]);
  frozen(4, 2);
  await pass(8_000);
  assert.equal(server.asked("report").length, 1);
  await pass(2_000);
  assert.deepEqual(server.asked("report").slice(1), [{ freezes: 1, frozen_ms: 200 }]);
  await pass(30_000);
  assert.equal(server.asked("report").length, 2, "nothing new is no report");
});

test("a picture that the server paused is not frozen, nor one whose camera is off, nor another one in the same place", async () => {
  await room.join();
  server.push("quality", quality(PAUSED));
  frozen(0, 0);
  await pass(1_000);
  frozen(1, 4);
  await pass(1_000);
  server.push("quality", quality(LIVE));
  server.push("presence", { joined: [], changed: [{ ...BO, tracks: [BO.tracks[0], { ...BO.tracks[1], on: false }] }], left: [] });
  frozen(2, 8);
  await pass(1_000);
  server.push("presence", { joined: [], changed: [BO], left: [] });
  await pass(1_000);
  server.push("slots", { slots: [{ mid: "5", kind: "video", track: "t77" }] });
  frozen(3, 9);
  await pass(1_000);
  assert.deepEqual(server.asked("report"), []);
});

test("the first picture after a pause ends no freeze, whenever it comes, and statistics count no other ones than the server", async () => {
  const counts = [];
  room.statistics.watch(({ received }) => counts.push(received.get("t10")?.freezes), new AbortController().signal);
  await room.join();
  server.push("quality", quality(PAUSED));
  frozen(7, 3, 100);
  await pass(2_000);
  server.push("quality", quality(LIVE));
  await pass(2_000);
  frozen(8, 9, 101);
  await pass(2_000);
  frozen(9, 9.5, 130);
  await pass(1_000);
  assert.deepEqual(server.asked("report"), [{ freezes: 1, frozen_ms: 500 }]);
  assert.deepEqual([counts.at(-2), counts.at(-1)], [0, 1]);
});

test("freezes while the socket is away are reported when it is back", async () => {
  await room.join();
  frozen(0, 0);
  await pass(2_000);
  server.reachable = false;
  server.cut();
  frozen(2, 1);
  await pass(2_000);
  assert.deepEqual(server.asked("report"), []);
  server.reachable = true;
  server.cut();
  await pass(6_000);
  assert.deepEqual(server.asked("report"), [{ freezes: 2, frozen_ms: 1_000 }]);
});
