/** What can be done with one person's tile: one menu, which opens for this tile or that one. */

import { h } from "./dom.js";
import { panel } from "./panel.js";

/** @import { ParlorTile } from "./tile.js" */

/** Pixels between the button and the menu, and between the menu and the edge of the window. */
const GAP = 8;
/** Of the volume, in percent: twenty presses of a key from loud to silent. */
const STEP = 5;

export class TileMenu {
  /** @type {ParlorTile | null} */
  #tile = null;
  /** Where the menu is while it is closed. @type {ParentNode | null} */
  #home = null;
  #volumeOf;
  #setVolume;
  #slider = h("input", { type: "range", min: "0", max: "100", step: String(STEP), "data-testid": "volume", oninput: () => this.#turn() });
  #percent = h("output", { "aria-hidden": "true" }); // the slider says it itself
  #volume = h("label", { class: "volume" }, h("span", {}, "Volume"), this.#slider, this.#percent);
  #pin = this.#item("menu-pin", () => this.#tile?.pin());
  #expand = this.#item("menu-fullscreen", () => void this.#tile?.toggleFullscreen());
  #statistics = this.#item("menu-statistics", () => this.#tile?.toggleStatistics());
  element = panel({ id: "tile-menu", title: "", class: "panel tile-menu", "data-testid": "tile-menu" }, this.#volume, this.#pin, this.#expand, this.#statistics);

  /** @param {{ volumeOf: (peer: string) => number, setVolume: (peer: string, volume: number) => void }} sound  of one person, 0 to 1 */
  constructor({ volumeOf, setVolume }) {
    this.#volumeOf = volumeOf;
    this.#setVolume = setVolume;
    this.element.addEventListener("toggle", (event) => {
      if (/** @type {ToggleEvent} */ (event).newState === "closed") this.#home?.append(this.element);
    });
  }

  /**
   * @param {ParlorTile} tile
   * @param {HTMLElement} button  which it opens at, and to which the keyboard returns
   */
  open(tile, button) {
    this.#tile = tile;
    this.#describe(tile);
    this.#home ??= this.element.parentNode;
    // Of a page that shows one element on the whole screen everything else is inert.
    if (document.fullscreenElement === tile) tile.append(this.element);
    this.element.showPopover({ source: button });
    this.#place(button.getBoundingClientRect());
    (this.#volume.hidden ? this.#pin : this.#slider).focus();
  }

  /** @param {ParlorTile} tile */
  #describe(tile) {
    const heading = this.element.querySelector("h2");
    if (heading) heading.textContent = tile.label;
    this.element.setAttribute("aria-label", tile.label);
    this.#volume.hidden = tile.isOwn;
    this.#slider.value = String(Math.round(this.#volumeOf(tile.dataset.peer ?? "") * 100));
    this.#percent.textContent = `${this.#slider.value} %`;
    this.#pin.textContent = tile.isPinned ? "Unpin" : "Pin";
    this.#expand.textContent = document.fullscreenElement === tile ? "Leave full screen" : "Full screen";
    this.#statistics.textContent = tile.showsStatistics ? "Hide statistics" : "Show statistics";
  }

  /** Below the button or, where there is no room, above it. @param {DOMRect} button */
  #place({ right, top, bottom }) {
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const below = bottom + GAP + height <= innerHeight - GAP;
    this.element.style.setProperty("left", `${Math.max(GAP, Math.min(right - width, innerWidth - width - GAP))}px`);
    this.element.style.setProperty("top", `${Math.max(GAP, below ? bottom + GAP : top - GAP - height)}px`);
  }

  #turn() {
    this.#percent.textContent = `${this.#slider.value} %`;
    this.#setVolume(this.#tile?.dataset.peer ?? "", Number(this.#slider.value) / 100);
  }

  /**
   * @param {string} testid
   * @param {() => void} act
   */
  #item(testid, act) {
    return h("button", { type: "button", class: "menu-item", "data-testid": testid, onclick: () => {
      this.element.hidePopover(); // first: the keyboard goes back to the tile
      if (this.#tile?.isConnected) act(); // its person may have left meanwhile
    } });
  }
}
