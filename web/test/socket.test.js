import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { backoffMs } from "../sdk/backoff.js";
import { Socket } from "../sdk/socket.js";
import { FakeServer, settle } from "./world.js";

let server;
let socket;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  server = new FakeServer();
  socket = new Socket("ws://parlor/socket", { connect: server.connect, random: () => 0.5 });
});

test("a silent socket is known to be dead within five seconds", async () => {
  socket.open();
  await settle();
  let closed = false;
  socket.on("close", () => (closed = true));
  server.answersHeartbeats = false;
  mock.timers.tick(2_500);
  mock.timers.tick(2_499);
  assert.equal(closed, false);
  mock.timers.tick(1);
  assert.equal(closed, true);
});

test("answered heartbeats keep a socket open", async () => {
  socket.open();
  await settle();
  for (let beat = 0; beat < 20; beat++) {
    mock.timers.tick(2_500);
    await settle();
  }
  assert.equal(socket.isOpen, true);
  assert.equal(server.sockets.length, 1);
});

test("a lost socket is opened again, and a refused one later and later", async () => {
  socket.open();
  await settle();
  server.reachable = false;
  server.cut();
  mock.timers.tick(100);
  assert.equal(server.sockets.length, 2);
  server.cut();
  mock.timers.tick(149);
  assert.equal(server.sockets.length, 2, "the second wait is longer");
  mock.timers.tick(60);
  assert.equal(server.sockets.length, 3);
  server.reachable = true;
  server.cut();
  mock.timers.tick(1_000);
  await settle();
  assert.equal(socket.isOpen, true);
});

test("a handshake that nobody answers is given up", async () => {
  server.reachable = false;
  socket.open();
  mock.timers.tick(5_000);
  assert.equal(server.sockets[0].closed, true);
  mock.timers.tick(100);
  assert.equal(server.sockets.length, 2);
});

test("a closed socket stays closed", async () => {
  socket.open();
  await settle();
  socket.close();
  mock.timers.tick(60_000);
  assert.equal(server.sockets.length, 1);
  assert.equal(server.sockets[0].closed, true);
});

test("a probe of a waiting socket dials at once", async () => {
  socket.open();
  await settle();
  server.cut();
  socket.probe();
  await settle();
  assert.equal(socket.isOpen, true);
});

test("an open socket whose server does not answer a probe in time is dialled anew", async () => {
  socket.open();
  await settle();
  server.answersHeartbeats = false;
  socket.probe(1_000);
  mock.timers.tick(999);
  assert.equal(server.sockets.length, 1);
  mock.timers.tick(1);
  mock.timers.tick(100);
  assert.equal(server.sockets.length, 2);
});

test("what is no frame of the protocol is ignored", async () => {
  socket.open();
  await settle();
  for (const data of ["", "{", "7", "[]", '["1","2"]', new ArrayBuffer(3)]) server.socket.onmessage({ data });
  assert.equal(socket.isOpen, true);
});

test("waits double up to five seconds and are spread over half of themselves", () => {
  assert.equal(backoffMs(0, () => 0), 50);
  assert.equal(backoffMs(0, () => 0.999999) <= 100, true);
  assert.equal(backoffMs(3, () => 0), 400);
  assert.equal(backoffMs(50, () => 0), 2_500);
  assert.equal(backoffMs(5_000, () => 1), 5_000);
});
