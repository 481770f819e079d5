/** Judges from counts of what arrived whether media still gets through; time comes in as an argument. */

/** Silence this long, while something should arrive, means that the path is dead: browsers themselves take 5 to 30 s to say so. */
export const SILENT_AFTER_MS = 3_000;
/** A new connection or a restarted path gets this long to bring its first packet. */
export const GRACE_MS = 8_000;
/** A first path that is not found by then is looked for by way of TURN, too. */
export const UNREACHED_AFTER_MS = 4_000;

/** @typedef {"starting" | "healthy" | "silent"} MediaHealth */

export class MediaWatch {
  /** @type {MediaHealth} */
  #health = "starting";
  #received = 0;
  #deadline;
  /** @type {number | null} */
  #unreachedAt;

  /** @param {number} now  milliseconds of any steady clock */
  constructor(now) {
    this.#deadline = now + GRACE_MS;
    this.#unreachedAt = now + UNREACHED_AFTER_MS;
  }

  get health() {
    return this.#health;
  }

  /**
   * @param {number} now
   * @param {{ received: number, expected: boolean, state: RTCPeerConnectionState }} sample
   *   `expected`: something should be arriving (our own track is on, or somebody's microphone is)
   */
  sample(now, { received, expected, state }) {
    const arrived = received > this.#received;
    this.#received = received;
    const established = state === "connected" || state === "disconnected";
    if (state === "failed" || state === "closed") this.#health = "silent";
    else if (established && (arrived || (state === "connected" && !expected))) {
      this.#health = "healthy";
      this.#deadline = now + SILENT_AFTER_MS;
    } else if (now >= this.#deadline) this.#health = "silent";
    else if (!established && this.#unreachedAt !== null && now >= this.#unreachedAt) this.#health = "silent";
    if (established) this.#unreachedAt = null;
    return this.#health;
  }

  /** Something is being done about it: judge again after the grace. @param {number} now */
  restarted(now) {
    this.#health = "starting";
    this.#deadline = now + GRACE_MS;
    this.#unreachedAt = null;
  }
}
