import assert from "node:assert/strict";
import { test } from "node:test";

import { BO, connection, joins, pass, room, server } from "./call.js";
import { fakeTrack, settle } from "./world.js";

test("what is published before the join is on from the first moment", async () => {
  const track = fakeTrack("audio");
  await room.publish("microphone", track);
  await room.join();
  assert.equal(joins()[0].senders[0].on, true);
  assert.equal(connection().transceivers[0].sender.track, track);
  assert.deepEqual(server.asked("track"), []);
});

test("starting and stopping a source is a message, never an offer", async () => {
  await room.join();
  await room.publish("camera", fakeTrack("video"));
  await room.publish("camera", fakeTrack("video", "another"));
  await room.unpublish("camera");
  assert.deepEqual(server.asked("track"), [{ track: "t1", on: true }, { track: "t1", on: false }]);
  assert.deepEqual(server.asked("offer"), []);
});

test("more slots are one bigger offer without an ICE restart", async () => {
  await room.join();
  server.push("more_slots", { audio: 6, video: 6 });
  await settle();
  const [offer] = server.asked("offer");
  assert.equal(connection().transceivers.length, 4 + 12);
  assert.equal(connection().iceRestarts, 0);
  assert.equal(offer.senders.length, 4);
});

test("a track of the application's own is a bigger offer too", async () => {
  await room.join();
  const track = fakeTrack("video");
  await room.publish("custom", track);
  const [offer] = server.asked("offer");
  assert.deepEqual(offer.senders.at(-1), { mid: "12", source: "custom", kind: "video", on: true });
  await room.unpublish("custom", track);
  assert.deepEqual(server.asked("track"), [{ track: "t12", on: false }]);
});

test("a custom track takes the section that another one left, without an offer", async () => {
  await room.join();
  for (let turn = 0; turn < 20; turn++) {
    const track = fakeTrack("video", `turn ${turn}`);
    await room.publish("custom", track);
    assert.equal(connection().transceivers[12].sender.track, track);
    await room.unpublish("custom", track);
  }
  assert.equal(server.asked("offer").length, 1);
  assert.deepEqual(server.asked("track").slice(0, 3), [{ track: "t12", on: false }, { track: "t12", on: true }, { track: "t12", on: false }]);
});

test("more custom tracks than the server takes are refused before they spoil the offer", async () => {
  await room.join();
  for (let count = 0; count < 12; count++) await room.publish("custom", fakeTrack("video", `number ${count}`));
  await assert.rejects(room.publish("custom", fakeTrack("video", "one too many")), { reason: "too_many_tracks", message: /12 tracks/ });
  assert.equal(server.asked("offer").at(-1).senders.length, 16);
  assert.equal(connection().transceivers.length, 4 + 8 + 12);
});

test("a custom track whose offer is refused is not published, and its section is free for the next one", async () => {
  await room.join();
  const well = server.answers.offer;
  server.answers.offer = () => {
    throw { reason: "bad_offer", message: "line 7: expected a codec" };
  };
  const refused = fakeTrack("video");
  await assert.rejects(room.publish("custom", refused), { reason: "bad_offer", message: "line 7: expected a codec" });
  assert.equal(connection().transceivers[12].sender.track, null);
  server.answers.offer = well;
  await room.publish("custom", fakeTrack("video", "another"));
  assert.equal(connection().transceivers.length, 13);
  assert.equal(server.asked("offer").length, 2);
});

test("a custom track published while the socket is down is offered after the resume", async () => {
  await room.join();
  await pass(2_000);
  server.cut();
  const track = fakeTrack("video");
  await room.publish("custom", track);
  assert.deepEqual(server.asked("offer"), []);
  await pass(1_000);
  assert.equal(server.asked("offer").length, 1);
  assert.equal(server.asked("offer")[0].senders.at(-1).on, true);
  assert.equal(room.stage, "connected");
});

test("what was switched while the socket was down is said after the resume", async () => {
  await room.join();
  await pass(2_000);
  server.answers.phx_join = (join) => ({ ...server.joined(join), tracks: server.tracksOf(join.senders.map((sender) => ({ ...sender, on: false }))) });
  server.cut();
  await room.publish("microphone", fakeTrack("audio"));
  assert.deepEqual(server.asked("track"), []);
  await pass(1_000);
  assert.deepEqual(server.asked("track"), [{ track: "t0", on: true }]);
});

test("an answer lost with its socket is asked for again", async () => {
  await room.join();
  await pass(2_000);
  const answer = server.answers.offer;
  delete server.answers.offer;
  server.push("more_slots", { audio: 6, video: 6 });
  await settle();
  server.answers.offer = answer;
  server.cut();
  await pass(1_000);
  assert.equal(server.asked("offer").length, 2);
  assert.equal(connection().signalingState, "stable");
});

test("slots that are pushed while the browser takes an answer are not undone by what the answer came with", async () => {
  server.peers = [BO];
  await room.join();
  const take = connection().setRemoteDescription;
  let go = () => {};
  connection().setRemoteDescription = async function () {
    await new Promise((resolve) => (go = resolve));
    return take.call(this);
  };
  server.push("more_slots", { audio: 6, video: 6 });
  await settle();
  server.push("slots", { slots: [{ mid: "5", kind: "video", track: "t10" }] });
  go();
  await settle();
  assert.equal(room.peers.get("p3").tracks[1].media, connection().transceivers[5].receiver.track);
});
