/** A room as an application holds it: what to publish goes in, who is there and what to play comes out. */

import { busyWaitMs, pause, unlessAborted, whenOpen, youLeft } from "./arrival.js";
import { ParlorError } from "./error.js";
import { Events } from "./events.js";
import { Freezes } from "./freezes.js";
import { HeadStart } from "./head-start.js";
import { Membership } from "./membership.js";
import { Recovery, isFinal } from "./recovery.js";
import { Roster } from "./roster.js";
import { Statistics } from "./statistics.js";
import { receivedCount, summarise } from "./stats.js";

/** @import * as wire from "../wire.d.ts" */
/** @import { Channel } from "./channel.js" */
/** @import { Quality } from "../wire.d.ts" */
/** @import { Way } from "./head-start.js" */
/** @import { RemotePeer } from "./roster.js" */
/** @import { Stage } from "./next-step.js" */

const SAMPLE_INTERVAL_MS = 1_000;
/** While media is being restored it is looked at so often. */
const RESTORING_SAMPLE_MS = 250;
/** While media is silent, a server that answers no heartbeat for so long is reached over another socket. */
const SILENT_SOCKET_MS = 1_000;

/** What is known before the server says something. @type {Quality} */
const NOTHING_KNOWN = { estimate_bps: null, network: "unknown", tracks: [] };

/**
 * @typedef {object} Who
 * @property {string} room
 * @property {string} name  what others see
 */

/**
 * Who joins, and over which way; or the head start that has begun on it, which belongs to the room from then on.
 * @typedef {Who & (Way | { headStart: HeadStart })} RoomOptions
 */

/**
 * @typedef {object} RoomEvents
 * @property {RemotePeer} peer-joined
 * @property {RemotePeer} peer-changed  its name, state, tracks, or the media of one of them
 * @property {{ peer: RemotePeer, reason: string }} peer-left
 * @property {ReadonlySet<string>} speakers  ids of the peers speaking now, ourselves included
 * @property {Quality} quality  what is sent to us of each video track, and how good our way from the server is
 * @property {string | null} dominant  id of the peer who has the floor now, ourselves included
 * @property {Stage} stage  how the connection is
 * @property {{ error: ParlorError, waitMs: number }} waiting  the server is too busy to let us in; it is asked again after so long
 * @property {ParlorError} refused  why the server has let us go, or does not let us back in yet; it is asked again
 * @property {ParlorError} ended  it is over; nothing follows
 */

/** @extends {Events<RoomEvents>} */
export class Room extends Events {
  #name;
  #socket;
  /** @type {Channel} */
  #channel;
  #membership;
  #recovery;
  #roster = new Roster((mid) => this.#membership.connection.mediaOf(mid));

  /** @type {wire.ViewedTrack[] | null} */
  #viewed = null;
  /** @type {ReadonlySet<string>} */
  #speakers = new Set();
  #quality = NOTHING_KNOWN;
  #freezes = new Freezes();
  /** What flows now, for whoever looks. */
  statistics = new Statistics({
    trackOf: (mid) => this.#roster.trackOf(mid),
    sourceOf: (mid) => this.#membership.connection.sourceOf(mid),
    freezesOf: (track) => this.#freezes.of(track),
  });
  /** @type {string | null} */
  #dominant = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #sampler;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #soon;
  /** Aborts when it is over, with the reason. */
  #over = new AbortController();

  /** @param {RoomOptions} options */
  constructor(options) {
    super();
    const { room, name } = options;
    const headStart = "headStart" in options ? options.headStart : new HeadStart(options);
    const { socket, connection } = headStart.take();
    this.#name = name;
    this.#socket = socket;
    this.#channel = socket.channel(`room:${room}`);
    this.#membership = new Membership(socket, this.#channel, { name, connection, newConnection: (slotPairs) => headStart.newConnection(slotPairs) });
    this.#recovery = new Recovery(this.#membership);
    this.#listen();
  }

  get name() {
    return this.#name;
  }

  /** Our own id, once joined. */
  get peer() {
    return this.#membership.peer;
  }

  /** Everybody else, by id, in the order of arrival. */
  get peers() {
    return this.#roster.peers;
  }

  get speakers() {
    return this.#speakers;
  }

  /** What is sent to us of each video track, and how good our way from the server is: the last word of the server. */
  get quality() {
    return this.#quality;
  }

  /** Id of the peer who has the floor, and keeps it in silence until another one takes it; null when nobody has. */
  get dominant() {
    return this.#dominant;
  }

  /** @returns {Stage} */
  get stage() {
    return this.#recovery.stage;
  }

  /** What we publish now, by source. @returns {ReadonlyMap<wire.Source, MediaStreamTrack>} */
  get published() {
    return this.#membership.published;
  }

  /**
   * Enters the room. Publish before it what should be there from the first moment.
   * @param {{ signal?: AbortSignal }} [options]  aborting gives up
   * @returns {Promise<void>} rejects with a ParlorError that says why not
   */
  async join({ signal } = {}) {
    const giveUp = () => this.#over.abort(youLeft());
    signal?.addEventListener("abort", giveUp);
    try {
      if (signal?.aborted) giveUp();
      this.#over.signal.throwIfAborted();
      await unlessAborted(this.#arrive(), this.#over.signal);
    } catch (error) {
      this.#channel.leave(); // the server may have let us in before it went wrong
      this.#release(ParlorError.from(error));
      throw ParlorError.from(error);
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
    this.#sampler = setInterval(() => this.#sample(), SAMPLE_INTERVAL_MS);
    this.#recovery.begin();
  }

  /** Leaves; others see it at once. A join that is on its way rejects with `left`. */
  leave() {
    this.#channel.leave(); // goes out before the close of the socket does
    this.#end(youLeft());
  }

  /**
   * Starts sending `track` as `source`, or sends it in place of the one before. Before the join it is what the join starts with.
   * @param {wire.Source} source  `custom` adds one more each time, twelve at most
   * @param {MediaStreamTrack} track  stays yours: the room never stops it
   * @returns {Promise<void>} rejects with a ParlorError when a custom track could not be added
   */
  publish(source, track) {
    return this.#membership.publish(source, track);
  }

  /**
   * Stops sending a source; what it sent is yours to stop.
   * @param {wire.Source} source
   * @param {MediaStreamTrack} [track]  which one of the `custom` ones
   */
  unpublish(source, track) {
    return this.#membership.unpublish(source, track);
  }

  /**
   * Says what is on the screen, so that the server sends that and no more.
   * @param {wire.ViewedTrack[]} tracks  every video track shown, sizes in device pixels (rounded to whole ones), priority 1 for pinned
   */
  view(tracks) {
    this.#viewed = tracks.map((viewed) => ({ ...viewed, width: Math.round(viewed.width), height: Math.round(viewed.height) }));
    if (this.#channel.state === "joined") this.#channel.tell("view", { tracks: this.#viewed });
  }

  /**
   * Whether our camera sends its smallest layer only, whatever others would like to see; they are shown that.
   * @param {boolean} limited
   */
  limitCamera(limited) {
    this.#membership.limit(limited);
  }

  /** The network changed (came back, Wi-Fi to mobile): look at once instead of at the next heartbeat. */
  networkChanged() {
    if (!this.#isOver) this.#socket.probe();
  }

  /** Round trip, bytes, losses: see `Summary` in stats.js. */
  async summary() {
    return summarise(await this.#membership.connection.stats());
  }

  /** The browser's own report, whole. */
  stats() {
    return this.#membership.connection.stats();
  }

  async #arrive() {
    this.#socket.open();
    const [description] = await Promise.all([this.#membership.connection.offer(), whenOpen(this.#socket, this.#over.signal)]);
    for (let waitedMs = 0; ; ) {
      try {
        return await this.#knock(description);
      } catch (thrown) {
        const error = ParlorError.from(thrown);
        const waitMs = busyWaitMs(error, waitedMs, Math.random);
        if (waitMs === null) throw error;
        waitedMs += waitMs;
        this.emit("waiting", { error, waitMs });
        await pause(waitMs, this.#over.signal);
        await whenOpen(this.#socket, this.#over.signal);
      }
    }
  }

  /** @param {{ offer: string, senders: wire.Sender[] }} description */
  async #knock(description) {
    try {
      await this.#membership.join(description);
    } catch (error) {
      if (ParlorError.from(error).reason !== "socket_lost") throw error;
      // One that was open for a while may have been dead for seconds: that is no reason to turn anybody away.
      await whenOpen(this.#socket, this.#over.signal);
      await this.#membership.join(description);
    }
  }

  #listen() {
    this.#channel.on("message", ({ event, payload }) => this.#heard(event, payload));
    this.#channel.on("close", () => this.#recovery.run());
    this.#socket.on("open", () => this.#recovery.run());
    this.#socket.on("close", () => this.#recovery.announce());
    this.#membership.on("joined", (joined) => this.#joined(joined));
    this.#membership.on("entered", () => this.#entered());
    this.#membership.on("slots", (slots) => this.#changed(this.#roster.assign(slots)));
    this.#membership.on("sections", () => this.#changed(this.#roster.refreshMedia()));
    this.#membership.on("connection-state", () => this.#sample());
    this.#recovery.on("stage", (stage) => {
      // Where media goes nowhere the socket may not either, and what restores media goes over it.
      if (stage === "restoring") this.#socket.probe(SILENT_SOCKET_MS);
      this.emit("stage", stage);
    });
    this.#recovery.on("refused", (error) => this.emit("refused", error));
    this.#recovery.on("hopeless", (error) => this.#end(error));
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
        return this.#heardSpeakers(payload);
      case "quality":
        return this.#heardQuality(payload);
      case "wanted":
        return this.#membership.want(payload.tracks);
      case "more_slots":
        return this.#membership.growSlots(payload);
      case "ended":
        return this.#dismissed(payload);
    }
  }

  /** @param {wire.Joined} joined */
  #joined(joined) {
    this.#heardSpeakers({ speaking: [], dominant: null }); // nobody, until we are told; who spoke before the socket was lost may have stopped since
    this.#report(this.#roster.reset(joined));
    if (joined.answer === null) return;
    this.#heardQuality(NOTHING_KNOWN); // a new connection, of which nothing is known
    this.#recovery.connectionStarted();
  }

  #entered() {
    this.#changed(this.#roster.refreshMedia());
    if (this.#viewed) this.#channel.tell("view", { tracks: this.#viewed });
  }

  /** @param {wire.Speakers} speakers */
  #heardSpeakers({ speaking, dominant }) {
    if (dominant !== this.#dominant) {
      this.#dominant = dominant;
      this.emit("dominant", dominant);
    }
    if (speaking.length === 0 && this.#speakers.size === 0) return;
    this.#speakers = new Set(speaking);
    this.emit("speakers", this.#speakers);
  }

  /** @param {Quality} quality */
  #heardQuality(quality) {
    if (quality === this.#quality) return;
    this.#quality = quality;
    this.emit("quality", quality);
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

  /** @param {wire.Ended} ended */
  #dismissed({ reason, message }) {
    const error = new ParlorError(reason, message);
    if (isFinal(error)) return this.#end(error);
    this.emit("refused", error);
    this.#membership.forgetMedia(); // the server has let go of our connection; a new one joins when the channel closes
  }

  // ---- staying connected ---------------------------------------------------------------------

  async #sample() {
    const { connection } = this.#membership;
    const report = await connection.stats();
    if (connection !== this.#membership.connection || this.#isOver) return;
    const expected = !this.#membership.sendsNothing || this.#roster.expectsAudio;
    this.#recovery.sample({ received: receivedCount(report), expected, state: connection.state });
    this.#reportFreezes(report);
    this.statistics.take(report); // after them: it tells them too
    clearTimeout(this.#soon);
    if (this.stage === "restoring") this.#soon = setTimeout(() => this.#sample(), RESTORING_SAMPLE_MS);
  }

  /** @param {RTCStatsReport} report */
  #reportFreezes(report) {
    const paused = new Set(this.#quality.tracks.filter(({ state }) => state === "paused").map(({ track }) => track));
    this.#freezes.count(report, (mid) => {
      const track = this.#roster.trackOf(mid);
      return track !== null && this.#roster.isOn(track) && !paused.has(track) ? track : null;
    });
    if (this.#channel.state !== "joined") return; // it is not lost: the next one holds it too
    const freezes = this.#freezes.take(performance.now());
    if (freezes) this.#channel.tell("report", freezes);
  }

  // ---- the end -------------------------------------------------------------------------------

  /** @param {ParlorError} error */
  #end(error) {
    if (this.#isOver) return;
    this.#release(error);
    this.emit("stage", "ended");
    this.emit("ended", error);
  }

  get #isOver() {
    return this.#over.signal.aborted;
  }

  /** @param {ParlorError} reason */
  #release(reason) {
    this.#over.abort(reason);
    this.#recovery.end();
    clearInterval(this.#sampler);
    clearTimeout(this.#soon);
    this.#membership.connection.close();
    this.#socket.close();
  }
}
