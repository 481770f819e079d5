/** One person's membership of one room: what to publish goes in, who is there and what to play comes out. */

import { backoffMs } from "./backoff.js";
import { Connection, FIRST_SLOT_PAIRS } from "./connection.js";
import { ParlorError } from "./error.js";
import { Events } from "./events.js";
import { MediaWatch } from "./media-watch.js";
import { NegotiationQueue } from "./negotiation.js";
import { nextStep, stageOf } from "./recovery.js";
import { Roster } from "./roster.js";
import { Socket } from "./socket.js";
import { summarise } from "./stats.js";

/** @import * as wire from "../wire.d.ts" */
/** @import { Channel } from "./channel.js" */
/** @import { RemotePeer } from "./roster.js" */
/** @import { Facts, Stage, Step } from "./recovery.js" */

/** A first join that finds no server within this time says so instead of trying for ever. */
export const UNREACHABLE_AFTER_MS = 10_000;
const SAMPLE_INTERVAL_MS = 1_000;
/** New connections that never carried a packet before we say that media cannot get through here. */
const FRUITLESS_REJOINS = 3;
/** Ends that are final; after any other the room is joined again. */
const FINAL_REASONS = new Set(["left", "removed", "replaced", "room_full", "server_full", "bad_name", "bad_room_id", "unsupported_protocol", "unmatched topic", "bad_request", "no_media"]);

/**
 * @typedef {object} RoomOptions
 * @property {string} url  the WebSocket, as `wss://host/socket/websocket?vsn=2.0.0`
 * @property {string} room
 * @property {string} name  what others see
 * @property {(url: string) => import("./socket.js").Transport} [connect]  how WebSockets are made
 * @property {(config: RTCConfiguration) => RTCPeerConnection} [createConnection]
 */

/**
 * @typedef {object} RoomEvents
 * @property {RemotePeer} peer-joined
 * @property {RemotePeer} peer-changed  its name, state, tracks, or the media of one of them
 * @property {{ peer: RemotePeer, reason: string }} peer-left
 * @property {ReadonlySet<string>} speakers  ids of the peers speaking now, ourselves included
 * @property {Stage} stage  how the connection is
 * @property {ParlorError} ended  it is over; nothing follows
 */

/** @extends {Events<RoomEvents>} */
export class Room extends Events {
  #options;
  #socket;
  /** @type {Channel} */
  #channel;
  #connection;
  #negotiation;
  #watch = new MediaWatch(0);
  #roster = new Roster((mid) => this.#connection.mediaOf(mid));

  /** What we publish now. @type {Map<wire.Source, MediaStreamTrack>} */
  #published = new Map();
  /** @type {MediaStreamTrack[]} */
  #custom = [];
  /** Our tracks at the server, by the mid of their section. @type {Map<string, wire.OwnTrack>} */
  #own = new Map();
  /** @type {wire.ViewedTrack[] | null} */
  #viewed = null;

  /** @type {string | null} */
  #resume = null;
  /** @type {string | null} */
  #peer = null;
  /** @type {ReadonlySet<string>} */
  #speakers = new Set();
  /** @type {Stage} */
  #stage = "joining";
  #mediaKept = false;
  #everConnected = false;
  #restarts = 0;
  #fruitless = 0;
  /** Recovery steps since media was last healthy. */
  #attempts = 0;
  #recovering = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #sampler;

  /** @param {RoomOptions} options */
  constructor(options) {
    super();
    this.#options = options;
    this.#socket = new Socket(options.url, { connect: options.connect });
    this.#channel = this.#socket.channel(`room:${options.room}`);
    this.#connection = this.#newConnection(FIRST_SLOT_PAIRS);
    this.#negotiation = this.#newNegotiation();
    this.#channel.on("message", ({ event, payload }) => this.#heard(event, payload));
    this.#channel.on("close", () => this.#recover());
    this.#socket.on("open", () => this.#recover());
    this.#socket.on("close", () => this.#announceStage());
  }

  get name() {
    return this.#options.name;
  }

  /** Our own id, once joined. */
  get peer() {
    return this.#peer;
  }

  /** Everybody else, by id, in the order of arrival. */
  get peers() {
    return this.#roster.peers;
  }

  get speakers() {
    return this.#speakers;
  }

  get stage() {
    return this.#stage;
  }

  /** What we publish now, by source. @returns {ReadonlyMap<wire.Source, MediaStreamTrack>} */
  get published() {
    return this.#published;
  }

  /**
   * Enters the room. Publish before it what should be there from the first moment.
   * @param {{ signal?: AbortSignal }} [options]  aborting gives up
   * @returns {Promise<void>} rejects with a ParlorError that says why not
   */
  async join({ signal } = {}) {
    this.#recovering = true; // until the first join is answered, nothing is to be recovered
    try {
      this.#socket.open();
      const [description] = await Promise.all([this.#connection.offer(), this.#opened(signal)]);
      await this.#enter(description);
    } catch (error) {
      this.#end(toParlorError(error), { silently: true });
      throw error;
    }
    this.#recovering = false;
    this.#sampler = setInterval(() => this.#sample(), SAMPLE_INTERVAL_MS);
    this.#announceStage();
  }

  /** Leaves; others see it at once. */
  leave() {
    this.#channel.leave(); // goes out before the close of the socket does
    this.#end(new ParlorError("left", "You left the room."), { silently: false });
  }

  /**
   * Starts sending `track` as `source`, or sends it in place of the one before. Before the join it is what the join starts with.
   * @param {wire.Source} source  `custom` adds one more each time
   * @param {MediaStreamTrack} track  stays yours: the room never stops it
   */
  async publish(source, track) {
    if (source === "custom") return this.#publishCustom(track);
    this.#published.set(source, track);
    await this.#connection.attach(source, track);
    await this.#switch();
  }

  /**
   * Stops sending a source; what it sent is yours to stop.
   * @param {Exclude<wire.Source, "custom">} source
   */
  async unpublish(source) {
    if (!this.#published.delete(source)) return;
    await this.#connection.attach(source, null);
    await this.#switch();
  }

  /**
   * Says what is on the screen, so that the server sends that and no more.
   * @param {wire.ViewedTrack[]} tracks  every video track shown, sizes in device pixels, priority 1 for pinned
   */
  view(tracks) {
    this.#viewed = tracks;
    if (this.#channel.state === "joined") this.#tell("view", { tracks });
  }

  /** The network changed (came back, Wi-Fi to mobile): look at once instead of at the next heartbeat. */
  networkChanged() {
    if (this.#stage !== "ended") this.#socket.probe();
  }

  /** Round trip, bytes, losses: see `Summary` in stats.js. */
  async summary() {
    return summarise(await this.#connection.stats());
  }

  /** The browser's own report, whole. */
  stats() {
    return this.#connection.stats();
  }

  // ---- joining -------------------------------------------------------------------------------

  /** @param {AbortSignal} [signal] */
  #opened(signal) {
    return /** @type {Promise<void>} */ (new Promise((resolve, reject) => {
      if (this.#socket.isOpen) return resolve();
      const finish = new AbortController();
      const fail = (/** @type {ParlorError} */ error) => (finish.abort(), reject(error));
      const timer = setTimeout(() => fail(new ParlorError("unreachable", "The server cannot be reached.")), UNREACHABLE_AFTER_MS);
      finish.signal.addEventListener("abort", () => clearTimeout(timer));
      this.#socket.on("open", () => (finish.abort(), resolve()), { signal: finish.signal });
      signal?.addEventListener("abort", () => fail(new ParlorError("left", "You left the room.")), { signal: finish.signal });
    }));
  }

  /**
   * Joins with an offer (as a new peer, or with the token as the same) or, without one, takes up the membership again.
   * @param {{ offer: string, senders: wire.Sender[] } | null} description
   */
  async #enter(description) {
    /** @type {wire.Join} */
    const join = { protocol: "parlor", version: 1, name: this.#options.name, senders: this.#connection.senders() };
    if (description) Object.assign(join, description);
    if (this.#resume) join.resume = this.#resume;
    /** @type {wire.Joined} */
    const joined = await this.#channel.join(join);

    this.#peer = joined.peer;
    this.#resume = joined.resume;
    this.#mediaKept = true;
    this.#remember(joined.tracks);
    this.#report(this.#roster.reset(joined.peers, joined.peers_total, joined.slots));
    if (joined.answer !== null) {
      this.#watch = new MediaWatch(now());
      await this.#connection.accept(joined.answer);
    }
    this.#refreshMedia();
    this.#switch();
    if (this.#viewed) this.#tell("view", { tracks: this.#viewed });
  }

  /** @param {number} slotPairs */
  #newConnection(slotPairs) {
    const connection = new Connection({ create: this.#options.createConnection, slotPairs });
    connection.on("state", () => this.#sample());
    return connection;
  }

  #newNegotiation() {
    const connection = this.#connection;
    return new NegotiationQueue(async ({ iceRestart }) => {
      const description = await connection.offer({ iceRestart });
      /** @type {wire.Negotiated} */
      const { answer, tracks, slots } = await this.#channel.request("offer", description);
      await connection.accept(answer);
      this.#remember(tracks);
      this.#changed(this.#roster.assign(slots));
      this.#switch();
    });
  }

  // ---- what the server says ------------------------------------------------------------------

  /**
   * @param {string} event
   * @param {any} payload
   */
  #heard(event, payload) {
    switch (event) {
      case "presence":
        return this.#report(this.#roster.apply(payload));
      case "slots":
        return this.#changed(this.#roster.assign(payload.slots));
      case "speakers":
        this.#speakers = new Set(payload.speaking);
        return this.emit("speakers", this.#speakers);
      case "more_slots":
        this.#connection.growSlots(payload);
        return this.#negotiate();
      case "ended":
        return this.#dismissed(payload);
    }
  }

  /** @param {ReturnType<Roster["apply"]>} news */
  #report({ joined, changed, left }) {
    for (const departure of left) this.emit("peer-left", departure);
    for (const peer of joined) this.emit("peer-joined", peer);
    this.#changed(changed);
  }

  /** @param {RemotePeer[]} peers */
  #changed(peers) {
    for (const peer of peers) this.emit("peer-changed", peer);
  }

  #refreshMedia() {
    this.#changed(this.#roster.refreshMedia());
  }

  /** @param {wire.Ended} ended */
  #dismissed({ reason, message }) {
    if (FINAL_REASONS.has(reason)) return this.#end(new ParlorError(reason, message), { silently: false });
    this.#mediaKept = false; // the server has let go of our connection; a new one joins when the channel closes
    this.#announceStage();
  }

  // ---- own tracks ----------------------------------------------------------------------------

  /** @param {wire.OwnTrack[]} tracks */
  #remember(tracks) {
    this.#own = new Map(tracks.map((track) => [track.mid, track]));
  }

  /** Tells the server which of our tracks are on, where it believes otherwise. */
  async #switch() {
    if (this.#channel.state !== "joined") return; // the next join says it
    const wrong = this.#connection.senders().flatMap(({ mid, on }) => {
      const track = this.#own.get(mid);
      return track && track.on !== on ? [{ track, on }] : [];
    });
    await Promise.all(wrong.map(({ track, on }) => {
      track.on = on;
      return this.#tell("track", { track: track.id, on });
    }));
  }

  /** @param {MediaStreamTrack} track */
  async #publishCustom(track) {
    this.#custom.push(track);
    await this.#connection.addCustom(track);
    if (this.#peer !== null) await this.#negotiation.request();
  }

  /** Sends state that the next join would send anyway, so a failure needs no handling but a wrong request is worth a line. */
  async #tell(/** @type {string} */ event, /** @type {object} */ payload) {
    try {
      await this.#channel.request(event, payload);
    } catch (error) {
      const { reason, message } = toParlorError(error);
      if (reason !== "socket_lost" && reason !== "left" && reason !== "replaced") console.warn(`parlor: ${event} failed: ${message}`);
    }
  }

  async #negotiate({ iceRestart = false } = {}) {
    try {
      await this.#negotiation.request({ iceRestart });
    } catch (error) {
      const { reason, message } = toParlorError(error);
      if (reason !== "socket_lost" && reason !== "left" && reason !== "replaced") console.warn(`parlor: negotiation failed: ${message}`);
    }
  }

  // ---- staying connected ---------------------------------------------------------------------

  /** @returns {Facts} */
  #facts() {
    return {
      socketOpen: this.#socket.isOpen,
      joined: this.#channel.state === "joined",
      resumable: this.#resume !== null,
      mediaKept: this.#mediaKept,
      media: this.#watch.health,
      restarts: this.#restarts,
    };
  }

  async #sample() {
    if (this.#stage === "ended") return;
    const connection = this.#connection;
    const received = await connection.received();
    if (connection !== this.#connection) return;
    const expected = this.#published.size > 0 || this.#roster.expectsAudio;
    const health = this.#watch.sample(now(), { received, expected, state: connection.state });
    if (health === "healthy") {
      this.#everConnected = true;
      this.#restarts = this.#fruitless = this.#attempts = 0;
    }
    this.#announceStage();
    if (health === "silent") this.#recover();
  }

  /** Takes one step after the other until there is nothing to do but wait. */
  async #recover() {
    if (this.#recovering || this.#stage === "ended") return;
    this.#recovering = true;
    try {
      for (let step = nextStep(this.#facts()); step !== "wait"; step = nextStep(this.#facts())) {
        this.#announceStage();
        await this.#perform(step);
        if (this.#ended()) return;
        this.#announceStage();
        await pause(backoffMs(this.#attempts++, Math.random));
      }
    } finally {
      this.#recovering = false;
    }
    this.#announceStage();
  }

  /** @param {Exclude<Step, "wait">} step */
  async #perform(step) {
    try {
      if (step === "resume") await this.#enter(null);
      else if (step === "restart") await this.#restart();
      else await this.#startOver(step === "rejoin");
    } catch (error) {
      await this.#refused(step, toParlorError(error));
    }
  }

  async #restart() {
    this.#restarts += 1;
    this.#watch.restarted(now());
    await this.#negotiation.request({ iceRestart: true });
  }

  /** @param {boolean} asSamePeer */
  async #startOver(asSamePeer) {
    if (this.#fruitless >= FRUITLESS_REJOINS) {
      throw new ParlorError("no_media", "Sound and picture cannot get through: this network seems to block the server's media port.");
    }
    this.#fruitless += 1;
    if (!asSamePeer) this.#resume = null;
    const previous = this.#connection;
    this.#connection = this.#newConnection(Math.max(FIRST_SLOT_PAIRS, previous.slotPairs));
    this.#negotiation = this.#newNegotiation();
    previous.close();
    this.#restarts = 0;
    this.#watch = new MediaWatch(now());
    for (const [source, track] of this.#published) await this.#connection.attach(source, track);
    for (const track of this.#custom) await this.#connection.addCustom(track);
    await this.#enter(await this.#connection.offer());
  }

  /**
   * @param {Step} step
   * @param {ParlorError} error
   */
  async #refused(step, error) {
    if (this.#ended()) return;
    if (error.reason === "socket_lost") return; // the socket comes back by itself and calls again
    if (error.reason === "resume_unknown") this.#resume = null;
    else if (step === "resume" && error.reason !== "timeout") this.#mediaKept = false;
    else if (FINAL_REASONS.has(error.reason) && error.retryAfterMs === null) this.#end(error, { silently: false });
    else if (error.retryAfterMs !== null) await pause(error.retryAfterMs);
  }

  #ended() {
    return this.#stage === "ended";
  }

  #announceStage() {
    if (this.#stage === "ended" || this.#peer === null) return;
    const stage = stageOf(this.#facts(), this.#everConnected);
    if (stage === this.#stage) return;
    this.#stage = stage;
    this.emit("stage", stage);
  }

  // ---- the end -------------------------------------------------------------------------------

  /**
   * @param {ParlorError} error
   * @param {{ silently: boolean }} how
   */
  #end(error, { silently }) {
    if (this.#stage === "ended") return;
    this.#stage = "ended";
    clearInterval(this.#sampler);
    this.#connection.close();
    this.#socket.close();
    if (silently) return;
    this.emit("stage", "ended");
    this.emit("ended", error);
  }
}

/** @param {unknown} error */
function toParlorError(error) {
  if (error instanceof ParlorError) return error;
  return new ParlorError("failed", error instanceof Error ? error.message : String(error));
}

/** Milliseconds of a clock that no one sets. */
function now() {
  return performance.now();
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
