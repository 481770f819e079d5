/** How much data pictures may cost: what this person asked for, and what follows from it. */

import { Events } from "../sdk/events.js";

/** @import { ViewedTrack } from "../wire.d.ts" */
/** @import { Memory } from "./preferences.js" */

/** @typedef {"auto" | "saver" | "audio"} Level */

/** @type {readonly Level[]} */
export const LEVELS = ["auto", "saver", "audio"];

/** What a picture may be asked for while data is saved, in pixels: a camera's smallest layer. A screen's smallest is half of it, which can still be read. */
const SMALL = { width: 320, height: 180 };

const KEY = "parlor.quality";

/** @extends {Events<{ change: Level }>} */
export class Saving extends Events {
  #memory;

  /** @param {Pick<Memory, "getItem" | "setItem">} memory */
  constructor(memory) {
    super();
    this.#memory = memory;
  }

  /** @returns {Level} */
  get level() {
    return LEVELS.find((level) => level === this.#memory.getItem(KEY)) ?? "auto";
  }

  /** Whether pictures of others are shown. */
  get showsPictures() {
    return this.level !== "audio";
  }

  /** Whether our own camera sends its smallest layer only. */
  get limitsCamera() {
    return this.level !== "auto";
  }

  /** @param {Level} level */
  choose(level) {
    if (level === this.level) return;
    this.#memory.setItem(KEY, level);
    this.emit("change", level);
  }

  /**
   * What to ask of the server for what is on the screen.
   * @param {readonly ViewedTrack[]} shown
   * @returns {ViewedTrack[]}
   */
  ask(shown) {
    if (this.level === "audio") return [];
    if (this.level === "auto") return [...shown];
    return shown.map((view) => ({ ...view, width: Math.min(view.width, SMALL.width), height: Math.min(view.height, SMALL.height) }));
  }
}
