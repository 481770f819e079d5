/** Tells the server which tiles are really on the screen and how large, so that it sends that and no more. */

/** @import { ViewedTrack } from "../wire.d.ts" */
/** @import { ParlorTile } from "./tile.js" */

/** Layouts move in bursts; one message per burst. */
const SETTLE_MS = 150;
/** A glance at another tab should not cost a key frame on return. */
const HIDDEN_AFTER_MS = 3_000;

export class Viewing {
  #tell;
  /** Visible tiles. @type {Set<ParlorTile>} */
  #visible = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #last = "";
  #intersections;
  #sizes;
  #lifetime = new AbortController();

  /**
   * @param {Element} root  what scrolls
   * @param {(tracks: ViewedTrack[]) => void} tell
   */
  constructor(root, tell) {
    this.#tell = tell;
    this.#intersections = new IntersectionObserver((entries) => this.#crossed(entries), { root });
    this.#sizes = new ResizeObserver(() => this.changed());
    for (const event of ["visibilitychange", "fullscreenchange"]) {
      document.addEventListener(event, () => this.changed(), { signal: this.#lifetime.signal });
    }
  }

  /** @param {ParlorTile} tile */
  add(tile) {
    this.#intersections.observe(tile);
    this.#sizes.observe(tile);
  }

  /** @param {ParlorTile} tile */
  remove(tile) {
    this.#intersections.unobserve(tile);
    this.#sizes.unobserve(tile);
    this.#visible.delete(tile);
    this.changed();
  }

  /** A size, a track or a pin may be another one now. */
  changed() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#settle(), document.hidden ? HIDDEN_AFTER_MS : SETTLE_MS);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#intersections.disconnect();
    this.#sizes.disconnect();
    this.#lifetime.abort();
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #crossed(entries) {
    for (const { target, isIntersecting } of entries) {
      const tile = /** @type {ParlorTile} */ (target);
      if (isIntersecting) this.#visible.add(tile);
      else this.#visible.delete(tile);
    }
    this.changed();
  }

  /** A tile on the full screen covers the others, and is outside of `root`, so that no intersection tells of it. */
  #shown() {
    const full = document.fullscreenElement;
    return full?.localName === "parlor-tile" ? [/** @type {ParlorTile} */ (full)] : [...this.#visible];
  }

  #settle() {
    const tracks = document.hidden ? [] : this.#shown().flatMap((tile) => viewOf(tile));
    const text = JSON.stringify(tracks);
    if (text === this.#last) return;
    this.#last = text;
    this.#tell(tracks);
  }
}

/**
 * @param {ParlorTile} tile
 * @returns {ViewedTrack[]}
 */
function viewOf(tile) {
  const { track } = tile.dataset;
  if (!track || tile.classList.contains("self")) return [];
  const width = Math.round(tile.clientWidth * devicePixelRatio);
  const height = Math.round(tile.clientHeight * devicePixelRatio);
  return [{ track, width, height, priority: tile.classList.contains("pinned") ? 1 : 0 }];
}
