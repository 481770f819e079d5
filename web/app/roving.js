/** A row of buttons that is a single stop of the Tab key; arrow keys go from one to the next (WAI-ARIA: roving tabindex). */

/** @type {Record<string, number>} */
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };

/**
 * Where a key leads, among `count` buttons.
 * @param {number} from
 * @param {string} key
 * @param {number} count
 * @returns {number | null} null when the key is no business of ours
 */
export function destination(from, key, count) {
  const step = STEPS[key];
  if (step === undefined || count === 0) return null;
  return Math.max(0, Math.min(count - 1, from + step));
}

export class Roving {
  #container;
  /** @type {HTMLButtonElement | null} */
  #current = null;

  /** @param {HTMLElement} container */
  constructor(container) {
    this.#container = container;
    container.addEventListener("keydown", (event) => this.#pressed(event));
    container.addEventListener("focusin", ({ target }) => {
      this.#current = this.#buttons().find((button) => button === target) ?? this.#current;
      this.refresh();
    });
  }

  /** Buttons came or went, or are hidden now. */
  refresh() {
    const buttons = this.#buttons();
    if (!this.#current || !buttons.includes(this.#current)) this.#current = buttons[0] ?? null;
    for (const button of buttons) button.tabIndex = button === this.#current ? 0 : -1;
  }

  #buttons() {
    return [...this.#container.querySelectorAll("button")].filter((button) => button.getClientRects().length > 0);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const buttons = this.#buttons();
    const from = buttons.findIndex((button) => button === event.target);
    const to = from < 0 || event.altKey || event.ctrlKey || event.metaKey ? null : destination(from, event.key, buttons.length);
    if (to === null) return;
    event.preventDefault(); // no scrolling
    buttons[to].focus();
  }
}
