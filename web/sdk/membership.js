/** Our own side of a membership: who the server takes us for, the connection it has of us, and what that sends. */

import { FIRST_SLOT_PAIRS } from "./connection.js";
import { ParlorError } from "./error.js";
import { Events } from "./events.js";
import { NegotiationQueue } from "./negotiation.js";
import { Publications } from "./publications.js";

/** @import * as wire from "../wire.d.ts" */
/** @import { Channel } from "./channel.js" */
/** @import { Connection } from "./connection.js" */
/** @import { WantedTrack } from "../wire.d.ts" */
/** @import { Facts } from "./next-step.js" */
/** @import { Socket } from "./socket.js" */

/**
 * @typedef {object} MembershipEvents
 * @property {wire.Joined} joined  the server let us in, or knew us again
 * @property {void} entered  what follows a join is done: media flows, requests go out
 * @property {wire.Slot[]} slots  what an offer changed
 * @property {void} sections  those of an offer are there
 * @property {void} connection-state  it is another one
 */

/** @extends {Events<MembershipEvents>} */
export class Membership extends Events {
  #socket;
  #channel;
  #name;
  #newConnection;
  #connection;
  #publications;
  #negotiation;
  /** What it is taken up again with. @type {string | null} */
  #token = null;
  /** @type {string | null} */
  #peer = null;
  /** During a join offers are held back; one that is due follows it. */
  #entering = false;
  #offerDue = false;
  /** Ways to the server's TURN. @type {wire.IceServer[]} */
  #iceServers = [];
  /** Whether the server may still have our connection. */
  #mediaKept = false;

  /**
   * @param {Socket} socket
   * @param {Channel} channel  of that socket
   * @param {{ name: string, connection: Connection, newConnection: (slotPairs: number) => Connection }} options  the first connection, and how others are made
   */
  constructor(socket, channel, { name, connection, newConnection }) {
    super();
    this.#socket = socket;
    this.#channel = channel;
    this.#name = name;
    this.#newConnection = newConnection;
    this.#connection = this.#heard(connection);
    this.#publications = new Publications(this.#connection);
    this.#negotiation = this.#newNegotiation();
  }

  /** Our own id, once joined. */
  get peer() {
    return this.#peer;
  }

  /** The one there is now: starting over makes another. */
  get connection() {
    return this.#connection;
  }

  /** What is sent now, by source. */
  get published() {
    return this.#publications.bySource;
  }

  get sendsNothing() {
    return this.#connection.sendsNothing;
  }

  /** What is to be known before something is done about it. @returns {Pick<Facts, "socketOpen" | "joined" | "resumable" | "mediaKept">} */
  get facts() {
    return {
      socketOpen: this.#socket.isOpen,
      joined: this.#channel.state === "joined",
      resumable: this.#token !== null,
      mediaKept: this.#mediaKept,
    };
  }

  // ---- the membership ------------------------------------------------------------------------

  /** Joins for the first time. @param {{ offer: string, senders: wire.Sender[] }} description */
  join(description) {
    return this.#enter(description);
  }

  /** Takes it up again with the token; media never stopped. */
  resume() {
    return this.#enter(null);
  }

  /**
   * Joins with a new connection that sends what the old one sent.
   * @param {boolean} asSamePeer
   */
  async startOver(asSamePeer) {
    if (!asSamePeer) this.forgetToken();
    this.forgetMedia();
    this.#entering = true;
    const previous = this.#connection;
    this.#connection = this.#heard(this.#newConnection(Math.max(FIRST_SLOT_PAIRS, previous.slotPairs)));
    this.#negotiation = this.#newNegotiation();
    this.#connection.useServers(this.#iceServers);
    previous.close();
    await this.#publications.moveTo(this.#connection);
    await this.#enter(await this.#connection.offer());
  }

  /** The server does not know it. */
  forgetToken() {
    this.#token = null;
  }

  /** The server does not have our connection any more. */
  forgetMedia() {
    this.#mediaKept = false;
  }

  /**
   * Joins with an offer (as a new peer, or with the token as the same) or, without one, takes up the membership again.
   * @param {{ offer: string, senders: wire.Sender[] } | null} description
   */
  async #enter(description) {
    /** @type {wire.Join} */
    const join = { protocol: "parlor", version: 1, name: this.#name, senders: this.#connection.senders() };
    if (description) Object.assign(join, description);
    if (this.#token) join.resume = this.#token;
    this.#entering = true;
    /** @type {wire.Joined} */
    const joined = await this.#channel.join(join);

    this.#peer = joined.peer;
    this.#token = joined.resume;
    this.#mediaKept = true;
    this.#publications.remember(joined.tracks);
    this.emit("joined", joined);
    if (joined.answer !== null) await this.#connection.accept(joined.answer);
    // Only now: they are for those whom the answer's candidates do not help, and cost each who asks them some requests.
    this.#iceServers = joined.ice_servers ?? this.#iceServers;
    this.#connection.useServers(this.#iceServers);
    this.#entering = false;
    if (this.#offerDue || this.#connection.unanswered) this.#negotiate(); // or the answer was lost with the last socket
    this.#offerDue = false;
    this.#switch();
    this.emit("entered", undefined);
  }

  // ---- offers --------------------------------------------------------------------------------

  /** Fresh ICE credentials on the same connection; rejects when the server did not answer. */
  restart() {
    return this.#negotiation.request({ iceRestart: true });
  }

  /** Makes room for more incoming tracks. @param {wire.MoreSlots} wanted */
  growSlots(wanted) {
    this.#connection.growSlots(wanted);
    this.#negotiate();
  }

  async #negotiate() {
    try {
      await this.#negotiation.request();
    } catch (error) {
      ParlorError.report("the offer", error);
    }
  }

  /** @param {Connection} connection */
  #heard(connection) {
    connection.on("state", () => this.emit("connection-state", undefined));
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
      this.emit("slots", slots); // at once: what is pushed while the browser takes the answer is newer
      await connection.accept(answer);
      this.#publications.remember(tracks);
      this.emit("sections", undefined);
      this.#switch();
    });
  }

  /** An offer never waits for a join, which would wait for it in turn, and by then may be one of a connection that is gone. */
  #holdUnlessJoined() {
    if (this.#channel.state === "joined" && !this.#entering) return;
    this.#offerDue = true;
    throw new ParlorError("socket_lost", "The membership is being restored; the offer follows.");
  }

  // ---- own tracks ----------------------------------------------------------------------------

  /**
   * @param {wire.Source} source
   * @param {MediaStreamTrack} track
   */
  async publish(source, track) {
    if (source === "custom") return this.#publishCustom(track);
    await this.#publications.add(source, track);
    await this.#switch();
  }

  /**
   * @param {wire.Source} source
   * @param {MediaStreamTrack} [track]
   */
  async unpublish(source, track) {
    if (source === "custom") await this.#publications.removeCustom(track);
    else await this.#publications.remove(source);
    await this.#switch();
  }

  /** Which layers of our tracks others need. @param {readonly WantedTrack[]} tracks */
  want(tracks) {
    this.#publications.want(tracks);
  }

  /** Whether the camera sends its smallest layer only. @param {boolean} limited */
  limit(limited) {
    this.#publications.limit(limited);
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

  /** Tells the server which of our tracks are on, where it believes otherwise. */
  async #switch() {
    if (this.#channel.state !== "joined") return; // the next join says it
    await Promise.all(this.#publications.takeCorrections().map((correction) => this.#channel.tell("track", correction)));
  }
}
