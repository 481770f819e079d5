import assert from "node:assert/strict";
import { test } from "node:test";

import { bitrateWords, connectionFigures, millisecondsWords, receptionLines, sendingLines } from "../app/figures.js";
import { SPAN_MS, extended, line, scaleOf } from "../app/graph.js";

const RECEPTION = { kind: "video", codec: "VP8", width: 640, height: 360, fps: 29.7, bps: 512_345, loss: 0.004, jitterMs: 3.2, freezes: 1 };
const LIVE = { track: "t10", state: "live", reason: null, layer: "m", spatial: 0, temporal: 2, width: 640, height: 360, frames_per_second: 30 };

test("bitrates and times are rounded to what people can read", () => {
  assert.deepEqual([0, 47_300, 994_999, 995_000, 1_840_000].map(bitrateWords), ["0 kbit/s", "47 kbit/s", "995 kbit/s", "1.0 Mbit/s", "1.8 Mbit/s"]);
  assert.deepEqual([null, 1.04, 120.6].map(millisecondsWords), ["not measured", "1.0 ms", "121 ms"]);
});

test("a picture's lines say its size, codec, layer, bitrate, losses, round trip and freezes", () => {
  assert.deepEqual(receptionLines(RECEPTION, LIVE, 23.4), ["640×360, 30 fps", "VP8, layer m, S0T2", "512 kbit/s", "loss 0.4 %, jitter 3.2 ms", "round trip 23 ms", "1 freeze"]);
  assert.deepEqual(receptionLines({ ...RECEPTION, codec: null, width: null, loss: 0, freezes: 0 }, undefined, null), ["no picture yet", "unknown codec", "512 kbit/s", "loss 0 %, jitter 3.2 ms", "round trip not measured", "0 freezes"]);
});

test("a paused picture's lines say why it is paused, whatever still trickles in", () => {
  const paused = (reason) => receptionLines(RECEPTION, { ...LIVE, state: "paused", reason }, 20);
  assert.deepEqual(["bandwidth", "codec_not_supported", "publisher_off", "not_shown", null].map(paused), [
    ["Paused: the connection is too slow for it"],
    ["Paused: this browser does not play its codec"],
    ["Paused: turned off by its sender"],
    ["Paused: not on the screen"],
    ["Paused"],
  ]);
  assert.deepEqual(receptionLines(undefined, undefined, 20), ["Nothing arrives"]);
});

test("what we send is told encoding by encoding, with what holds it back", () => {
  const low = { source: "camera", kind: "video", codec: "VP8", rid: "l", width: 320, height: 180, fps: 15, bps: 120_000, limitedBy: null };
  assert.deepEqual(sendingLines([{ ...low, rid: "m", width: 640, height: 360 }, low]).slice(1), ["l: 320×180, 15 fps, 120 kbit/s", "m: 640×360, 15 fps, 120 kbit/s"], "the smallest comes first");
  assert.deepEqual(sendingLines([low, { ...low, rid: "m", width: 640, height: 360, limitedBy: "cpu" }]), ["VP8", "l: 320×180, 15 fps, 120 kbit/s", "m: 640×360, 15 fps, 120 kbit/s", "held back by the processor"]);
  assert.deepEqual(sendingLines([{ ...low, rid: "" }]), ["VP8", "320×180, 15 fps, 120 kbit/s"]);
  assert.deepEqual(sendingLines([]), ["Nothing leaves"]);
});

test("the connection's numbers stand beside the graph as text, and say what is not known", () => {
  const sample = { roundTripMs: 20, receivedBps: 1_200_000, sentBps: 300_000, sendableBps: null, loss: 0.012, jitterMs: null, received: new Map([["t9", { ...RECEPTION, freezes: 0 }], ["t10", RECEPTION], ["t12", RECEPTION]]), sent: [] };
  assert.deepEqual(connectionFigures(sample, null).map(([, much]) => much), ["not measured", "1.2 Mbit/s", "not measured", "300 kbit/s", "20 ms", "1.2 %", "not measured", "2"]);
  assert.equal(connectionFigures(sample, 2_000_000)[0][1], "2.0 Mbit/s");
});

const point = (atMs, receivedBps, estimateBps = null) => ({ atMs, receivedBps, estimateBps });

test("the graph looks back one minute, the newest point at its right edge", () => {
  let points = [];
  for (let second = 0; second <= 90; second++) points = extended(points, point(second * 1_000, 500_000));
  assert.equal(points[0].atMs, 90_000 - SPAN_MS);
  assert.match(line(points, ({ receivedBps }) => receivedBps, 1_000_000), /^M0 50L5 50.*L300 50$/);
});

test("where nothing was estimated the line has a gap, not a zero", () => {
  const points = [point(0, 0, 100), point(1_000, 0), point(2_000, 0, 100), point(3_000, 0, 200)];
  assert.equal(line(points, ({ estimateBps }) => estimateBps, 200), "M285 50M295 50L300 0");
  assert.equal(line([], ({ estimateBps }) => estimateBps, 200), "");
});

test("a time in which nothing was measured is a gap, and no line through what nobody knows", () => {
  const points = [point(0, 100), point(1_000, 100), point(21_000, 200), point(22_000, 200)];
  assert.equal(line(points, ({ receivedBps }) => receivedBps, 200), "M190 50L195 50M295 0L300 0");
});

test("the scale is a round number above everything, and never so small that it shows noise", () => {
  const scale = (...values) => scaleOf(values.map((value) => point(0, value)));
  assert.deepEqual([scale(), scale(40_000), scale(700_000), scale(1_000_000), scale(1_100_000), scale(2_400_000)], [500_000, 500_000, 1_000_000, 1_000_000, 2_000_000, 5_000_000]);
  assert.equal(scaleOf([point(0, 100_000, 7_000_000)]), 10_000_000);
});
