/** Marks on whoever speaks that do not flicker between two words. */

/** A mark stays on for so long after the last sound: longer than the pause between two words. */
export const LINGER_MS = 700;

export class SpeakingMarks {
  #show;
  /** @type {Set<string>} */
  #shown = new Set();
  /** Of who has fallen silent but still has a mark. @type {Map<string, ReturnType<typeof setTimeout>>} */
  #fading = new Map();

  /** @param {(peers: ReadonlySet<string>) => void} show */
  constructor(show) {
    this.#show = show;
  }

  /** Who speaks now; whoever is new is marked at once. @param {ReadonlySet<string>} speaking */
  heard(speaking) {
    const fresh = [...speaking].filter((peer) => !this.#shown.has(peer));
    for (const peer of speaking) this.#keep(peer);
    for (const peer of this.#shown) if (!speaking.has(peer)) this.#fade(peer);
    if (fresh.length > 0) this.#become(new Set([...this.#shown, ...fresh]));
  }

  /** Nobody is heard any more: all marks go at once. */
  clear() {
    for (const peer of [...this.#fading.keys()]) this.#keep(peer);
    this.#become(new Set());
  }

  /** @param {string} peer */
  #fade(peer) {
    if (this.#fading.has(peer)) return;
    this.#fading.set(peer, setTimeout(() => {
      this.#fading.delete(peer);
      this.#become(new Set([...this.#shown].filter((other) => other !== peer)));
    }, LINGER_MS));
  }

  /** @param {string} peer */
  #keep(peer) {
    clearTimeout(this.#fading.get(peer));
    this.#fading.delete(peer);
  }

  /** @param {Set<string>} peers */
  #become(peers) {
    this.#shown = peers;
    this.#show(peers);
  }
}
