/** Short messages: seen for a moment, and read out by screen readers. */

import { h } from "./dom.js";

const SHOWN_MS = 5_000;
const AT_MOST = 4;

export class Notices {
  element = h("div", { class: "notices", "data-testid": "notices", "aria-hidden": "true" });

  /** @param {string} sentence */
  say(sentence) {
    announce(sentence);
    const notice = h("div", { class: "notice" }, sentence);
    this.element.append(notice);
    while (this.element.childElementCount > AT_MOST) this.element.firstElementChild?.remove();
    setTimeout(() => notice.remove(), SHOWN_MS);
  }
}

/** Reads a sentence out, without showing it. @param {string} sentence */
export function announce(sentence) {
  const announcer = document.getElementById("announcer");
  // Appended, not replaced: two people who join at once are both read out.
  const line = h("p", {}, sentence);
  announcer?.append(line);
  setTimeout(() => line.remove(), SHOWN_MS);
}
