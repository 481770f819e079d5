/** What a join needs and no name: a socket that opens, and a connection that makes its offer, while a person still types. */

import { Connection, FIRST_SLOT_PAIRS } from "./connection.js";
import { Socket } from "./socket.js";

/** @import { VideoCodec } from "./encodings.js" */

/**
 * @typedef {object} Way  to a server
 * @property {string} url  the WebSocket, as `wss://host/socket/websocket?vsn=2.0.0`
 * @property {VideoCodec | null} [codec]  what to send video with; without it, or where the browser does not have it, the server chooses
 * @property {(url: string) => import("./socket.js").Transport} [connect]  how WebSockets are made
 * @property {(config: RTCConfiguration) => RTCPeerConnection} [createConnection]
 */

/** One room may be joined with it. */
export class HeadStart {
  #codec;
  #createConnection;

  /** @param {Way} way */
  constructor({ url, codec = null, connect, createConnection }) {
    this.#codec = codec;
    this.#createConnection = createConnection;
    this.socket = new Socket(url, { connect });
    this.connection = this.newConnection(FIRST_SLOT_PAIRS);
  }

  /** Opens the socket and makes the offer; the room that takes it over has nothing to do again. */
  begin() {
    this.socket.open();
    this.connection.prepareOffer();
  }

  /** A connection like the first. @param {number} slotPairs */
  newConnection(slotPairs) {
    return new Connection({ create: this.#createConnection, slotPairs, codec: this.#codec });
  }

  /** Nobody joins with it. */
  drop() {
    this.socket.close();
    this.connection.close();
  }
}
