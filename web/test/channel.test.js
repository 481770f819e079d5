import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Socket } from "../sdk/socket.js";
import { FakeServer, settle } from "./world.js";

let server;
let socket;
let channel;

beforeEach(async () => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  server = new FakeServer();
  socket = new Socket("ws://parlor/socket", { connect: server.connect });
  channel = socket.channel("room:tea");
  socket.open();
  await settle();
});

const JOIN = { senders: [] };

test("a request made before the join goes out after it", async () => {
  const request = channel.request("view", { tracks: [] });
  await settle();
  assert.deepEqual(server.asked("view"), []);
  await channel.join(JOIN);
  assert.deepEqual(await request, {});
  assert.deepEqual(server.requests.map(([event]) => event), ["phx_join", "view"]);
});

test("a refusal carries the server's reason, words and patience", async () => {
  server.answers.phx_join = () => {
    throw { reason: "room_full", message: "This room is full.", retry_after_ms: 10_000 };
  };
  await assert.rejects(channel.join(JOIN), { name: "ParlorError", reason: "room_full", message: "This room is full.", retryAfterMs: 10_000 });
  assert.equal(channel.state, "idle");
});

test("a request that nobody answers fails after ten seconds", async () => {
  await channel.join(JOIN);
  delete server.answers.view;
  const failure = assert.rejects(channel.request("view", {}), { reason: "timeout" });
  for (let second = 0; second < 10; second++) {
    mock.timers.tick(1_000);
    await settle();
  }
  await failure;
});

test("what was asked on a lost socket fails at once, what waits for the join waits on", async () => {
  await channel.join(JOIN);
  delete server.answers.view;
  const failure = assert.rejects(channel.request("view", {}), { reason: "socket_lost" });
  server.cut();
  await failure;
  const waiting = channel.request("track", {});
  mock.timers.tick(100);
  await settle();
  await channel.join(JOIN);
  assert.deepEqual(await waiting, {});
});

test("a join that nobody answered in time is left all the same: it may be granted yet", async () => {
  delete server.answers.phx_join;
  const failure = assert.rejects(channel.join(JOIN), { reason: "timeout" });
  for (let second = 0; second < 10; second++) {
    mock.timers.tick(1_000);
    await settle();
  }
  await failure;
  await channel.leave();
  assert.deepEqual(server.asked("phx_leave"), [{}]);
});

test("a refused join leaves nothing to leave", async () => {
  server.answers.phx_join = () => {
    throw { reason: "room_full", message: "This room is full." };
  };
  await assert.rejects(channel.join(JOIN), { reason: "room_full" });
  await channel.leave();
  assert.deepEqual(server.asked("phx_leave"), []);
});

test("messages meant for an earlier join are dropped, broadcasts are not", async () => {
  const heard = [];
  channel.on("message", ({ event }) => heard.push(event));
  await channel.join(JOIN);
  const first = server.joinRef;
  await channel.join(JOIN);
  server.say([first, null, "room:tea", "slots", {}]);
  server.say([first, first, "room:tea", "phx_close", {}]);
  server.say([server.joinRef, null, "room:tea", "speakers", {}]);
  server.say([null, null, "room:tea", "presence", {}]);
  assert.deepEqual(heard, ["speakers", "presence"]);
  assert.equal(channel.state, "joined");
});

test("a channel the server closed is idle and says so", async () => {
  await channel.join(JOIN);
  let closed = 0;
  channel.on("close", () => closed++);
  server.say([server.joinRef, server.joinRef, "room:tea", "phx_close", {}]);
  assert.equal(closed, 1);
  assert.equal(channel.state, "idle");
});

test("leaving says goodbye once and drops what still waited", async () => {
  const never = assert.rejects(channel.request("view", {}), { reason: "left" });
  await channel.leave();
  await never;
  assert.deepEqual(server.asked("phx_leave"), []);
  await channel.join(JOIN);
  await channel.leave();
  assert.deepEqual(server.asked("phx_leave"), [{}]);
});
