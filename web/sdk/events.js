/** An EventTarget whose events have names and details that the type checker knows. */

/**
 * @template {Record<string, any>} Details  event name -> what its `detail` is
 */
export class Events extends EventTarget {
  /**
   * Calls `handler` with the detail of every event of this name, until `options.signal` aborts.
   * @template {keyof Details & string} Name
   * @param {Name} name
   * @param {(detail: Details[Name]) => void} handler
   * @param {AddEventListenerOptions} [options]
   */
  on(name, handler, options) {
    this.addEventListener(name, (event) => handler(/** @type {CustomEvent} */ (event).detail), options);
    return this;
  }

  /**
   * @template {keyof Details & string} Name
   * @param {Name} name
   * @param {Details[Name]} detail
   */
  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
