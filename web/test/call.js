/** Ann's room, made anew for each test of the file that imports this: a scripted server, a clock that a test moves on, and what the room said. */

import { afterEach, beforeEach, mock } from "node:test";

import { Room } from "../sdk/room.js";
import { FakePeerConnection, FakeServer, settle } from "./world.js";

export const BO = { id: "p3", name: "Bo", state: "connected", tracks: [
  { id: "t9", source: "microphone", kind: "audio", on: true }, { id: "t10", source: "camera", kind: "video", on: true }] };
export const CY = { id: "p8", name: "Cy", state: "connecting", tracks: [] };

export let server;
export let room;
/** What the room said, as [event, detail]. */
export let events;
let clock;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  clock = 1_000;
  mock.method(performance, "now", () => clock);
  FakePeerConnection.all = [];
  server = new FakeServer();
  room = newRoom();
  events = [];
  for (const name of ["peer-joined", "peer-changed", "peer-left", "stage", "refused", "ended"]) room.on(name, (detail) => events.push([name, detail]));
});

afterEach(() => {
  room.leave();
  mock.restoreAll();
});

/** Another try of Ann's at the same room. */
export function newRoom() {
  return new Room({ url: "ws://parlor/socket", room: "tea", name: "Ann", connect: server.connect, createConnection: () => new FakePeerConnection() });
}

/** Lets time pass, a tenth of a second at once, with packets arriving or not. */
export async function pass(ms, { packets = true } = {}) {
  for (let passed = 0; passed < ms; passed += 100) {
    clock += 100;
    if (packets) for (const connection of FakePeerConnection.all) connection.received += 1;
    mock.timers.tick(100);
    await settle();
  }
}

export const stages = () => events.filter(([name]) => name === "stage").map(([, stage]) => stage);
export const joins = () => server.asked("phx_join");
export const connection = () => FakePeerConnection.all.at(-1);
