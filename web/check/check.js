/** The whole test: the socket, then every way that media may take, at once, then the devices. Each result is told as it comes. */

import { unlessAborted, whenOpen } from "../sdk/arrival.js";
import { ParlorError } from "../sdk/error.js";
import { Events } from "../sdk/events.js";
import { Socket } from "../sdk/socket.js";
import { tryWay } from "./trial.js";
import { WAYS } from "./ways.js";
import { OWN_CERTIFICATE } from "./words.js";

/** @import { Devices } from "../sdk/devices.js" */
/** @import { IceServer } from "../wire.d.ts" */
/** @import { Result } from "./trial.js" */
/** @import { Way } from "./ways.js" */

/** @typedef {"websocket" | Way | "microphone" | "camera"} Subject */
/** What was found, of each subject that is done. @typedef {Map<Subject, Result>} Findings */

/** In the order in which they are shown. @type {readonly Subject[]} */
export const SUBJECTS = ["websocket", ...WAYS, "microphone", "camera"];

/** Of the server, what no browser tells a page: whose its certificate is. @typedef {{ certificate: "none" | "own" | "authority" }} About */

/**
 * @typedef {object} CheckOptions
 * @property {string} url  of the server's WebSocket
 * @property {Devices} devices
 * @property {(url: string) => import("../sdk/socket.js").Transport} [connect]
 * @property {(config: RTCConfiguration) => RTCPeerConnection} [create]
 * @property {() => string} [randomName]  of a room that nobody else is in
 * @property {() => Promise<About>} [about]  asks the server
 */

/** @extends {Events<{ finding: { subject: Subject, result: Result }, done: Findings }>} */
export class Check extends Events {
  #options;
  /** @type {Findings} */
  #findings = new Map();

  /** @param {CheckOptions} options */
  constructor(options) {
    super();
    this.#options = options;
  }

  /** @returns {ReadonlyMap<Subject, Result>} */
  get findings() {
    return this.#findings;
  }

  /**
   * Does it all once.
   * @param {AbortSignal} signal  calls it off
   */
  async run(signal) {
    const { url, connect, devices } = this.#options;
    const socket = new Socket(url, { connect });
    try {
      const result = await opening(socket, signal);
      this.#find("websocket", result);
      if (result.outcome === "works") await this.#tryWays(socket, signal);
      else for (const way of WAYS) this.#find(way, { outcome: "untested", reason: "The server could not be asked." });
    } finally {
      socket.close();
    }
    if (!signal.aborted) await this.#tryDevices(devices);
    if (!signal.aborted) this.emit("done", this.#findings);
  }

  /**
   * @param {Socket} socket
   * @param {AbortSignal} signal
   */
  async #tryWays(socket, signal) {
    const { create, about, randomName = () => crypto.getRandomValues(new Uint32Array(2)).join("") } = this.#options;
    const room = `connection-test-${randomName()}`;
    const isUntrusted = hasOwnCertificate(about);
    /** @type {(iceServers: readonly IceServer[]) => void} */
    let tell = () => {};
    /** The first join says where the relays are. @type {Promise<readonly IceServer[]>} */
    const relays = new Promise((resolve) => (tell = resolve));
    const attempts = WAYS.map(async (way) => {
      if (way === "turn-tls" && (await isUntrusted)) return this.#find(way, { outcome: "untested", reason: OWN_CERTIFICATE });
      const channel = socket.channel(`room:${room}-${way}`);
      const isFirst = way === "udp";
      const iceServers = way.startsWith("turn") ? await relays : [];
      const result = await tryWay(way, { channel, create, signal, iceServers, onJoined: ({ ice_servers = [] }) => isFirst && tell(ice_servers) });
      if (isFirst) tell([]); // when its join has failed: then theirs would, too
      this.#find(way, result);
    });
    await Promise.all(attempts);
  }

  /** @param {Devices} devices */
  async #tryDevices(devices) {
    const failures = await devices.startBoth();
    for (const use of /** @type {const} */ (["microphone", "camera"])) {
      const failure = failures[use];
      this.#find(use, failure ? { outcome: failure.reason === "missing" ? "absent" : "fails", reason: failure.message } : { outcome: "works" });
      devices.stop(use);
    }
  }

  /**
   * @param {Subject} subject
   * @param {Result} result
   */
  #find(subject, result) {
    this.#findings.set(subject, result);
    this.emit("finding", { subject, result });
  }
}

/**
 * Whether the server's certificate is none of an authority. Who cannot be asked may have a good one.
 * @param {CheckOptions["about"]} about
 */
async function hasOwnCertificate(about) {
  try {
    return (await about?.())?.certificate === "own";
  } catch {
    return false;
  }
}

/**
 * @param {Socket} socket
 * @param {AbortSignal} signal
 * @returns {Promise<Result>}
 */
async function opening(socket, signal) {
  const start = performance.now();
  socket.open();
  try {
    // By itself it never settles once called off, and the socket would dial for ever.
    await unlessAborted(whenOpen(socket, signal), signal);
    return { outcome: "works", ms: Math.round(performance.now() - start) };
  } catch (error) {
    return { outcome: "fails", reason: ParlorError.from(error).message };
  }
}
