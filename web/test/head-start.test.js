import assert from "node:assert/strict";
import { test } from "node:test";

import { HeadStart, KEPT_FOR_MS } from "../sdk/head-start.js";
import { Room } from "../sdk/room.js";
import { connection, joins, pass, server } from "./call.js";
import { FakePeerConnection, settle } from "./world.js";

/** Somebody who types their name. */
async function begun() {
  const headStart = new HeadStart({ url: "ws://parlor/socket", connect: server.connect, createConnection: () => new FakePeerConnection() });
  headStart.begin();
  await settle();
  return headStart;
}

const ann = (headStart) => new Room({ headStart, room: "tea", name: "Ann" });

test("a join with a head start has one thing to do: to send what is there", async (t) => {
  const headStart = await begun();
  const socket = server.socket;
  const prepared = connection().localDescription.sdp;
  const made = t.mock.method(connection(), "createOffer");
  const room = ann(headStart);
  await room.join();
  assert.equal(made.mock.callCount(), 0);
  assert.equal(joins()[0].offer, prepared);
  assert.equal(joins()[0].name, "Ann");
  assert.equal(server.socket, socket);
  room.leave();
  assert.equal(socket.closed, true);
  assert.equal(connection().connectionState, "closed");
});

test("a codec that does not exist is refused at once, with those that do", () => {
  const way = { url: "ws://parlor/socket", connect: server.connect };
  assert.throws(() => new HeadStart({ ...way, codec: "vp7" }), /vp7.*vp8, h264, vp9, av1/);
  assert.throws(() => new Room({ ...way, codec: "vp7", room: "tea", name: "Ann" }), TypeError);
});

test("what is published after the offer was made is on in the join, and a track of one's own is offered with it", async () => {
  const room = ann(await begun());
  await room.publish("microphone", { kind: "audio", id: "voice" });
  await room.publish("custom", { kind: "video", id: "canvas" });
  await room.join();
  const [{ offer, senders }] = joins();
  assert.deepEqual(senders[0], { mid: "0", source: "microphone", on: true });
  assert.deepEqual(senders.at(-1), { mid: "12", source: "custom", kind: "video", on: true });
  assert.equal(offer, "offer of 13 sections, ice 0");
  room.leave();
});

test("after a minute, or with its socket, what was made is dropped, and a join makes it anew", async () => {
  for (const wait of [() => pass(KEPT_FOR_MS), async () => server.cut()]) {
    const headStart = await begun();
    const [socket, first] = [server.socket, connection()];
    await wait();
    assert.equal(socket.closed, true);
    assert.equal(first.connectionState, "closed");
    await pass(20_000);
    assert.equal(server.socket, socket, "nothing opens by itself");
    const room = ann(headStart);
    await room.join();
    assert.notEqual(server.socket, socket);
    assert.match(joins().at(-1).offer, /^offer of 12 sections/);
    room.leave();
  }
});

test("who joins over a socket that died while they typed is in as soon as that is known", async () => {
  const headStart = await begun();
  server.answersHeartbeats = false;
  const join = server.answers.phx_join;
  delete server.answers.phx_join;
  const room = ann(headStart);
  const joined = room.join();
  await settle();
  server.answers.phx_join = join;
  await pass(8_000);
  await joined;
  assert.equal(room.peer, "p7");
  assert.equal(joins().length, 2);
  room.leave();
});

test("a head start belongs to one room", async () => {
  const headStart = await begun();
  const room = ann(headStart);
  assert.throws(() => ann(headStart), /one room/);
  headStart.drop();
  await room.join();
  await pass(KEPT_FOR_MS);
  assert.equal(server.socket.closed, false, "it is the room's");
  room.leave();
});

test("an offer that could not be made ahead of time is made with the join", async (t) => {
  t.mock.method(FakePeerConnection.prototype, "createOffer", () => Promise.reject(new Error("not now")), { times: 1 });
  const room = ann(await begun());
  await room.join();
  assert.match(joins()[0].offer, /^offer of 12 sections/);
  room.leave();
});

test("a server that was away while somebody typed is called at once when they join", async () => {
  server.reachable = false;
  const headStart = await begun();
  await pass(20_000);
  server.socket.onclose?.();
  server.reachable = true;
  const tries = server.sockets.length;
  const room = ann(headStart);
  await room.join();
  assert.equal(server.sockets.length, tries + 1);
  room.leave();
});

test("whoever goes elsewhere leaves nothing open, nor does anything open again", async () => {
  const headStart = await begun();
  const socket = server.socket;
  headStart.drop();
  await pass(20_000);
  assert.equal(socket.closed, true);
  assert.equal(server.socket, socket);
  assert.equal(connection().connectionState, "closed");
});
