import assert from "node:assert/strict";
import { test } from "node:test";

import { videoEncodings } from "../sdk/encodings.js";
import { Layers, chooseLayers, sizesOf } from "../sdk/layers.js";
import { connection, pass, room, server } from "./call.js";
import { fakeTrack, settle } from "./world.js";

const CAMERA = videoEncodings("camera", "vp8");
const CODECS = [["AV1", 45], ["VP8", 96]].map(([name, payloadType]) => ({ mimeType: `video/${name}`, clockRate: 90_000, payloadType }));
const need = (more) => ({ wanted: null, spatial: null, sizes: 3, lowestOnly: false, payloadType: null, ...more });
const on = (chosen) => chosen.map(({ active }) => active);
/** What the server says that it wants. */
const wanted = (...tracks) => server.push("wanted", { tracks: tracks.map((track) => ({ payload_type: null, spatial_layers: null, ...track })) });
const camera = (size = {}) => Object.assign(fakeTrack("video"), { getSettings: () => size });

/** A sender whose changes take as long as a test wants. */
class SlowSender {
  parameters = { encodings: CAMERA.map((encoding) => ({ ...encoding })), codecs: CODECS };
  changes = [];
  underWay = 0;

  getParameters() {
    return structuredClone(this.parameters);
  }

  async setParameters(parameters) {
    this.underWay += 1;
    assert.equal(this.underWay, 1, "two changes at once");
    await new Promise((resolve) => this.changes.push({ parameters, finish: resolve }));
    this.underWay -= 1;
    this.parameters = parameters;
  }

  async finish() {
    this.changes.at(-1).finish();
    await settle();
  }
}

test("until somebody says what they need, the smallest layer leaves alone", () => {
  assert.deepEqual(on(chooseLayers(CAMERA, need())), [true, false, false]);
});

test("what is needed is on and nothing else, and a layer that we do not have changes nothing", () => {
  assert.deepEqual(on(chooseLayers(CAMERA, need({ wanted: ["l", "h"] }))), [true, false, true]);
  assert.deepEqual(on(chooseLayers(CAMERA, need({ wanted: ["m", "x"] }))), [false, true, false]);
  assert.deepEqual(on(chooseLayers(CAMERA, need({ wanted: [] }))), [false, false, false]);
});

test("a small picture is sent in two sizes, the larger one whole, also to whoever wants the largest", () => {
  const chosen = chooseLayers(CAMERA, need({ wanted: ["h"], sizes: sizesOf(camera({ width: 640, height: 480 })) }));
  assert.deepEqual(on(chosen), [false, true, false]);
  assert.deepEqual(chosen.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy), [2, 1, 1]);
});

test("a picture is worth as many sizes as the browser sends of it", () => {
  const sizes = [[1280, 720], [720, 1280], [960, 540], [640, 360], [320, 180], [undefined, undefined]].map(([width, height]) => sizesOf(camera({ width, height })));
  assert.deepEqual(sizes, [3, 3, 3, 2, 1, 3]);
});

test("who saves sends the smallest layer if anything is needed, and nothing if nothing is", () => {
  assert.deepEqual(on(chooseLayers(CAMERA, need({ wanted: ["m", "h"], lowestOnly: true }))), [true, false, false]);
  assert.deepEqual(on(chooseLayers(CAMERA, need({ wanted: [], lowestOnly: true }))), [false, false, false]);
});

test("a track without rids is on or off", () => {
  const plan = videoEncodings("camera", "av1");
  assert.deepEqual(on(chooseLayers(plan, need({ wanted: [""] }))), [true]);
  assert.deepEqual(on(chooseLayers(plan, need({ wanted: [] }))), [false]);
});

test("of sizes in one stream those leave that somebody needs, and of who saves the smallest alone", () => {
  const plan = videoEncodings("camera", "av1");
  const [all] = chooseLayers(plan, need());
  assert.deepEqual(all, { active: true, maxBitrate: 1_500_000, scaleResolutionDownBy: 1, scalabilityMode: "L3T3_KEY" });
  const [two] = chooseLayers(plan, need({ spatial: 2 }));
  assert.deepEqual(two, { active: true, maxBitrate: 650_000, scaleResolutionDownBy: 2, scalabilityMode: "L2T3_KEY" });
  const smallest = { active: true, maxBitrate: 150_000, scaleResolutionDownBy: 4, scalabilityMode: "L1T3" };
  assert.deepEqual(chooseLayers(plan, need({ spatial: 1 })), [smallest]);
  assert.deepEqual(chooseLayers(plan, need({ lowestOnly: true, spatial: 3 })), [smallest]);
  const [half] = chooseLayers(plan, need({ spatial: 1, sizes: 2 }));
  assert.equal(half.scaleResolutionDownBy, 2, "browsers send fewer sizes of a small picture, the smallest of which is half of it");
});

test("who saves is held to little, however small the picture is", () => {
  const [chosen] = chooseLayers(videoEncodings("camera", "vp9"), need({ lowestOnly: true, sizes: 1 }));
  assert.deepEqual([chosen.maxBitrate, chosen.scaleResolutionDownBy], [150_000, 1]);
});

test("a stream without sizes inside is held by its bitrate alone", () => {
  assert.deepEqual(chooseLayers([{ maxBitrate: 1_500_000 }], need({ lowestOnly: true })), [{ active: true, maxBitrate: 150_000 }]);
  assert.deepEqual(chooseLayers([{}], need()), [{ active: true }]);
});

test("sizes inside a stream stay away while another codec is sent that has none", async () => {
  const sender = new SlowSender();
  const plan = videoEncodings("camera", "av1");
  sender.parameters = { encodings: plan.map((encoding) => ({ ...encoding })), codecs: CODECS };
  const layers = new Layers(sender, plan);
  for (const spatial of [null, 1, null]) {
    layers.want([""], 96, spatial);
    await sender.finish();
    const [{ scalabilityMode, scaleResolutionDownBy, maxBitrate }] = sender.parameters.encodings;
    assert.deepEqual([scalabilityMode, scaleResolutionDownBy, maxBitrate], ["L1T3", 1, 1_500_000]);
  }
  layers.want([""], null, 2); // the codec stays what it was
  await sender.finish();
  assert.equal(sender.parameters.encodings[0].scalabilityMode, "L1T3");
  layers.want([""], 45, null);
  await sender.finish();
  assert.equal(sender.parameters.encodings[0].scalabilityMode, "L3T3_KEY");
});

test("changes of one sender never overlap, and the last word counts", async () => {
  const sender = new SlowSender();
  const layers = new Layers(sender, CAMERA);
  layers.want(["l", "m"], null);
  layers.want(["h"], null);
  layers.want(["m"], null);
  assert.equal(sender.changes.length, 1, "the first one is made at once");
  await sender.finish();
  assert.equal(sender.changes.length, 2, "what came meanwhile is one more");
  await sender.finish();
  assert.deepEqual(on(sender.parameters.encodings), [false, true, false]);
  layers.want(["m"], null);
  assert.equal(sender.changes.length, 2, "what is so already is no change");
});

test("a change that the browser refuses does not keep the next one from being made", async () => {
  const sender = new SlowSender();
  const refuse = sender.setParameters;
  sender.setParameters = async () => {
    throw new TypeError("not now");
  };
  const layers = new Layers(sender, CAMERA);
  layers.want(["m"], null);
  await settle();
  sender.setParameters = refuse;
  layers.want(["h"], null);
  await sender.finish();
  assert.deepEqual(on(sender.parameters.encodings), [false, false, true]);
});

const codecs = (sender) => sender.parameters.encodings.map(({ codec }) => codec?.mimeType);

test("who cannot decode what is sent has it in another codec, at once and with all layers", async () => {
  const sender = new SlowSender();
  const layers = new Layers(sender, CAMERA);
  layers.want(["l", "m"], 96);
  await sender.finish();
  assert.deepEqual(codecs(sender), ["video/VP8", "video/VP8", "video/VP8"]);
  assert.deepEqual(on(sender.parameters.encodings), [true, true, false]);
  layers.want(["l"], 96);
  await sender.finish();
  assert.deepEqual(codecs(sender), ["video/VP8", "video/VP8", "video/VP8"]);
});

test("a payload type that was never agreed on changes nothing", async () => {
  const sender = new SlowSender();
  new Layers(sender, CAMERA).want(["m"], 127);
  await sender.finish();
  assert.deepEqual(codecs(sender), [undefined, undefined, undefined]);
  assert.deepEqual(on(sender.parameters.encodings), [false, true, false]);
});

/** A sender that refuses every change with a codec in it while there is something to refuse it with. */
class Refusing extends SlowSender {
  error = null;
  refused = 0;

  setParameters(parameters) {
    if (!this.error || !parameters.encodings.some(({ codec }) => codec)) return super.setParameters(parameters);
    this.refused += 1;
    return Promise.reject(this.error);
  }
}

/** @param {Error} error  what the camera is refused VP8 with, before it is to be sent in the middle size */
async function refusedOnce(error) {
  const sender = Object.assign(new Refusing(), { error });
  const layers = new Layers(sender, CAMERA);
  layers.want(["m"], 96);
  await settle();
  await sender.finish();
  assert.deepEqual(on(sender.parameters.encodings), [false, true, false], "layers are switched all the same");
  return { sender, layers };
}

for (const error of [new TypeError("not this member"), new DOMException("not agreed on", "InvalidModificationError"), new DOMException("no", "NotSupportedError")]) {
  test(`a browser that cannot send another codec (${error.name}) keeps its own and is not asked again, and still switches layers`, async () => {
    const { sender, layers } = await refusedOnce(error);
    layers.want(["h"], 96);
    await sender.finish();
    assert.deepEqual(on(sender.parameters.encodings), [false, false, true]);
    assert.deepEqual(codecs(sender), [undefined, undefined, undefined]);
    assert.equal(sender.refused, 1);
  });
}

for (const error of [new DOMException("an offer is under way", "InvalidStateError"), new DOMException("the encoder is taken", "OperationError"), new Error("?")]) {
  test(`a codec that could not be changed at that moment (${error.name}) is tried again with what is wanted next`, async () => {
    const { sender, layers } = await refusedOnce(error);
    sender.error = null;
    layers.want(["m"], 96);
    await sender.finish();
    assert.deepEqual(codecs(sender), ["video/VP8", "video/VP8", "video/VP8"]);
    assert.deepEqual(on(sender.parameters.encodings), [false, true, false]);
  });
}

test("a codec that the browser cannot send says nothing of another one", async () => {
  const { sender, layers } = await refusedOnce(new DOMException("not agreed on", "InvalidModificationError"));
  sender.error = null;
  layers.want(["m"], 45);
  await sender.finish();
  assert.deepEqual(codecs(sender), ["video/AV1", "video/AV1", "video/AV1"]);
});

const sent = (index = 1) => on(connection().transceivers[index].sender.getParameters().encodings);

test("a room switches its camera's layers as the server says, at once and without an offer", async () => {
  await room.publish("camera", camera({ width: 1280, height: 720 }));
  await room.join();
  assert.deepEqual(sent(), [true, false, false]);
  wanted({ track: "t1", layers: ["l", "m"] });
  await settle();
  assert.deepEqual(sent(), [true, true, false]);
  wanted({ track: "t2", layers: ["h"] }, { track: "t99", layers: ["h"] });
  await settle();
  assert.deepEqual(sent(), [true, true, false], "a track that is not named keeps what it had");
  assert.deepEqual(sent(2), [false, true]);
  assert.deepEqual(server.asked("offer"), []);
});

test("a room changes its camera's codec as the server says, without an offer", async () => {
  await room.publish("camera", camera({ width: 1280, height: 720 }));
  await room.join();
  const { sender } = connection().transceivers[1];
  await sender.setParameters({ ...sender.getParameters(), codecs: CODECS });
  wanted({ track: "t1", layers: ["l"], payload_type: 96 });
  await settle();
  assert.deepEqual(sender.getParameters().encodings[0].codec, { mimeType: "video/VP8", clockRate: 90_000 });
  assert.deepEqual(server.asked("offer"), []);
});

test("what is wanted of a new track may be said before its offer is answered", async () => {
  await room.join();
  const take = connection().setRemoteDescription;
  let go = () => {};
  connection().setRemoteDescription = async function () {
    await new Promise((resolve) => (go = resolve));
    return take.call(this);
  };
  room.publish("custom", fakeTrack("video"));
  await settle();
  wanted({ track: "t12", layers: [] });
  go();
  await settle();
  assert.deepEqual(sent(12), [false]);
});

test("a new connection begins with the smallest layer again, and still saves", async () => {
  await room.publish("camera", camera());
  await room.join();
  await pass(2_000);
  wanted({ track: "t1", layers: ["h"] });
  room.limitCamera(true);
  await settle();
  assert.deepEqual(sent(), [true, false, false]);
  room.limitCamera(false);
  await settle();
  assert.deepEqual(sent(), [false, false, true]);
  await pass(60_000, { packets: false });
  assert.notEqual(server.asked("phx_join").length, 1);
  assert.deepEqual(sent(), [true, false, false]);
  room.limitCamera(true);
  wanted({ track: "t1", layers: ["m", "h"] });
  await settle();
  assert.deepEqual(sent(), [true, false, false]);
});

test("a camera that nobody looks at makes nobody wait for packets", async () => {
  await room.publish("camera", camera());
  await room.join();
  await pass(2_000);
  wanted({ track: "t1", layers: [] });
  await pass(20_000, { packets: false });
  assert.equal(room.stage, "connected");
});
