/** What a join needs and no name: a socket that opens, and a connection that makes its offer, while a person still types. */

import { Connection, FIRST_SLOT_PAIRS } from "./connection.js";
import { VIDEO_CODECS } from "./encodings.js";
import { Socket } from "./socket.js";

/** @import { VideoCodec } from "./encodings.js" */

/**
 * @typedef {object} Way  to a server
 * @property {string} url  the WebSocket, as `wss://host/socket/websocket?vsn=2.0.0`
 * @property {VideoCodec | null} [codec]  what to send video with; without it, or where the browser does not have it, the server chooses
 * @property {(url: string) => import("./socket.js").Transport} [connect]  how WebSockets are made
 * @property {(config: RTCConfiguration) => RTCPeerConnection} [createConnection]
 */

/** After this time a device may be elsewhere, and what was made is worth nothing; nor are pages that stand open to cost the server a socket. */
export const KEPT_FOR_MS = 60_000;

export class HeadStart {
  #way;
  #taken = false;
  /** @type {{ socket: Socket, connection: Connection } | null} */
  #made = null;
  /** Ends what watches over what was made. */
  #watch = new AbortController();

  /** @param {Way} way */
  constructor(way) {
    const { codec } = way;
    if (codec && !VIDEO_CODECS.includes(codec)) throw new TypeError(`codec is ${codec}, and none of ${VIDEO_CODECS.join(", ")}`);
    this.#way = way;
  }

  /** Opens the socket and makes the offer: the room that takes them in the next minute has nothing to do again. */
  begin() {
    if (this.#taken || this.#made) return;
    const { socket, connection } = (this.#made = this.#make());
    this.#watch = new AbortController();
    const timer = setTimeout(() => this.drop(), KEPT_FOR_MS);
    this.#watch.signal.addEventListener("abort", () => clearTimeout(timer));
    // A socket that is lost may mean another network, in which the offer names the wrong addresses.
    socket.on("close", () => this.drop(), { signal: this.#watch.signal });
    socket.open();
    connection.prepareOffer();
  }

  /** What was made, or else is yet to begin, is the room's from now on; no other room can have it. */
  take() {
    if (this.#taken) throw new Error("A head start belongs to one room.");
    this.#taken = true;
    this.#watch.abort();
    return this.#made ?? this.#make();
  }

  /** A connection like the first. @param {number} slotPairs */
  newConnection(slotPairs) {
    const { createConnection, codec = null } = this.#way;
    return new Connection({ create: createConnection, slotPairs, codec });
  }

  /** Closes what was made; a room can still begin. What a room has taken stays. */
  drop() {
    if (this.#taken || !this.#made) return;
    this.#watch.abort();
    this.#made.socket.close();
    this.#made.connection.close();
    this.#made = null;
  }

  #make() {
    const { url, connect } = this.#way;
    return { socket: new Socket(url, { connect }), connection: this.newConnection(FIRST_SLOT_PAIRS) };
  }
}
