import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { Connection } from "../sdk/connection.js";
import { codecNamed, inCodec, offeredCodecs, videoEncodings } from "../sdk/encodings.js";
import { FakePeerConnection } from "./world.js";

const CAPABILITIES = ["VP8", "rtx", "H264", "AV1", "red"].map((name) => ({ mimeType: `video/${name}`, clockRate: 90_000 }));

afterEach(() => delete globalThis.RTCRtpSender);

/** A connection in a browser that refuses what `refuses` says of an encoding, and leaves out what `ignores` does not know. */
function connect({ codec, refuses = () => false, ignores } = {}) {
  globalThis.RTCRtpSender = { getCapabilities: () => ({ codecs: CAPABILITIES }) };
  const rtc = new FakePeerConnection();
  const add = rtc.addTransceiver;
  rtc.addTransceiver = function (kind, init) {
    if (kind === "video" && init.sendEncodings?.some(refuses)) throw new TypeError("not supported");
    const known = init.sendEncodings?.map(({ [ignores]: _, ...encoding }) => encoding);
    return add.call(this, kind, { ...init, sendEncodings: known });
  };
  new Connection({ create: () => rtc, codec });
  return { camera: rtc.transceivers[1], screen: rtc.transceivers[2] };
}

test("a camera is sent in three sizes, each in three frame rates, and only the smallest until somebody needs more", () => {
  const { camera } = connect();
  assert.deepEqual(camera.sendEncodings.map(({ rid, active, scaleResolutionDownBy, scalabilityMode }) => [rid, active, scaleResolutionDownBy, scalabilityMode]), [
    ["l", true, 4, "L1T3"], ["m", false, 2, "L1T3"], ["h", false, 1, "L1T3"]]);
  assert.equal(camera.codecs, undefined, "the server chooses the codec");
});

test("a screen is sent in two sizes", () => {
  const { screen } = connect();
  assert.deepEqual(screen.sendEncodings.map(({ rid, active, scaleResolutionDownBy, maxFramerate }) => [rid, active, scaleResolutionDownBy, maxFramerate]), [
    ["l", true, 2, 15], ["h", false, 1, 15]]);
});

test("VP9 and AV1 are one stream with the sizes inside, H.264 is several like VP8", () => {
  for (const codec of ["vp9", "av1"]) {
    const encodings = videoEncodings("camera", codec);
    assert.deepEqual(encodings.map(({ rid, active, scalabilityMode }) => [rid, active, scalabilityMode]), [[undefined, undefined, "L3T3_KEY"]]);
  }
  assert.deepEqual(videoEncodings("camera", "h264"), videoEncodings("camera", "vp8"));
});

test("a codec that was asked for is what is sent, and VP8 is offered beside it for those who cannot decode it", () => {
  const { camera } = connect({ codec: "av1" });
  assert.deepEqual(camera.codecs.map(({ mimeType }) => mimeType), ["video/AV1", "video/VP8", "video/rtx"]);
  assert.deepEqual(camera.sendEncodings.map(({ codec }) => codec), [{ mimeType: "video/AV1", clockRate: 90_000 }]);
  const { camera: vp8 } = connect({ codec: "vp8" });
  assert.deepEqual(vp8.codecs.map(({ mimeType }) => mimeType), ["video/VP8", "video/rtx"]);
});

test("where encodings cannot name their codec, the one that was asked for is offered alone", () => {
  for (const browser of [{ ignores: "codec" }, { refuses: ({ codec }) => codec !== undefined }]) {
    const { camera } = connect({ codec: "h264", ...browser });
    assert.deepEqual(camera.codecs.map(({ mimeType }) => mimeType), ["video/H264", "video/rtx"]);
    assert.deepEqual(camera.sendEncodings.map(({ rid, codec }) => [rid, codec]), [["l", undefined], ["m", undefined], ["h", undefined]]);
  }
});

test("a stream with sizes inside has frame rates alone as a codec that knows no sizes", () => {
  const vp8 = { mimeType: "video/VP8", clockRate: 90_000, payloadType: 96 };
  const [av1] = videoEncodings("camera", "av1");
  assert.deepEqual(inCodec(av1, vp8), { codec: { mimeType: "video/VP8", clockRate: 90_000 }, scalabilityMode: "L1T3" });
  assert.deepEqual(inCodec(av1, { ...vp8, mimeType: "video/VP9" }), { codec: { mimeType: "video/VP9", clockRate: 90_000 } });
  assert.deepEqual(inCodec({}, vp8), { codec: { mimeType: "video/VP8", clockRate: 90_000 } });
});

test("of the profiles of H.264 the one is sent that all decode who have any", () => {
  const h264 = ["42001f;packetization-mode=1", "42e01f;packetization-mode=0", "42e01f;packetization-mode=1", "4d001f;packetization-mode=1"]
    .map((format) => ({ mimeType: "video/H264", clockRate: 90_000, sdpFmtpLine: `level-asymmetry-allowed=1;profile-level-id=${format}` }));
  assert.equal(codecNamed("h264", h264), h264[2]);
  assert.equal(codecNamed("h264", [h264[0], h264[3]]), h264[0]);
});

test("a codec that the browser does not have leaves the choice to the server", () => {
  assert.deepEqual(offeredCodecs("vp9", CAPABILITIES, { switches: true }), []);
  const { camera } = connect({ codec: "vp9" });
  assert.equal(camera.codecs, undefined);
  assert.equal(camera.sendEncodings.length, 3);
});

test("a browser that refuses frame rates or sizes sends what it takes", () => {
  const flat = connect({ refuses: ({ scalabilityMode }) => scalabilityMode !== undefined });
  assert.deepEqual(flat.camera.sendEncodings.map(({ rid }) => rid), ["l", "m", "h"]);
  const plain = connect({ refuses: ({ rid }) => rid !== undefined });
  assert.deepEqual(plain.camera.sendEncodings, [{ maxBitrate: 1_500_000, maxFramerate: 30 }]);
});
