/** Statistics on the pictures themselves: measured while they are shown on at least one of them. */

import { receptionLines, sendingLines } from "./figures.js";

/** @import { Room } from "../sdk/index.js" */
/** @import { Sample } from "../sdk/statistics.js" */
/** @import { ParlorTile } from "./tile.js" */
/** @import { Tiles } from "./tiles.js" */

export class Overlays {
  #room;
  #tiles;
  /** Whether they are on every picture, also on those to come. */
  #everywhere = false;
  /** Those that are there: a tile that comes later begins like all, and may be switched like each. @type {WeakSet<ParlorTile>} */
  #known = new WeakSet();
  /** While somebody looks. @type {AbortController | null} */
  #looking = null;

  /**
   * @param {Room} room
   * @param {Tiles} tiles
   */
  constructor(room, tiles) {
    this.#room = room;
    this.#tiles = tiles;
    tiles.element.addEventListener("statistics", () => this.#look());
  }

  /** On every picture, or on none. @param {boolean} everywhere */
  spread(everywhere) {
    this.#everywhere = everywhere;
    for (const tile of this.#tiles.all()) tile.showsStatistics = everywhere;
    this.#look();
  }

  stop() {
    this.#looking?.abort();
  }

  /** Measures exactly while there is something to show it on. */
  #look() {
    const shown = this.#everywhere || [...this.#tiles.all()].some((tile) => tile.showsStatistics);
    if (shown === (this.#looking !== null)) return;
    this.#looking?.abort();
    this.#looking = shown ? new AbortController() : null;
    if (this.#looking) this.#room.statistics.watch((sample) => this.#show(sample), this.#looking.signal);
  }

  /** @param {Sample} sample */
  #show(sample) {
    for (const tile of this.#tiles.all()) {
      if (this.#everywhere && !this.#known.has(tile)) tile.showsStatistics = true;
      this.#known.add(tile);
      if (tile.showsStatistics) tile.statistics = this.#linesOf(tile, sample);
    }
    this.#look(); // the last one with an overlay may have left
  }

  /**
   * @param {ParlorTile} tile
   * @param {Sample} sample
   */
  #linesOf({ dataset: { source, track } }, { received, sent, roundTripMs }) {
    if (!track) return sendingLines(sent.filter((sending) => sending.source === source)); // our own
    return receptionLines(received.get(track), this.#room.quality.tracks.find((one) => one.track === track), roundTripMs);
  }
}
