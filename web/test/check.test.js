import assert from "node:assert/strict";
import { test } from "node:test";

import { Check, SUBJECTS } from "../check/check.js";
import { WAYS, answerFor, placesIn, relaysFor } from "../check/ways.js";
import { MEANINGS, NAMES, OWN_CERTIFICATE, advice, outcomeWords, report, verdict } from "../check/words.js";
import { FakePeerConnection, settle } from "./world.js";

const ANSWER = [
  "v=0",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "a=candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host",
  "a=candidate:2 1 udp 2130706175 2001:db8::1 4000 typ host",
  "a=candidate:3 1 tcp 1518280447 192.0.2.1 443 typ host tcptype passive",
  "a=end-of-candidates",
  "",
].join("\r\n");

const LOGIN = { username: "1700086400:p1", credential: "a-secret" };
const ICE_SERVERS = [
  { urls: ["turn:192.0.2.1:4000?transport=udp", "turn:[2001:db8::1]:4000?transport=udp", "turn:192.0.2.1:443?transport=tcp"], ...LOGIN },
  { urls: ["turns:meet.example:443?transport=tcp"], ...LOGIN },
];

test("each way has its own part of an answer, and the rest of it as it is", () => {
  assert.deepEqual(placesIn(answerFor(ANSWER, "udp")), [
    { transport: "udp", address: "192.0.2.1", port: 4000 },
    { transport: "udp", address: "2001:db8::1", port: 4000 },
  ]);
  assert.deepEqual(placesIn(answerFor(ANSWER, "tcp")), [{ transport: "tcp", address: "192.0.2.1", port: 443 }]);
  for (const way of ["turn-udp", "turn-tcp", "turn-tls"]) assert.equal(answerFor(ANSWER, way), answerFor(ANSWER, "udp"), "a relay sends datagrams");
  assert.equal(answerFor(ANSWER, "tcp"), ANSWER.split("\r\n").filter((line) => !line.includes(" udp ")).join("\r\n"));
});

test("each way has its own relays", () => {
  const urls = (way) => relaysFor(ICE_SERVERS, way).flatMap((server) => server.urls);
  assert.deepEqual(urls("turn-udp"), ["turn:192.0.2.1:4000?transport=udp", "turn:[2001:db8::1]:4000?transport=udp"]);
  assert.deepEqual(urls("turn-tcp"), ["turn:192.0.2.1:443?transport=tcp"]);
  assert.deepEqual(urls("turn-tls"), ["turns:meet.example:443?transport=tcp"]);
  assert.deepEqual([urls("udp"), urls("tcp")], [[], []]);
  assert.deepEqual(relaysFor(ICE_SERVERS, "turn-tls"), [{ urls: ["turns:meet.example:443?transport=tcp"], ...LOGIN }]);
  assert.deepEqual(relaysFor([{ urls: ["turn:a.example"], ...LOGIN }], "turn-udp")[0].urls, ["turn:a.example"], "UDP is what a URL without more means");
});

// ---- the whole test, over a scripted server ----------------------------------------------------

/** A server that answers joins, and connections of which some ways come up. */
class World {
  joins = [];
  leaves = 0;
  connections = [];

  constructor({ working = WAYS, answer = ANSWER, iceServers = ICE_SERVERS, refuses = false } = {}) {
    Object.assign(this, { working, answer, iceServers, refuses });
  }

  connect = () => {
    const socket = { onopen: null, onmessage: null, onclose: null, close() {}, send: (text) => this.#received(socket, JSON.parse(text)) };
    queueMicrotask(() => socket.onopen?.());
    return socket;
  };

  #received(socket, [joinRef, ref, topic, event, payload]) {
    if (event === "phx_leave") this.leaves++;
    const data = (status, response) => JSON.stringify([joinRef, ref, topic, "phx_reply", { status, response }]);
    const reply = (status, response) => queueMicrotask(() => socket.onmessage?.({ data: data(status, response) }));
    if (event !== "phx_join") return reply("ok", {});
    this.joins.push({ topic, payload });
    if (this.refuses) return reply("error", { reason: "server_busy", message: "This server is full." });
    reply("ok", { peer: "p1", resume: "a-token", answer: this.answer, tracks: [], peers: [], peers_total: 0, slots: [], ice_servers: this.iceServers });
  }

  create = (config) => {
    const connection = new OneWay(config, this.working);
    this.connections.push(connection);
    return connection;
  };
}

/** A connection that comes up if the way that its configuration and answer leave to it is one that works. */
class OneWay extends FakePeerConnection {
  stats = {
    T: { type: "transport", selectedCandidatePairId: "P" },
    P: { type: "candidate-pair", id: "P", currentRoundTripTime: 0.0123 },
  };

  constructor(config, working) {
    super();
    Object.assign(this, { config, working });
  }

  async setRemoteDescription({ sdp }) {
    const url = this.config.iceServers[0]?.urls[0];
    const way = url ? (url.startsWith("turns:") ? "turn-tls" : `turn-${url.split("transport=")[1]}`) : placesIn(sdp)[0].transport;
    assert.equal(this.config.iceTransportPolicy, url ? "relay" : "all");
    this.connectionState = this.working.includes(way) ? "connected" : "failed";
    queueMicrotask(() => this.dispatchEvent(new Event("connectionstatechange")));
  }
}

/** Devices of which some do not start. */
const devices = (failures = {}) => ({ startBoth: async () => failures, stop() {} });

async function findings(world, { failures, about } = {}) {
  const check = new Check({ url: "ws://parlor/socket", devices: devices(failures), about, connect: world.connect, create: world.create, randomName: () => "77" });
  const told = [];
  check.on("finding", ({ subject, result }) => told.push([subject, result.outcome]));
  await check.run(new AbortController().signal);
  await settle();
  return { found: check.findings, told: Object.fromEntries(told) };
}

test("every way is tried by a join of its own in rooms that nobody else is in, and left", async () => {
  const world = new World();
  const { told, found } = await findings(world);
  assert.deepEqual(told, Object.fromEntries(SUBJECTS.map((subject) => [subject, "works"])));
  assert.deepEqual(world.joins.map(({ topic }) => topic).sort(), WAYS.map((way) => `room:connection-test-77-${way}`).sort());
  assert.equal(world.leaves, WAYS.length);
  assert.ok(world.connections.every(({ connectionState }) => connectionState === "closed"));
  assert.equal(found.get("udp").roundTripMs, 12);
  assert.match(verdict(found), /by the best way/);
});

test("what does not work is told from what is not there and from what could not be tried", async () => {
  const noUdp = await findings(new World({ working: ["tcp", "turn-tcp"] }));
  assert.deepEqual([noUdp.told.udp, noUdp.told.tcp, noUdp.told["turn-udp"], noUdp.told["turn-tcp"]], ["fails", "works", "fails", "works"]);
  assert.match(verdict(noUdp.found), /by TCP/);

  const plain = await findings(new World({ answer: answerFor(ANSWER, "udp"), iceServers: [] }));
  assert.deepEqual([plain.told.udp, plain.told.tcp, plain.told["turn-tls"]], ["works", "absent", "absent"]);
  assert.match(advice("turn-tls", plain.found.get("turn-tls")), /has no certificate/);

  const busy = await findings(new World({ refuses: true }));
  assert.equal(busy.told.udp, "untested");
  assert.equal(advice("udp", busy.found.get("udp")), "This server is full.");
  assert.match(verdict(busy.found), /did not let us try/);
});

test("a relay whose certificate no browser takes is not tried, and said to be no fault of the network", async () => {
  const world = new World({ working: [] });
  const { told, found } = await findings(world, { about: async () => ({ certificate: "own" }) });
  assert.deepEqual([told["turn-tls"], told["turn-tcp"]], ["untested", "fails"]);
  assert.ok(!world.joins.some(({ topic }) => topic.endsWith("turn-tls")), "nobody waits for it");
  assert.equal(advice("turn-tls", found.get("turn-tls")), OWN_CERTIFICATE);
  assert.match(report(found, { page: "https://meet.example", browser: "Browser/1", time: new Date(0), secure: true }), /TURN over TLS: Not tested \(This server’s own certificate is not trusted for TURN/);

  for (const about of [async () => ({ certificate: "authority" }), () => Promise.reject(new Error("no such page"))]) {
    assert.equal((await findings(new World(), { about })).told["turn-tls"], "works");
  }
});

test("a server whose socket does not come is not asked for the rest", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const world = new World();
  world.connect = () => ({ onopen: null, onmessage: null, onclose: null, close() {}, send() {} });
  const running = findings(world);
  await settle();
  t.mock.timers.tick(10_001);
  const { told, found } = await running;
  assert.equal(told.websocket, "fails");
  assert.ok(WAYS.every((way) => told[way] === "untested"));
  assert.match(verdict(found), /Calls do not work from here/);
  assert.match(advice("websocket", found.get("websocket")), /Upgrade/);
});

test("a test that is called off before the socket is open ends, and does not dial again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let dials = 0;
  let closed = 0;
  const connect = () => (dials++, { onopen: null, onmessage: null, onclose: null, close: () => closed++, send() {} });
  const check = new Check({ url: "ws://parlor/socket", devices: devices(), connect, create: () => assert.fail("nothing is tried") });
  check.on("done", () => assert.fail("it is not done"));
  const control = new AbortController();
  const running = check.run(control.signal);
  await settle();
  control.abort();
  await running;
  assert.deepEqual([dials, closed], [1, 1]);
  t.mock.timers.tick(60_000);
  await settle();
  assert.equal(dials, 1);
});

test("devices that are missing are told from those that are refused", async () => {
  const failures = { microphone: { reason: "denied", message: "The browser does not allow it." }, camera: { reason: "missing", message: "There is none." } };
  const { told, found } = await findings(new World(), { failures });
  assert.deepEqual([told.microphone, told.camera], ["fails", "absent"]);
  assert.match(verdict(found), /Calls work.*The microphone and the camera cannot be used now\./);
});

test("the report has every result and no secret", async () => {
  const { found } = await findings(new World({ working: ["udp", "turn-tls"] }));
  const text = report(found, { page: "https://meet.example", browser: "Browser/1", time: new Date(0), secure: true });
  for (const subject of SUBJECTS) assert.ok(text.includes(`\n${NAMES[subject]}: `), `${subject} is not in\n${text}`);
  assert.match(text, /UDP: Works after \d+ ms, round trip 12 ms \(server at 192\.0\.2\.1:4000, \[2001:db8::1\]:4000\)/);
  assert.match(text, /TCP: Fails/);
  for (const secret of [LOGIN.credential, LOGIN.username, "a-token"]) assert.ok(!text.includes(secret), text);
});

test("every subject has a name, a meaning and advice for when it fails", () => {
  for (const subject of SUBJECTS) {
    assert.ok(NAMES[subject] && MEANINGS[subject], subject);
    assert.ok(advice(subject, { outcome: "fails" }).length > 20, subject);
    if (subject !== "websocket") assert.ok(advice(subject, { outcome: "absent" }).length > 20, subject);
    assert.equal(advice(subject, { outcome: "works" }), "");
  }
  assert.equal(outcomeWords(undefined), "Testing…");
});

test("where nothing gets through, the report says where the server says that it is", async () => {
  const { found } = await findings(new World({ working: [] }));
  assert.match(verdict(found), /192\.0\.2\.1 and 2001:db8::1, which the server announces, is not where it is/);
  const circumstances = { page: "https://meet.example/check", browser: "a browser", time: new Date(0), secure: true };
  assert.match(report(found, circumstances), /UDP: Fails \(The browser gave up\. server at 192\.0\.2\.1:4000, \[2001:db8::1\]:4000\)/);
  found.delete("camera");
  assert.match(report(found, circumstances), /The test was still running\./);
});

test("a way that nobody hears of in time says where it was looked for", async (t) => {
  const timeout = new AbortController();
  t.mock.method(AbortSignal, "timeout", () => timeout.signal);
  const world = new World({ working: WAYS });
  world.create = (config) => Object.assign(new OneWay(config, WAYS), { setRemoteDescription: () => new Promise(() => queueMicrotask(() => timeout.abort())) });
  const { found } = await findings(world);
  assert.deepEqual([found.get("udp").outcome, found.get("udp").places.length], ["fails", 2]);
});
