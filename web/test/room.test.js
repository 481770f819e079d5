import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Room } from "../sdk/room.js";
import { FakePeerConnection, FakeServer, fakeTrack, settle } from "./world.js";

const BO = { id: "p3", name: "Bo", state: "connected", tracks: [
  { id: "t9", source: "microphone", kind: "audio", on: true }, { id: "t10", source: "camera", kind: "video", on: true }] };
const CY = { id: "p8", name: "Cy", state: "connecting", tracks: [] };

let server;
let room;
let clock;
let events;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  clock = 1_000;
  mock.method(performance, "now", () => clock);
  FakePeerConnection.all = [];
  server = new FakeServer();
  room = new Room({ url: "ws://parlor/socket", room: "tea", name: "Ann", connect: server.connect, createConnection: () => new FakePeerConnection() });
  events = [];
  for (const name of ["peer-joined", "peer-changed", "peer-left", "stage", "refused", "ended"]) room.on(name, (detail) => events.push([name, detail]));
});

afterEach(() => {
  room.leave();
  mock.restoreAll();
});

/** Lets time pass, a tenth of a second at once, with packets arriving or not. */
async function pass(ms, { packets = true } = {}) {
  for (let passed = 0; passed < ms; passed += 100) {
    clock += 100;
    if (packets) for (const connection of FakePeerConnection.all) connection.received += 1;
    mock.timers.tick(100);
    await settle();
  }
}

const stages = () => events.filter(([name]) => name === "stage").map(([, stage]) => stage);
const joins = () => server.asked("phx_join");
const connection = () => FakePeerConnection.all.at(-1);

test("a join is one round trip that offers senders without tracks and slots in pairs", async () => {
  await room.join();
  const [join] = joins();
  assert.deepEqual(join.senders, [
    { mid: "0", source: "microphone", on: false }, { mid: "1", source: "camera", on: false },
    { mid: "2", source: "screen", on: false }, { mid: "3", source: "screen_audio", on: false }]);
  assert.equal(join.protocol, "parlor");
  assert.equal(join.version, 1);
  assert.equal(join.name, "Ann");
  const sections = connection().transceivers.map(({ kind, direction }) => `${direction} ${kind}`);
  assert.deepEqual(sections.slice(0, 4), ["sendonly audio", "sendonly video", "sendonly video", "sendonly audio"]);
  assert.deepEqual(sections.slice(4), Array(4).fill(["recvonly audio", "recvonly video"]).flat());
  assert.equal(room.peer, "p7");
});

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

test("a refused join rejects with the server's words and leaves nothing open", async () => {
  server.answers.phx_join = () => {
    throw { reason: "room_full", message: "This room is full." };
  };
  await assert.rejects(room.join(), { reason: "room_full", message: "This room is full." });
  assert.equal(server.socket.closed, true);
  assert.equal(connection().connectionState, "closed");
  await pass(20_000);
  assert.equal(joins().length, 1);
});

test("a server that cannot be reached is said so after ten seconds", async () => {
  server.reachable = false;
  const failure = assert.rejects(room.join(), { reason: "unreachable" });
  await pass(10_000);
  await failure;
});

test("a join that is given up after the socket opened is taken back, and nothing goes on", async () => {
  delete server.answers.phx_join; // the server takes its time
  const giveUp = new AbortController();
  const failure = assert.rejects(room.join({ signal: giveUp.signal }), { reason: "left" });
  await settle();
  assert.equal(joins().length, 1);
  giveUp.abort();
  await failure;
  assert.deepEqual(server.asked("phx_leave"), [{}]);
  assert.equal(server.socket.closed, true);
  assert.equal(connection().connectionState, "closed");
  await assert.rejects(room.join({ signal: AbortSignal.abort() }), { reason: "left" });
});

test("leaving a room that is being joined, before or after the socket opened, ends the join", async () => {
  server.reachable = false;
  const unreachable = assert.rejects(room.join(), { reason: "left" });
  await settle();
  room.leave();
  await unreachable;
  assert.equal(events.at(-1)[1].reason, "left");

  server.reachable = true;
  const another = new Room({ url: "ws://parlor/socket", room: "tea", name: "Ann", connect: server.connect, createConnection: () => new FakePeerConnection() });
  connection().setRemoteDescription = () => new Promise(() => {}); // as a closed connection does
  const failure = assert.rejects(another.join(), { reason: "left" });
  await settle();
  another.leave();
  await failure;
  assert.equal(another.stage, "ended");
});

test("peers and the media of their tracks follow presence and slots", async () => {
  server.peers = [BO];
  server.slots = [{ mid: "4", kind: "audio", track: "t9" }, { mid: "5", kind: "video", track: null }];
  await room.join();
  const [sound, picture] = room.peers.get("p3").tracks;
  assert.equal(sound.media, connection().transceivers[4].receiver.track);
  assert.equal(picture.media, null);
  server.push("slots", { slots: [{ mid: "5", kind: "video", track: "t10" }] });
  assert.equal(picture.media, connection().transceivers[5].receiver.track);
  assert.deepEqual(events.map(([name]) => name).slice(-1), ["peer-changed"]);

  server.push("presence", { joined: [CY], changed: [{ ...BO, name: "Bob" }], left: [] });
  assert.deepEqual([...room.peers.values()].map(({ name }) => name), ["Bob", "Cy"]);
  assert.equal(room.peers.get("p3").tracks[0].media, connection().transceivers[4].receiver.track);
  server.push("presence", { joined: [], changed: [], left: [{ id: "p3", reason: "lost" }, { id: "p99", reason: "left" }] });
  assert.deepEqual([...room.peers.keys()], ["p8"]);
  const departures = events.filter(([name]) => name === "peer-left").map(([, { peer, reason }]) => [peer.id, reason]);
  assert.deepEqual(departures, [["p3", "lost"]]);
});

test("we do not meet ourselves in what presence tells everybody", async () => {
  await room.join();
  server.push("presence", { joined: [{ ...CY, id: "p7" }, CY], changed: [], left: [] });
  assert.deepEqual([...room.peers.keys()], ["p8"]);
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

test("a restart of ICE that the socket did not outlive does not keep it from being resumed", async () => {
  await room.publish("microphone", fakeTrack("audio"));
  await room.join();
  await pass(2_000);
  const createOffer = connection().createOffer;
  connection().createOffer = async function () {
    server.cut(); // while the browser is still writing the offer
    delete this.createOffer;
    return createOffer.call(this);
  };
  await pass(6_000, { packets: false });
  await pass(4_000);
  assert.equal(room.stage, "connected");
});

test("a lost socket resumes with the token and without an offer, and media is left alone", async () => {
  server.peers = [BO, CY];
  await room.join();
  await pass(2_000);
  server.peers = [BO];
  server.cut();
  assert.equal(room.stage, "resuming");
  await pass(1_000);
  assert.equal(joins().length, 2);
  assert.equal(joins()[1].resume, "token");
  assert.equal(joins()[1].offer, undefined);
  assert.equal(FakePeerConnection.all.length, 1);
  assert.deepEqual([...room.peers.keys()], ["p3"], "who left meanwhile is gone");
  assert.equal(room.stage, "connected");
  assert.deepEqual(stages(), ["connecting", "connected", "resuming", "connected"]);
});

test("who spoke before the socket was lost is not taken to speak for ever", async () => {
  server.peers = [BO];
  await room.join();
  await pass(2_000);
  const heard = [];
  room.on("speakers", (speakers) => heard.push([...speakers]));
  server.push("speakers", { speaking: ["p3"] });
  server.cut();
  await pass(1_000);
  assert.equal(room.stage, "connected");
  assert.deepEqual(heard, [["p3"], []]);
  assert.deepEqual([...room.speakers], []);
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

test("silent media restarts ICE on the same connection", async () => {
  await room.publish("microphone", fakeTrack("audio"));
  await room.join();
  await pass(2_000);
  await pass(5_000, { packets: false });
  assert.equal(room.stage, "restoring");
  assert.equal(connection().iceRestarts, 1);
  assert.equal(server.asked("offer").length, 1);
  await pass(2_000);
  assert.equal(room.stage, "connected");
  assert.equal(FakePeerConnection.all.length, 1);
});

test("media that stays silent gets a new connection as the same peer, with the same tracks", async () => {
  const microphone = fakeTrack("audio");
  await room.publish("microphone", microphone);
  await room.join();
  await pass(2_000);
  await pass(25_000, { packets: false });
  assert.equal(FakePeerConnection.all.length, 2);
  assert.equal(joins()[1].resume, "token");
  assert.ok(joins()[1].offer);
  assert.equal(joins()[1].senders[0].on, true);
  assert.equal(connection().transceivers[0].sender.track, microphone);
  assert.equal(FakePeerConnection.all[0].connectionState, "closed");
  await pass(2_000);
  assert.equal(room.stage, "connected");
});

test("media that never gets through ends in words, not in an endless loop", async () => {
  await room.publish("microphone", fakeTrack("audio"));
  await room.join();
  await pass(180_000, { packets: false });
  const [[, error]] = events.filter(([name]) => name === "ended");
  assert.equal(error.reason, "no_media");
  assert.equal(room.stage, "ended");
});

test("a server that no longer has our media gets a new connection and the token", async () => {
  await room.join();
  await pass(2_000);
  server.answers.phx_join = (join) => {
    if (!join.offer) throw { reason: "bad_offer", message: "Media is gone." };
    return server.joined(join);
  };
  server.cut();
  await pass(2_000);
  assert.deepEqual(joins().slice(1).map(({ offer, resume }) => [Boolean(offer), resume]), [[false, "token"], [true, "token"]]);
  assert.equal(room.stage, "connected");
});

test("a token that is too old means joining afresh", async () => {
  await room.join();
  await pass(2_000);
  server.answers.phx_join = (join) => {
    if (join.resume) throw { reason: "resume_unknown", message: "Too old." };
    return { ...server.joined(join), peer: "p20" };
  };
  server.cut();
  await pass(2_000);
  assert.equal(room.peer, "p20");
  assert.equal(room.stage, "connected");
});

test("a restarting server is joined again when it is back", async () => {
  await room.join();
  await pass(2_000);
  server.push("ended", { reason: "server_stopping", message: "The server is restarting." });
  server.say([server.joinRef, server.joinRef, "room:tea", "phx_close", {}]);
  server.reachable = false;
  server.cut();
  await pass(20_000);
  assert.equal(room.stage, "unreachable");
  server.reachable = true;
  await pass(12_000);
  assert.equal(room.stage, "connected");
});

test("a server that refuses for a while is asked again, and that is not blamed on the network", async () => {
  await room.join();
  await pass(2_000);
  const well = server.answers.phx_join;
  server.answers.phx_join = () => {
    throw { reason: "server_stopping", message: "The server is going down." };
  };
  server.push("ended", { reason: "server_stopping", message: "The server is restarting." });
  server.say([server.joinRef, server.joinRef, "room:tea", "phx_close", {}]);
  await pass(30_000);
  assert.ok(joins().length > 5 && joins().length < 20, `${joins().length} joins`);
  server.answers.phx_join = well;
  await pass(10_000);
  assert.equal(room.stage, "connected");
});

test("why the server does not let somebody back in yet is told, and it is asked again", async () => {
  await room.join();
  await pass(2_000);
  const well = server.answers.phx_join;
  server.answers.phx_join = () => {
    throw { reason: "room_full", message: "This room is full: it holds 64 people.", retry_after_ms: 10_000 };
  };
  server.push("ended", { reason: "connection_failed", message: "Nothing was heard from you." });
  server.say([server.joinRef, server.joinRef, "room:tea", "phx_close", {}]);
  await pass(15_000);
  const refused = events.filter(([name]) => name === "refused").map(([, error]) => error.message);
  assert.deepEqual(refused.slice(0, 2), ["Nothing was heard from you.", "This room is full: it holds 64 people."]);
  assert.equal(room.stage, "rejoining");
  server.answers.phx_join = well;
  await pass(20_000);
  assert.equal(room.stage, "connected");
});

test("being replaced is final", async () => {
  await room.join();
  server.push("ended", { reason: "replaced", message: "You joined from elsewhere." });
  assert.equal(room.stage, "ended");
  await pass(10_000);
  assert.equal(joins().length, 1);
  assert.equal(server.socket.closed, true);
});

test("leaving is said to the server and to the application", async () => {
  await room.join();
  room.leave();
  assert.deepEqual(server.asked("phx_leave"), [{}]);
  assert.equal(events.at(-1)[0], "ended");
  assert.equal(events.at(-1)[1].reason, "left");
  assert.equal(connection().connectionState, "closed");
});

test("the view is told again after joining afresh", async () => {
  await room.join();
  const tracks = [{ track: "t10", width: 640, height: 360, priority: 0 }];
  room.view(tracks);
  await settle();
  server.cut();
  await pass(1_000);
  assert.deepEqual(server.asked("view"), [{ tracks }, { tracks }]);
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
