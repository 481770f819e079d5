/** `<parlor-device-menu>`: choose camera, microphone, loudspeaker and how much data pictures may cost, before and during the call. */

import { h } from "./dom.js";
import { LEVELS } from "./saving.js";
import { Sound } from "./sound.js";

/** @import { DeviceUse } from "../sdk/devices.js" */
/** @import { Me } from "./me.js" */
/** @import { Level, Saving } from "./saving.js" */

/** @type {readonly [DeviceUse, string][]} */
const ROWS = [["microphone", "Microphone"], ["camera", "Camera"], ["loudspeaker", "Loudspeaker"]];

/** @type {Record<Level, string>} */
const LEVEL_WORDS = { auto: "Auto", saver: "Data saver: small pictures", audio: "Audio only: no pictures of others" };

export class ParlorDeviceMenu extends HTMLElement {
  /** @type {Map<DeviceUse, HTMLSelectElement>} */
  #selects = new Map();
  /** @type {AbortController | null} */
  #lifetime = null;
  /** @type {Me | null} */
  #me = null;
  /** @type {(id: string) => void} */
  #onLoudspeaker = () => {};

  /**
   * @param {Me} me
   * @param {Saving} saving
   * @param {{ onLoudspeaker?: (id: string) => void }} [options]
   */
  attach(me, saving, { onLoudspeaker = () => {} } = {}) {
    this.#me = me;
    this.#onLoudspeaker = onLoudspeaker;
    this.replaceChildren(...ROWS.map(([use, label]) => this.#row(use, label)), this.#quality(saving), this.#originalSound(me));
    this.#listen();
  }

  connectedCallback() {
    this.#listen();
  }

  disconnectedCallback() {
    this.#lifetime?.abort();
    this.#lifetime = null;
  }

  #listen() {
    const me = this.#me;
    if (!me || !this.isConnected || this.#lifetime) return;
    this.#lifetime = new AbortController();
    const { signal } = this.#lifetime;
    me.devices.on("list", () => this.#refresh(me), { signal });
    me.on("change", () => this.#refresh(me), { signal });
    this.#refresh(me);
  }

  /**
   * @param {DeviceUse} use
   * @param {string} label
   */
  #row(use, label) {
    const select = h("select", { "data-testid": `${use}-picker`, onchange: () => this.#choose(use, select.value) });
    this.#selects.set(use, select);
    return h("label", { class: "field device" }, h("span", {}, label), select);
  }

  /** @param {Saving} saving */
  #quality(saving) {
    const options = LEVELS.map((level) => h("option", { value: level }, LEVEL_WORDS[level]));
    const select = h("select", { "data-testid": "quality-picker", onchange: () => saving.choose(/** @type {Level} */ (select.value)) }, ...options);
    select.value = saving.level;
    return h("label", { class: "field device" }, h("span", {}, "Video quality"), select);
  }

  /** @param {Me} me */
  #originalSound(me) {
    const box = h("input", { type: "checkbox", "data-testid": "original-sound", onchange: () => void me.devices.setOriginalSound(box.checked) });
    box.checked = me.devices.originalSound;
    return h("label", { class: "check" }, box, h("span", {}, "Original sound (for music: no echo or noise filter)"));
  }

  /**
   * @param {DeviceUse} use
   * @param {string} id
   */
  #choose(use, id) {
    if (!this.#me) return;
    if (use !== "loudspeaker") return void this.#me.choose(use, id);
    void this.#me.devices.choose(use, id);
    this.#onLoudspeaker(id);
  }

  /** @param {Me} me */
  #refresh(me) {
    for (const [use, select] of this.#selects) {
      const list = me.devices.list(use);
      const row = select.closest("label");
      if (row) row.hidden = use === "loudspeaker" && (!Sound.canChooseLoudspeaker || list.length === 0);
      select.disabled = list.length === 0;
      const options = list.length > 0 ? list : [{ id: "", label: `No ${use} found` }];
      select.replaceChildren(...options.map(({ id, label }) => h("option", { value: id }, label)));
      select.value = me.devices.chosen(use);
      if (select.selectedIndex < 0) select.selectedIndex = 0;
    }
  }
}

customElements.define("parlor-device-menu", ParlorDeviceMenu);
