/** The way from the join page into a room: one join at a time, which can be called off, and none once the page is gone. */

/** @typedef {(room: string, name: string, signal: AbortSignal) => Promise<void>} Join */

export class Entrance {
  #join;
  #lifetime;
  /** Calls off the join that is on its way. @type {AbortController | null} */
  #onTheWay = null;

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
    return !this.#onTheWay && !this.#lifetime.aborted;
  }

  /**
   * Joins if the way is open; a second click, or a reload that joins by itself after the click, changes nothing.
   * One that is called off is no failure.
   * @param {string} room
   * @param {string} name
   */
  async enter(room, name) {
    if (!this.isOpen) return;
    const join = (this.#onTheWay = new AbortController());
    const { signal } = join;
    this.#lifetime.addEventListener("abort", () => join.abort(), { signal });
    try {
      await this.#join(room, name, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#onTheWay = null;
    }
  }

  /** Gives up the join that is on its way, if there is one. */
  callOff() {
    this.#onTheWay?.abort();
  }
}
