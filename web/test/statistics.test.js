import assert from "node:assert/strict";
import { test } from "node:test";

import { compare } from "../sdk/statistics.js";
import { BO, connection, pass, room, server } from "./call.js";

const SECTIONS = { trackOf: (mid) => ({ 5: "t10" })[mid] ?? null, sourceOf: (mid) => ({ 1: "camera" })[mid] ?? null, freezesOf: (track) => ({ t10: 1 })[track] ?? 0 };
const report = (entries) => new Map(Object.entries(entries).map(([id, entry]) => [id, { id, ...entry }]));

const PICTURE = { type: "inbound-rtp", kind: "video", mid: "5", codecId: "vp8", timestamp: 1_000, bytesReceived: 50_000, packetsReceived: 100, packetsLost: 2, frameWidth: 640, frameHeight: 360, framesPerSecond: 30, jitter: 0.004, freezeCount: 1 };
const VP8 = { type: "codec", mimeType: "video/VP8" };

test("what a track receives is told of the second between two reports, in units that people know", () => {
  const later = { ...PICTURE, timestamp: 2_000, bytesReceived: 112_500, packetsReceived: 190, packetsLost: 12 };
  const { received, receivedBps } = compare(report({ in: PICTURE, vp8: VP8 }), report({ in: later, vp8: VP8 }), SECTIONS);
  assert.deepEqual(received.get("t10"), { kind: "video", codec: "VP8", width: 640, height: 360, fps: 30, bps: 500_000, loss: 0.1, jitterMs: 4, freezes: 1 });
  assert.equal(receivedBps, 500_000);
});

test("a section without a track counts for the whole alone", () => {
  const { received, receivedBps } = compare(report({ in: { ...PICTURE, mid: "7" } }), report({ in: { ...PICTURE, mid: "7", timestamp: 2_000, bytesReceived: 60_000 } }), SECTIONS);
  assert.equal(received.size, 0);
  assert.equal(receivedBps, 80_000);
});

test("loss counts the packets of all that arrives, jitter is the worst of it", () => {
  const sound = { type: "inbound-rtp", kind: "audio", mid: "4", timestamp: 1_000, packetsReceived: 50, packetsLost: 0, jitter: 0.012 };
  const silent = { ...sound, mid: "6", jitter: 0.9 };
  const later = { in: { ...PICTURE, packetsReceived: 150, packetsLost: 7 }, sound: { ...sound, packetsReceived: 95, packetsLost: 0 }, silent };
  const { loss, jitterMs } = compare(report({ in: PICTURE, sound, silent }), report(later), SECTIONS);
  assert.deepEqual([loss, jitterMs], [0.05, 12]);
  const quiet = compare(report({}), report({}), SECTIONS);
  assert.deepEqual([quiet.loss, quiet.jitterMs], [0, null]);
});

test("of what we send, the encodings that are on are told, with what holds them back", () => {
  const encoding = (rid, bytesSent, timestamp) => ({ type: "outbound-rtp", kind: "video", mid: "1", rid, timestamp, bytesSent, frameWidth: 320, frameHeight: 180, framesPerSecond: 15, qualityLimitationReason: "cpu" });
  const { sent, sentBps } = compare(report({ l: encoding("l", 0, 1_000), h: encoding("h", 9_000, 1_000) }), report({ l: encoding("l", 12_500, 2_000), h: encoding("h", 9_000, 2_000) }), SECTIONS);
  assert.deepEqual(sent, [{ source: "camera", kind: "video", codec: null, rid: "l", width: 320, height: 180, fps: 15, bps: 100_000, limitedBy: "cpu" }]);
  assert.equal(sentBps, 100_000);
});

test("the round trip is that of the path in use, or of RTCP where the browser measures no other", () => {
  const pair = { type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: 0.02, availableOutgoingBitrate: 800_000 };
  const { roundTripMs, sendableBps } = compare(report({}), report({ old: { ...pair, nominated: false, currentRoundTripTime: 9 }, pair }), SECTIONS);
  assert.deepEqual([roundTripMs, sendableBps], [20, 800_000]);
  const before = { ...pair, currentRoundTripTime: 9, availableOutgoingBitrate: undefined };
  const told = compare(report({}), report({ before, pair, path: { type: "transport", selectedCandidatePairId: "pair" } }), SECTIONS);
  assert.deepEqual([told.roundTripMs, told.sendableBps], [20, 800_000], "both were nominated, one after the other");
  assert.equal(compare(report({}), report({ before, pair: { ...pair, selected: true } }), SECTIONS).roundTripMs, 20, "where transports are not told of");
  assert.equal(compare(report({}), report({ far: { type: "remote-inbound-rtp", roundTripTime: 0.03 } }), SECTIONS).roundTripMs, 30);
  assert.equal(compare(report({}), report({}), SECTIONS).roundTripMs, null);
});

test("a section that the browser reports for the first time, or anew from zero, has no rate yet", () => {
  const { receivedBps } = compare(report({}), report({ in: PICTURE }), SECTIONS);
  assert.equal(receivedBps, 0);
  assert.equal(compare(report({ in: PICTURE }), report({ in: { ...PICTURE, timestamp: 2_000, bytesReceived: 10, packetsReceived: 1 } }), SECTIONS).receivedBps, 0);
});

test("a room's statistics come once a second, and stop when nobody looks any more", async () => {
  server.peers = [BO];
  server.slots = [{ mid: "5", kind: "video", track: "t10" }];
  await room.join();
  const looking = new AbortController();
  const samples = [];
  room.statistics.watch((sample) => samples.push(sample), looking.signal);
  connection().stats = { in: { ...PICTURE, id: "in" } };
  await pass(3_000);
  assert.equal(samples.length, 2, "two of three can be compared with one before");
  assert.equal(samples[1].received.get("t10").width, 640);
  looking.abort();
  await pass(2_000);
  assert.equal(samples.length, 2);
});
