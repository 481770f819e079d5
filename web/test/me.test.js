import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Me } from "../app/me.js";
import { Events } from "../sdk/events.js";
import { fakeTrack } from "./world.js";

const stoppable = (kind, label) => {
  const track = fakeTrack(kind, label);
  return Object.assign(track, { stopped: false, stop: () => (track.stopped = true) });
};

/** Devices as far as Me uses them. */
class FakeDevices extends Events {
  tracks = new Map();
  preferred = new Map();
  /** What the person picks in the browser's dialog. */
  pick = Promise.resolve(null);
  picks = 0;

  track(use) {
    return this.tracks.get(use) ?? null;
  }

  prefer(use, id) {
    this.preferred.set(use, id);
  }

  async choose(use, id) {
    this.prefer(use, id);
    await this.start(use);
  }

  async start(use) {
    this.tracks.set(use, stoppable(use === "microphone" ? "audio" : "video", this.preferred.get(use)));
    this.emit("track", use);
  }

  stop(use) {
    this.tracks.delete(use);
    this.emit("track", use);
  }

  shareScreen() {
    this.picks += 1;
    return this.pick;
  }
}

/** A room that remembers what is published in it. */
function fakeRoom() {
  const published = new Map();
  return { published, publish: async (source, track) => void published.set(source, track), unpublish: async (source) => void published.delete(source) };
}

let devices;
let me;
let room;
let share;

beforeEach(async () => {
  const stored = new Map();
  devices = new FakeDevices();
  me = new Me(devices, { getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value) });
  room = fakeRoom();
  await me.enter(room);
  share = { screen: stoppable("video"), sound: stoppable("audio") };
});

test("choosing a camera that is off lights no light, and is remembered for when it is on", async () => {
  await me.turn("camera", false);
  await me.choose("camera", "cam-2");
  assert.equal(devices.track("camera"), null);
  assert.equal(devices.preferred.get("camera"), "cam-2");
  await me.turn("camera", true);
  assert.equal(room.published.get("camera").label, "cam-2");
});

test("choosing a microphone that was never started does not open it while muted, an open one is changed and stays muted", async () => {
  await me.turn("microphone", false);
  await me.choose("microphone", "mic-2");
  assert.equal(devices.track("microphone"), null);
  await me.turn("microphone", true);
  await me.turn("microphone", false);
  await me.choose("microphone", "mic-3");
  assert.equal(devices.track("microphone").label, "mic-3");
  assert.equal(room.published.has("microphone"), false);
});

test("a call that is over shares nothing any more", async () => {
  devices.pick = Promise.resolve(share);
  await me.shareScreen();
  assert.deepEqual([...room.published.keys()], ["screen", "screen_audio"]);
  me.leave(room);
  assert.deepEqual([share.screen.stopped, share.sound.stopped, me.screen], [true, true, null]);
});

test("a screen picked after the call ended is let go of, and its sound too", async () => {
  let pick;
  devices.pick = new Promise((resolve) => (pick = resolve));
  const sharing = me.shareScreen();
  me.leave(room);
  await me.enter(fakeRoom());
  pick(share);
  await sharing;
  assert.deepEqual([share.screen.stopped, share.sound.stopped, me.screen], [true, true, null]);
});

test("a second click while the browser asks, or while a screen is shared, picks no second one", async () => {
  let pick;
  devices.pick = new Promise((resolve) => (pick = resolve));
  const sharing = me.shareScreen();
  await me.shareScreen();
  pick(share);
  await sharing;
  await me.shareScreen();
  assert.equal(devices.picks, 1);
  assert.equal(me.screen, share.screen);
});

test("a room that was given up does not end the share of the one entered since", async () => {
  const next = fakeRoom();
  await me.enter(next);
  devices.pick = Promise.resolve(share);
  await me.shareScreen();
  me.leave(room);
  assert.equal(me.screen, share.screen);
  assert.equal(next.published.get("screen"), share.screen);
});
