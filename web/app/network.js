/** What is worth telling of the network: when it has become worse, and when it has recovered. */

import { networkNews } from "./words.js";

/** @import { Network } from "../wire.d.ts" */

/** A word that holds for less is no news: a path that wavers would talk all the time. */
export const SETTLE_MS = 3_000;

export class NetworkNews {
  #say;
  /** What was told last. @type {Network | null} */
  #told = null;
  /** @type {Network} */
  #now = "unknown";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {(sentence: string) => void} say */
  constructor(say) {
    this.#say = say;
  }

  /** @param {Network} network */
  heard(network) {
    if (network === "unknown" || network === this.#now) return;
    this.#now = network;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell(), SETTLE_MS);
  }

  stop() {
    clearTimeout(this.#timer);
  }

  #tell() {
    // Estimates begin low: that a call begins as a fair one is no news, and as little that it is a good one then.
    if (this.#told === null && this.#now === "fair") return;
    const sentence = networkNews(this.#told ?? "good", this.#now);
    this.#told = this.#now;
    if (sentence) this.#say(sentence);
  }
}
