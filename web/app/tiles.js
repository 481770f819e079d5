/** The tiles of a room: who has which, in which order, where, and how large. */

import { h } from "./dom.js";
import { contentHeight, stage } from "./layout.js";
import { Roving } from "./roving.js";
import { ParlorTile } from "./tile.js";
import { Viewing } from "./viewing.js";

/** @import { ViewedTrack } from "../wire.d.ts" */
/** @import { Rect } from "./layout.js" */
/** @import { TileView } from "./tile.js" */

export class Tiles {
  element = h("div", { class: "tiles", role: "group", "aria-label": "People", "aria-description": "Arrow keys go from button to button, I shows statistics", "data-testid": "tiles" });
  #roving = new Roving(this.element);
  /** By peer and source, in the order of arrival: nobody's tile moves because another one joins. @type {Map<string, ParlorTile>} */
  #tiles = new Map();
  #viewing;
  #onMenu;
  /** @type {string | null} */
  #pinned = null;
  #resizes = new ResizeObserver(() => this.#arrange());

  /**
   * @param {object} on
   * @param {(tracks: ViewedTrack[]) => void} on.view
   * @param {(tile: ParlorTile, button: HTMLElement) => void} on.menu
   */
  constructor({ view: onView, menu }) {
    this.#onMenu = menu;
    this.#viewing = new Viewing(this.element, onView);
    this.#resizes.observe(this.element);
  }

  /**
   * @param {string} peer
   * @param {"camera" | "screen" | "custom"} source
   * @param {TileView} view
   */
  show(peer, source, view) {
    const key = source === "custom" ? `${peer} ${source} ${view.track}` : `${peer} ${source}`;
    const known = this.#tiles.get(key);
    const tile = known ?? this.#add(key, peer, source);
    const track = tile.dataset.track;
    tile.show(view);
    if (!known) this.#arrange();
    else if (tile.dataset.track !== track) this.#viewing.changed();
  }

  /** All of them, in the order of arrival. */
  all() {
    return this.#tiles.values();
  }

  /** @param {string} peer */
  remove(peer) {
    this.#remove((tile) => tile.dataset.peer === peer);
  }

  /**
   * Besides the camera, a person's tiles are those of what they send now.
   * @param {string} peer
   * @param {readonly { source: string, track: string | null }[]} sent
   */
  keep(peer, sent) {
    const isSent = (/** @type {DOMStringMap} */ { source, track }) => sent.some((one) => one.source === source && one.track === (track ?? null));
    this.#remove(({ dataset }) => dataset.peer === peer && dataset.source !== "camera" && !isSent(dataset));
  }

  /** @param {ReadonlySet<string>} peers */
  showSpeakers(peers) {
    for (const tile of this.#tiles.values()) {
      tile.speaking = tile.dataset.source === "camera" && peers.has(tile.dataset.peer ?? "");
    }
  }

  stop() {
    this.#viewing.stop();
    this.#resizes.disconnect();
  }

  /**
   * @param {string} key
   * @param {string} peer
   * @param {string} source
   */
  #add(key, peer, source) {
    const tile = new ParlorTile();
    tile.dataset.peer = peer;
    tile.dataset.source = source;
    tile.dataset.testid = "tile";
    tile.addEventListener("pin", () => this.#pin(key));
    tile.addEventListener("menu", (event) => this.#onMenu(tile, /** @type {CustomEvent} */ (event).detail));
    this.#tiles.set(key, tile);
    this.element.append(tile);
    this.#viewing.add(tile);
    this.#roving.refresh();
    return tile;
  }

  /** @param {(tile: ParlorTile) => boolean} unwanted */
  #remove(unwanted) {
    for (const [key, tile] of [...this.#tiles]) {
      if (!unwanted(tile)) continue;
      if (document.fullscreenElement === tile) void document.exitFullscreen();
      this.#tiles.delete(key);
      this.#viewing.remove(tile);
      tile.remove();
      this.#roving.refresh();
      if (this.#pinned === key) this.#pinned = null;
      this.#arrange();
    }
  }

  /** @param {string} key */
  #pin(key) {
    this.#pinned = this.#pinned === key ? null : key;
    this.#arrange();
    this.#viewing.changed();
  }

  /** Somebody pinned, or else the screens that others share. */
  #isFeatured(/** @type {string} */ key, /** @type {ParlorTile} */ tile) {
    if (this.#pinned !== null) return key === this.#pinned;
    return tile.dataset.source === "screen" && !tile.classList.contains("self");
  }

  #arrange() {
    const entries = [...this.#tiles];
    const featured = entries.filter(([key, tile]) => this.#isFeatured(key, tile)).map(([, tile]) => tile);
    const others = entries.map(([, tile]) => tile).filter((tile) => !featured.includes(tile));
    const box = { width: this.element.clientWidth, height: this.element.clientHeight };
    const places = stage(featured.length, others.length, box);
    featured.forEach((tile, index) => put(tile, places.featured[index]));
    others.forEach((tile, index) => put(tile, places.others[index]));
    for (const [key, tile] of entries) tile.pinned = key === this.#pinned;
    for (const tile of this.#tiles.values()) tile.classList.toggle("featured", featured.includes(tile));
    this.#roving.refresh(); // a small tile has fewer buttons
    this.element.classList.toggle("scrolls", contentHeight([...places.featured, ...places.others]) > box.height + 1);
  }
}

/**
 * @param {HTMLElement} tile
 * @param {Rect | undefined} rect  none while the page has no size
 */
function put(tile, rect) {
  if (!rect) return;
  tile.style.setProperty("transform", `translate(${rect.x}px, ${rect.y}px)`);
  tile.style.setProperty("width", `${rect.width}px`);
  tile.style.setProperty("height", `${rect.height}px`);
}
