import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { BO, CY, connection, events, joins, pass, room, server, stages } from "./call.js";
import { FakePeerConnection, fakeTrack, settle } from "./world.js";

/** The server says why a membership is over, and closes its channel. */
function endMembership(ended) {
  server.push("ended", ended);
  server.say([server.joinRef, server.joinRef, "room:tea", "phx_close", {}]);
}

/** Every join is refused from now on; returns what answered them before. */
function refuseJoins(refusal) {
  const well = server.answers.phx_join;
  server.answers.phx_join = () => {
    throw refusal;
  };
  return well;
}

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

test("ways to TURN are taken after the first answer, and a connection that takes another’s place has them from its beginning", async () => {
  const turn = [{ urls: ["turn:192.0.2.1:4000?transport=udp"], username: "9:p7", credential: "secret" }];
  server.iceServers = turn;
  const first = room.join();
  assert.equal(connection().iceServers, undefined, "the first search for a path does without");
  await first;
  assert.deepEqual(connection().iceServers, turn);
  await room.publish("microphone", fakeTrack("audio"));
  await pass(2_000);
  const { setLocalDescription } = FakePeerConnection.prototype;
  let atOffer;
  mock.method(FakePeerConnection.prototype, "setLocalDescription", function (description) {
    atOffer = this.iceServers;
    return setLocalDescription.call(this, description);
  });
  await pass(40_000, { packets: false }); // longer than two restarts take
  assert.ok(FakePeerConnection.all.length > 1);
  assert.deepEqual(atOffer, turn);
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
  const floor = [];
  room.on("dominant", (dominant) => floor.push(dominant));
  server.push("speakers", { speaking: ["p3"], dominant: "p3" });
  server.cut();
  await pass(1_000);
  assert.equal(room.stage, "connected");
  assert.deepEqual(heard, [["p3"], []]);
  assert.deepEqual([...room.speakers], []);
  assert.deepEqual(floor, ["p3", null]);
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
  endMembership({ reason: "server_stopping", message: "The server is restarting." });
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
  const well = refuseJoins({ reason: "server_stopping", message: "The server is going down." });
  endMembership({ reason: "server_stopping", message: "The server is restarting." });
  await pass(30_000);
  assert.ok(joins().length > 5 && joins().length < 20, `${joins().length} joins`);
  server.answers.phx_join = well;
  await pass(10_000);
  assert.equal(room.stage, "connected");
});

test("why the server does not let somebody back in yet is told, and it is asked again", async () => {
  await room.join();
  await pass(2_000);
  const well = refuseJoins({ reason: "room_full", message: "This room is full: it holds 64 people.", retry_after_ms: 10_000 });
  endMembership({ reason: "connection_failed", message: "Nothing was heard from you." });
  await pass(15_000);
  const refused = events.filter(([name]) => name === "refused").map(([, error]) => error.message);
  assert.deepEqual(refused.slice(0, 2), ["Nothing was heard from you.", "This room is full: it holds 64 people."]);
  assert.equal(room.stage, "rejoining");
  server.answers.phx_join = well;
  await pass(20_000);
  assert.equal(room.stage, "connected");
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
