/** One person's membership of one room: what to publish goes in, who is there and what to play comes out. */

import { unlessAborted, whenOpen, youLeft } from "./arrival.js";
import { Connection, FIRST_SLOT_PAIRS } from "./connection.js";
import { ParlorError } from "./error.js";
import { Events } from "./events.js";
import { NegotiationQueue } from "./negotiation.js";
import { Publications } from "./publications.js";
import { Recovery, isFinal } from "./recovery.js";
import { Roster } from "./roster.js";
import { Socket } from "./socket.js";
import { summarise } from "./stats.js";

/** @import * as wire from "../wire.d.ts" */
/** @import { Channel } from "./channel.js" */
/** @import { RemotePeer } from "./roster.js" */
/** @import { Stage } from "./next-step.js" */

const SAMPLE_INTERVAL_MS = 1_000;

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
 * @property {ParlorError} refused  why the server has let us go, or does not let us back in yet; it is asked again
 * @property {ParlorError} ended  it is over; nothing follows
 */

/** @extends {Events<RoomEvents>} */
export class Room extends Events {
  #options;
  #socket;
  /** @type {Channel} */
  #channel;
  #connection;
  #publications;
  #negotiation;
  #roster = new Roster((mid) => this.#connection.mediaOf(mid));

  /** @type {wire.ViewedTrack[] | null} */
  #viewed = null;

  /** @type {string | null} */
  #resume = null;
  /** @type {string | null} */
  #peer = null;
  /** @type {ReadonlySet<string>} */
  #speakers = new Set();
  /** During a join offers are held back; one that is due follows it. */
  #entering = false;
  #offerDue = false;
  /** Whether the server may still have our connection. */
  #mediaKept = false;
  #recovery = new Recovery({
    facts: () => ({
      socketOpen: this.#socket.isOpen,
      joined: this.#channel.state === "joined",
      resumable: this.#resume !== null,
      mediaKept: this.#mediaKept,
    }),
    resume: () => this.#enter(null),
    restart: () => this.#negotiation.request({ iceRestart: true }),
    startOver: (asSamePeer) => this.#startOver(asSamePeer),
    forgetToken: () => (this.#resume = null),
    forgetMedia: () => (this.#mediaKept = false),
  });
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #sampler;
  /** Aborts when it is over, with the reason. */
  #over = new AbortController();

  /** @param {RoomOptions} options */
  constructor(options) {
    super();
    this.#options = options;
    this.#socket = new Socket(options.url, { connect: options.connect });
    this.#channel = this.#socket.channel(`room:${options.room}`);
    this.#connection = this.#newConnection(FIRST_SLOT_PAIRS);
    this.#publications = new Publications(this.#connection);
    this.#negotiation = this.#newNegotiation();
    this.#channel.on("message", ({ event, payload }) => this.#heard(event, payload));
    this.#channel.on("close", () => this.#recovery.run());
    this.#socket.on("open", () => this.#recovery.run());
    this.#socket.on("close", () => this.#recovery.announce());
    this.#recovery.on("stage", (stage) => this.emit("stage", stage));
    this.#recovery.on("refused", (error) => this.emit("refused", error));
    this.#recovery.on("hopeless", (error) => this.#end(error));
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

  /** @returns {Stage} */
  get stage() {
    return this.#recovery.stage;
  }

  /** What we publish now, by source. @returns {ReadonlyMap<wire.Source, MediaStreamTrack>} */
  get published() {
    return this.#publications.bySource;
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
  async publish(source, track) {
    if (source === "custom") return this.#publishCustom(track);
    await this.#publications.add(source, track);
    await this.#switch();
  }

  /**
   * Stops sending a source; what it sent is yours to stop.
   * @param {wire.Source} source
   * @param {MediaStreamTrack} [track]  which one of the `custom` ones
   */
  async unpublish(source, track) {
    if (source === "custom") await this.#publications.removeCustom(track);
    else await this.#publications.remove(source);
    await this.#switch();
  }

  /**
   * Says what is on the screen, so that the server sends that and no more.
   * @param {wire.ViewedTrack[]} tracks  every video track shown, sizes in device pixels, priority 1 for pinned
   */
  view(tracks) {
    this.#viewed = tracks;
    if (this.#channel.state === "joined") this.#channel.tell("view", { tracks });
  }

  /** The network changed (came back, Wi-Fi to mobile): look at once instead of at the next heartbeat. */
  networkChanged() {
    if (!this.#isOver) this.#socket.probe();
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

  async #arrive() {
    this.#socket.open();
    const [description] = await Promise.all([this.#connection.offer(), whenOpen(this.#socket, this.#over.signal)]);
    await this.#enter(description);
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
    this.#entering = true;
    /** @type {wire.Joined} */
    const joined = await this.#channel.join(join);

    this.#peer = joined.peer;
    this.#resume = joined.resume;
    this.#mediaKept = true;
    this.#publications.remember(joined.tracks);
    this.#heardSpeakers([]); // nobody, until we are told; who spoke before the socket was lost may have stopped since
    this.#report(this.#roster.reset(joined));
    if (joined.answer !== null) {
      this.#recovery.connectionStarted();
      await this.#connection.accept(joined.answer);
    }
    this.#changed(this.#roster.refreshMedia());
    this.#entering = false;
    if (this.#offerDue || this.#connection.unanswered) this.#negotiate(); // or the answer was lost with the last socket
    this.#offerDue = false;
    this.#switch();
    if (this.#viewed) this.#channel.tell("view", { tracks: this.#viewed });
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
      this.#holdUnlessJoined();
      const description = await connection.offer({ iceRestart });
      this.#holdUnlessJoined();
      /** @type {wire.Negotiated} */
      const { answer, tracks, slots } = await this.#channel.request("offer", description);
      await connection.accept(answer);
      this.#publications.remember(tracks);
      this.#changed(this.#roster.assign(slots));
      this.#switch();
    });
  }

  /** An offer never waits for a join, which would wait for it in turn, and by then may be one of a connection that is gone. */
  #holdUnlessJoined() {
    if (this.#channel.state === "joined" && !this.#entering) return;
    this.#offerDue = true;
    throw new ParlorError("socket_lost", "The membership is being restored; the offer follows.");
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
        return this.#heardSpeakers(payload.speaking);
      case "more_slots":
        this.#connection.growSlots(payload);
        return this.#negotiate();
      case "ended":
        return this.#dismissed(payload);
    }
  }

  /** @param {string[]} speaking */
  #heardSpeakers(speaking) {
    if (speaking.length === 0 && this.#speakers.size === 0) return;
    this.#speakers = new Set(speaking);
    this.emit("speakers", this.#speakers);
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
    this.#mediaKept = false; // the server has let go of our connection; a new one joins when the channel closes
  }

  // ---- own tracks ----------------------------------------------------------------------------

  /** Tells the server which of our tracks are on, where it believes otherwise. */
  async #switch() {
    if (this.#channel.state !== "joined") return; // the next join says it
    await Promise.all(this.#publications.takeCorrections().map((correction) => this.#channel.tell("track", correction)));
  }

  /** @param {MediaStreamTrack} track */
  async #publishCustom(track) {
    const { known } = await this.#publications.addCustom(track);
    if (known || this.#peer === null) return this.#switch(); // before the join it is part of the join's offer
    const connection = this.#connection;
    try {
      await this.#negotiation.request();
    } catch (error) {
      // A membership that changes hands offers it with its next join.
      if (ParlorError.changesHands(error) || connection !== this.#connection) return;
      await this.#publications.removeCustom(track);
      throw ParlorError.from(error);
    }
  }

  async #negotiate() {
    try {
      await this.#negotiation.request();
    } catch (error) {
      ParlorError.report("the offer", error);
    }
  }

  // ---- staying connected ---------------------------------------------------------------------

  async #sample() {
    const connection = this.#connection;
    const received = await connection.received();
    if (connection !== this.#connection || this.#isOver) return;
    const expected = !this.#publications.isEmpty || this.#roster.expectsAudio;
    this.#recovery.sample({ received, expected, state: connection.state });
  }

  /**
   * Joins with a new connection that sends what the old one sent.
   * @param {boolean} asSamePeer
   */
  async #startOver(asSamePeer) {
    if (!asSamePeer) this.#resume = null;
    this.#mediaKept = false;
    this.#entering = true;
    const previous = this.#connection;
    this.#connection = this.#newConnection(Math.max(FIRST_SLOT_PAIRS, previous.slotPairs));
    this.#negotiation = this.#newNegotiation();
    previous.close();
    await this.#publications.moveTo(this.#connection);
    await this.#enter(await this.#connection.offer());
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
    this.#connection.close();
    this.#socket.close();
  }
}
