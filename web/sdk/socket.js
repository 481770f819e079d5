/** One WebSocket that speaks Phoenix Channels V2, notices within 5 s that it is dead, and opens itself again. */

import { backoffMs } from "./backoff.js";
import { Channel } from "./channel.js";
import { Events } from "./events.js";

/** An unanswered heartbeat is found at the next one, so a dead socket is known after at most twice this. */
export const HEARTBEAT_INTERVAL_MS = 2_500;
/** A handshake into a black hole never fails by itself. */
export const CONNECT_TIMEOUT_MS = 5_000;

/** @typedef {[joinRef: string | null, ref: string | null, topic: string, event: string, payload: any]} Frame */
/** What the socket needs of a WebSocket. @typedef {Pick<WebSocket, "send" | "close" | "onopen" | "onmessage" | "onclose">} Transport */

/** @extends {Events<{ open: void, close: void }>} */
export class Socket extends Events {
  #url;
  #connect;
  #random;
  /** @type {Map<string, Channel>} */
  #channels = new Map();
  /** @type {Transport | null} */
  #transport = null;
  #isOpen = false;
  #wanted = false;
  #attempt = 0;
  #lastRef = 0;
  /** The heartbeat that is not answered yet. @type {string | null} */
  #heartbeat = null;
  /** Reconnect, handshake timeout or heartbeat: never two at once. @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {string} url  as `wss://host/socket/websocket?vsn=2.0.0`
   * @param {{ connect?: (url: string) => Transport, random?: () => number }} [options]
   */
  constructor(url, { connect = (address) => new WebSocket(address), random = Math.random } = {}) {
    super();
    this.#url = url;
    this.#connect = connect;
    this.#random = random;
  }

  /** Whether a frame sent now goes out now. */
  get isOpen() {
    return this.#isOpen;
  }

  /** Connects, at once even if a try that failed has to be waited out, and keeps connecting until `close`. */
  open() {
    this.#wanted = true;
    if (this.#transport) return;
    clearTimeout(this.#timer);
    this.#dial();
  }

  /** Closes for good. */
  close() {
    this.#wanted = false;
    this.#drop();
  }

  /**
   * Something happened to the network: try at once instead of waiting, or find out at once whether the socket lives.
   * @param {number} [patienceMs]  one whose server does not answer for so long is dead
   */
  probe(patienceMs = HEARTBEAT_INTERVAL_MS) {
    if (!this.#wanted) return;
    if (this.#isOpen) this.#beat(patienceMs);
    else {
      this.#attempt = 0;
      this.#discard();
      this.#dial();
    }
  }

  /**
   * The client's membership of one topic.
   * @param {string} topic
   */
  channel(topic) {
    let channel = this.#channels.get(topic);
    if (!channel) this.#channels.set(topic, (channel = new Channel(this, topic)));
    return channel;
  }

  /** A reference no other message of this socket has. */
  nextRef() {
    return String(++this.#lastRef);
  }

  /**
   * @param {Frame} frame
   * @returns {boolean} whether the socket was open to take it
   */
  send(frame) {
    if (!this.#isOpen) return false;
    this.#transport?.send(JSON.stringify(frame));
    return true;
  }

  #dial() {
    const transport = this.#connect(this.#url);
    this.#transport = transport;
    transport.onopen = () => this.#opened();
    transport.onmessage = (event) => this.#received(event.data);
    transport.onclose = () => this.#drop();
    this.#timer = setTimeout(() => this.#drop(), CONNECT_TIMEOUT_MS);
  }

  #opened() {
    this.#isOpen = true;
    this.#heartbeat = null;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tick(), HEARTBEAT_INTERVAL_MS);
    this.emit("open", undefined);
  }

  #tick() {
    if (this.#heartbeat !== null) this.#drop();
    else this.#beat();
  }

  #beat(patienceMs = HEARTBEAT_INTERVAL_MS) {
    clearTimeout(this.#timer);
    this.#heartbeat = this.nextRef();
    this.send([null, this.#heartbeat, "phoenix", "heartbeat", {}]);
    this.#timer = setTimeout(() => this.#tick(), patienceMs);
  }

  /** @param {unknown} data */
  #received(data) {
    const frame = parse(data);
    if (!frame) return;
    this.#attempt = 0; // the server talks to us: only now is the connection worth something
    const [, ref, topic] = frame;
    if (topic !== "phoenix") this.#channels.get(topic)?.receive(frame);
    else if (ref === this.#heartbeat) this.#heartbeat = null;
  }

  /** The transport is gone or given up: say so, and come back later if still wanted. */
  #drop() {
    this.#discard();
    if (this.#wanted) {
      this.#timer = setTimeout(() => this.#dial(), backoffMs(this.#attempt++, this.#random));
    }
  }

  #discard() {
    clearTimeout(this.#timer);
    const transport = this.#transport;
    this.#transport = null;
    if (transport) {
      // A close on a dead network can take minutes to be reported: nothing of it is of interest any more.
      transport.onopen = transport.onmessage = transport.onclose = null;
      transport.close();
    }
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const channel of this.#channels.values()) channel.socketLost();
    this.emit("close", undefined);
  }
}

/**
 * @param {unknown} data
 * @returns {Frame | null} null for what is no frame of the protocol
 */
function parse(data) {
  if (typeof data !== "string") return null;
  try {
    const frame = JSON.parse(data);
    return Array.isArray(frame) && frame.length === 5 ? /** @type {Frame} */ (frame) : null;
  } catch {
    return null;
  }
}
