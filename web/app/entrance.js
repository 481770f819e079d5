/** The way from the join page into a room: one join at a time, and none once the page is gone. */

/** @typedef {(room: string, name: string, signal: AbortSignal) => Promise<void>} Join */

export class Entrance {
  #join;
  #lifetime;
  #busy = false;

  /**
   * @param {Join} join  gives up when the signal aborts
   * @param {AbortSignal} lifetime  aborts when the page is gone
   */
  constructor(join, lifetime) {
    this.#join = join;
    this.#lifetime = lifetime;
  }

  /** Whether somebody may go in: nobody is on the way, and the page is still there. */
  get isOpen() {
    return !this.#busy && !this.#lifetime.aborted;
  }

  /**
   * Joins if the way is open; a second click, or a reload that joins by itself after the click, changes nothing.
   * @param {string} room
   * @param {string} name
   */
  async enter(room, name) {
    if (!this.isOpen) return;
    this.#busy = true;
    try {
      await this.#join(room, name, this.#lifetime);
    } finally {
      this.#busy = false;
    }
  }
}
