/** One client's membership of one topic: a join, requests with replies, and what the server says unasked. */

import { ParlorError } from "./error.js";
import { Events } from "./events.js";

/** @import { Frame, Socket } from "./socket.js" */

/** How long a request may wait for its reply once it is sent. */
export const REPLY_TIMEOUT_MS = 10_000;

/** @typedef {"idle" | "joining" | "joined"} ChannelState */
/** @typedef {{ resolve: (response: any) => void, reject: (error: ParlorError) => void, timer?: ReturnType<typeof setTimeout> }} Pending */
/** @typedef {Pending & { event: string, payload: object }} Buffered */

/** @extends {Events<{ message: { event: string, payload: any }, close: void }>} */
export class Channel extends Events {
  #socket;
  #topic;
  /** @type {ChannelState} */
  #state = "idle";
  /** Of the join that the server has, or may yet grant. @type {string | null} */
  #joinRef = null;
  /** Requests that were sent, by ref. @type {Map<string, Pending>} */
  #pending = new Map();
  /** Requests made while not joined: they go out after the next join. @type {Buffered[]} */
  #buffer = [];

  /**
   * @param {Socket} socket
   * @param {string} topic
   */
  constructor(socket, topic) {
    super();
    this.#socket = socket;
    this.#topic = topic;
  }

  get state() {
    return this.#state;
  }

  /**
   * Joins, or joins anew. The socket must be open.
   * @param {object} payload
   * @returns {Promise<any>} the reply's response; rejects with the server's refusal, `timeout` or `socket_lost`
   */
  async join(payload) {
    this.#abandon(new ParlorError("replaced", "A newer join took this one's place."));
    const ref = this.#socket.nextRef();
    this.#joinRef = ref;
    this.#state = "joining";
    try {
      const response = await this.#send(ref, "phx_join", payload);
      if (this.#joinRef !== ref) throw new ParlorError("left", "You left the room.");
      this.#state = "joined";
      this.#flush();
      return response;
    } catch (error) {
      if (this.#joinRef === ref) {
        this.#state = "idle";
        // A join that nobody answered may be granted after all: then there is something to leave.
        if (ParlorError.from(error).reason !== "timeout") this.#joinRef = null;
      }
      throw error;
    }
  }

  /**
   * Asks the server for something; while not joined the request waits for the join.
   * @param {string} event
   * @param {object} payload
   * @returns {Promise<any>} the reply's response
   */
  request(event, payload) {
    if (this.#state === "joined") return this.#send(this.#socket.nextRef(), event, payload);
    return new Promise((resolve, reject) => this.#buffer.push({ event, payload, resolve, reject }));
  }

  /**
   * A request whose failure is worth no more than a line in the console.
   * @param {string} event
   * @param {object} payload
   */
  async tell(event, payload) {
    await this.request(event, payload).catch((error) => ParlorError.report(event, error));
  }

  /** Leaves for good; resolves when the server said so or cannot say any more. */
  async leave() {
    const left = new ParlorError("left", "You left the room.");
    this.#rejectBuffered(left);
    if (this.#joinRef === null) return;
    this.#state = "idle";
    this.#abandon(left);
    const goodbye = this.#send(this.#socket.nextRef(), "phx_leave", {});
    this.#joinRef = null;
    await goodbye.catch(() => {}); // gone is gone, whatever the reply
  }

  /**
   * A frame of this topic arrived; called by the socket.
   * @param {Frame} frame
   */
  receive([joinRef, ref, , event, payload]) {
    if (event === "phx_reply") this.#replied(ref, payload);
    else if (joinRef !== null && joinRef !== this.#joinRef) return; // meant for an earlier join
    else if (event === "phx_close" || event === "phx_error") this.#closed();
    else this.emit("message", { event, payload });
  }

  /** The socket is gone, and with it every reply that was to come; called by the socket. */
  socketLost() {
    this.#state = "idle";
    this.#joinRef = null;
    this.#abandon(new ParlorError("socket_lost", "The connection to the server was lost."));
  }

  #closed() {
    this.#state = "idle";
    this.#joinRef = null;
    this.#abandon(new ParlorError("left", "The membership ended."));
    this.emit("close", undefined);
  }

  /**
   * @param {string} ref
   * @param {string} event
   * @param {object} payload
   * @returns {Promise<any>}
   */
  #send(ref, event, payload) {
    return new Promise((resolve, reject) => {
      if (!this.#socket.send([this.#joinRef, ref, this.#topic, event, payload])) {
        return reject(new ParlorError("socket_lost", "The connection to the server was lost."));
      }
      const timer = setTimeout(() => {
        this.#pending.delete(ref);
        reject(new ParlorError("timeout", "The server did not answer in time."));
      }, REPLY_TIMEOUT_MS);
      this.#pending.set(ref, { resolve, reject, timer });
    });
  }

  /**
   * @param {string | null} ref
   * @param {{ status: string, response: any }} reply
   */
  #replied(ref, { status, response }) {
    const pending = ref === null ? undefined : this.#pending.get(ref);
    if (ref === null || !pending) return;
    this.#pending.delete(ref);
    clearTimeout(pending.timer);
    if (status === "ok") pending.resolve(response);
    else pending.reject(ParlorError.fromRefusal(response));
  }

  #flush() {
    for (const { event, payload, resolve, reject } of this.#buffer.splice(0)) {
      this.#send(this.#socket.nextRef(), event, payload).then(resolve, reject);
    }
  }

  /** @param {ParlorError} error */
  #abandon(error) {
    const lost = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject, timer } of lost) {
      clearTimeout(timer);
      reject(error);
    }
  }

  /** @param {ParlorError} error */
  #rejectBuffered(error) {
    for (const { reject } of this.#buffer.splice(0)) reject(error);
  }
}
