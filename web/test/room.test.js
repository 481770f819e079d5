import assert from "node:assert/strict";
import { test } from "node:test";

import { BO, CY, connection, events, joins, newRoom, pass, room, server } from "./call.js";
import { FakePeerConnection, settle } from "./world.js";

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

test("a busy server is asked again by itself, a little later than it says, until it lets us in", async (t) => {
  t.mock.method(Math, "random", () => 0.5);
  let busy = 2;
  server.answers.phx_join = (join) => {
    if (busy-- > 0) throw { reason: "server_busy", message: "The server is busy.", retry_after_ms: 4_000 };
    return server.joined(join);
  };
  const waits = [];
  room.on("waiting", ({ error, waitMs }) => waits.push([error.reason, waitMs]));
  const joined = room.join();
  await pass(4_900);
  assert.equal(joins().length, 1);
  await pass(10_000);
  await joined;
  assert.deepEqual(waits, [["server_busy", 5_000], ["server_busy", 5_000]]);
  assert.equal(joins().length, 3);
  assert.equal(FakePeerConnection.all.length, 1, "with the same connection");
  assert.equal(room.peer, "p7");
});

test("a server that stays busy is told to the person in the end", async () => {
  server.answers.phx_join = () => {
    throw { reason: "server_busy", message: "The server is busy.", retry_after_ms: 15_000 };
  };
  const failure = assert.rejects(room.join(), { reason: "server_busy", message: "The server is busy." });
  await pass(150_000);
  await failure;
  const asked = joins().length;
  assert.ok(asked >= 6 && asked <= 9, `asked ${asked} times`);
  assert.equal(connection().connectionState, "closed");
});

test("whoever leaves while a busy server is waited for is gone", async () => {
  server.answers.phx_join = () => {
    throw { reason: "server_busy", message: "The server is busy.", retry_after_ms: 5_000 };
  };
  const failure = assert.rejects(room.join(), { reason: "left" });
  await pass(1_000);
  room.leave();
  await failure;
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
  const another = newRoom();
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

test("sizes of what is shown are told in whole pixels, whatever the layout's fractions", async () => {
  await room.join();
  room.view([{ track: "t10", width: 100.5, height: 56.4, priority: 0 }]);
  assert.deepEqual(server.asked("view").at(-1), { tracks: [{ track: "t10", width: 101, height: 56, priority: 0 }] });
});
