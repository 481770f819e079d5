import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Devices } from "../sdk/devices.js";
import { fakeTrack } from "./world.js";

/** navigator.mediaDevices with plugs to pull. */
class FakeMedia extends EventTarget {
  plugged = [
    { kind: "audioinput", deviceId: "mic-1", label: "Desk microphone" }, { kind: "audioinput", deviceId: "mic-2", label: "Headset" },
    { kind: "videoinput", deviceId: "cam-1", label: "Webcam" }, { kind: "audiooutput", deviceId: "out-1", label: "" }];
  asked = [];
  failing = {};

  async enumerateDevices() {
    return this.plugged;
  }

  async getUserMedia(constraints) {
    this.asked.push(constraints);
    const kinds = [["audio", "audioinput"], ["video", "videoinput"]].filter(([kind]) => constraints[kind]);
    const tracks = kinds.map(([kind, wanted]) => {
      if (this.failing[kind]) throw Object.assign(new Error(), { name: this.failing[kind] });
      const all = this.plugged.filter((device) => device.kind === wanted);
      const device = all.find(({ deviceId }) => deviceId === constraints[kind].deviceId?.ideal) ?? all[0];
      if (!device) throw Object.assign(new Error(), { name: "NotFoundError" });
      const track = fakeTrack(kind, device.label);
      return Object.assign(track, { stopped: false, stop: () => (track.stopped = true), getSettings: () => ({ deviceId: device.deviceId }) });
    });
    return { getTracks: () => tracks };
  }
}

let media;
let stored;
let devices;

beforeEach(() => {
  media = new FakeMedia();
  stored = new Map();
  devices = new Devices({ media, memory: { getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value) } });
});

test("both devices are asked for at once, so that the browser asks the person once", async () => {
  assert.deepEqual(await devices.startBoth(), {});
  assert.equal(media.asked.length, 1);
  assert.equal(devices.track("microphone").label, "Desk microphone");
  assert.equal(devices.track("camera").label, "Webcam");
});

test("a missing camera does not keep the microphone from starting, and is named", async () => {
  media.plugged = media.plugged.filter(({ kind }) => kind !== "videoinput");
  const { camera, microphone } = await devices.startBoth();
  assert.equal(microphone, undefined);
  assert.equal(camera.reason, "missing");
  assert.match(camera.message, /No camera was found/);
  assert.ok(devices.track("microphone"));
});

test("a refused permission is explained in words and not asked for again", async () => {
  media.failing = { audio: "NotAllowedError", video: "NotAllowedError" };
  const failures = await devices.startBoth();
  assert.equal(failures.microphone.reason, "denied");
  assert.match(failures.camera.message, /may not use your camera and microphone/);
  assert.equal(media.asked.length, 1);
});

test("a busy device says that another program may have it", async () => {
  media.failing = { video: "NotReadableError" };
  await assert.rejects(devices.start("camera"), { reason: "busy", message: /another program/ });
});

test("an insecure page is told why it has no devices", async () => {
  const none = new Devices({ media: undefined });
  assert.equal(none.available, false);
  const { microphone } = await none.startBoth();
  assert.equal(microphone.reason, "insecure");
  assert.match(microphone.message, /secure pages/);
});

test("a choice is used at once and remembered", async () => {
  await devices.startBoth();
  const first = devices.track("microphone");
  await devices.choose("microphone", "mic-2");
  assert.equal(devices.track("microphone").label, "Headset");
  assert.equal(first.stopped, true);
  assert.equal(stored.get("parlor.microphone"), "mic-2");
  assert.equal(devices.chosen("microphone"), "mic-2");
});

test("an unplugged microphone is replaced by another one, and both are named", async () => {
  await devices.startBoth();
  const lost = new Promise((resolve) => devices.on("lost", resolve));
  const track = devices.track("microphone");
  media.plugged = media.plugged.filter(({ deviceId }) => deviceId !== "mic-1");
  track.dispatchEvent(new Event("ended"));
  assert.deepEqual(await lost, { use: "microphone", name: "Desk microphone", replacement: "Headset" });
  assert.equal(devices.track("microphone").label, "Headset");
});

test("an unplugged camera without another is off, and named", async () => {
  await devices.startBoth();
  const lost = new Promise((resolve) => devices.on("lost", resolve));
  media.plugged = media.plugged.filter(({ kind }) => kind !== "videoinput");
  devices.track("camera").dispatchEvent(new Event("ended"));
  assert.deepEqual(await lost, { use: "camera", name: "Webcam", replacement: null });
  assert.equal(devices.track("camera"), null);
});

test("a device stopped on purpose is not lost", async () => {
  await devices.startBoth();
  let lost = 0;
  devices.on("lost", () => lost++);
  const track = devices.track("camera");
  devices.stop("camera");
  track.dispatchEvent(new Event("ended"));
  assert.equal(track.stopped, true);
  assert.equal(devices.track("camera"), null);
  assert.equal(lost, 0);
});

test("a start that a stop overtook does not leave the light on", async () => {
  const starting = devices.start("camera");
  devices.stop("camera");
  assert.equal(await starting, null);
  assert.equal(devices.track("camera"), null);
});

test("a camera that fails to start leaves none behind, a microphone the one before", async () => {
  await devices.startBoth();
  media.failing = { audio: "NotReadableError", video: "NotReadableError" };
  await assert.rejects(devices.choose("camera", "cam-9"), { reason: "busy" });
  await assert.rejects(devices.choose("microphone", "mic-2"), { reason: "busy" });
  assert.equal(devices.track("camera"), null);
  assert.equal(devices.track("microphone").stopped, false);
});

test("devices without a name get a number", async () => {
  await devices.refresh();
  assert.deepEqual(devices.list("loudspeaker"), [{ id: "out-1", label: "Loudspeaker 1" }]);
});

test("original sound switches the browser's filters off", async () => {
  await devices.start("microphone");
  assert.equal(media.asked.at(-1).audio.echoCancellation, true);
  await devices.setOriginalSound(true);
  assert.deepEqual(media.asked.at(-1).audio, { deviceId: undefined, echoCancellation: false, noiseSuppression: false, autoGainControl: false });
});

test("a screen is captured for what it says, not for motion: detail before frames, no more frames than are sent, sound as it is", async () => {
  const [picture, sound] = [fakeTrack("video", "Slides"), fakeTrack("audio", "Slides")];
  media.getDisplayMedia = async (constraints) => {
    media.asked.push(constraints);
    return { getVideoTracks: () => [picture], getAudioTracks: () => [sound] };
  };
  assert.deepEqual(await devices.shareScreen(), { screen: picture, sound });
  assert.equal(picture.contentHint, "detail");
  const [{ video, audio }] = media.asked;
  assert.deepEqual(video, { frameRate: { ideal: 15, max: 15 } });
  assert.ok(Object.values(audio).every((filter) => filter === false));
});
