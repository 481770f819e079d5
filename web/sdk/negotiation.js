/** Offers and answers, one exchange at a time: what is asked for during one exchange is covered by a single next one. */

/** @typedef {{ iceRestart: boolean }} Wish */

export class NegotiationQueue {
  #exchange;
  /** @type {{ wish: Wish, done: Promise<void> } | null} */
  #next = null;
  /** @type {Promise<void>} */
  #current = Promise.resolve();

  /** @param {(wish: Wish) => Promise<void>} exchange  one offer and its answer */
  constructor(exchange) {
    this.#exchange = exchange;
  }

  /**
   * @param {Partial<Wish>} [wish]
   * @returns {Promise<void>} settles with the exchange that covers the wish
   */
  request({ iceRestart = false } = {}) {
    if (this.#next) {
      this.#next.wish.iceRestart ||= iceRestart;
      return this.#next.done;
    }
    const wish = { iceRestart };
    const done = this.#current.then(() => {
      this.#next = null;
      return this.#exchange(wish);
    });
    this.#next = { wish, done };
    this.#current = done.catch(() => {}); // its failure is the asker's to handle; the queue goes on
    return done;
  }
}
