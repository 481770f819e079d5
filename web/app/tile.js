/** `<parlor-tile data-peer data-source>`: one picture of one person, or their initials while there is none. */

import { h, icon, iconButton, relabel } from "./dom.js";
import { hueOf, initials } from "./names.js";

const TOUCHED_MS = 4_000;
const STATISTICS_KEY = "i";

/**
 * @typedef {object} TileView
 * @property {string} name
 * @property {boolean} self
 * @property {string | null} track  the video track's id
 * @property {MediaStreamTrack | null} media  the video to play, null while there is none
 * @property {boolean} muted  the microphone is off
 * @property {boolean} away  the connection of this person is being restored
 */

export class ParlorTile extends HTMLElement {
  #video = h("video", { playsinline: true, autoplay: true, muted: true, disablepictureinpicture: true, "aria-hidden": "true" });
  #avatar = h("div", { class: "avatar", "aria-hidden": "true" });
  #name = h("span", { class: "tile-name" });
  #muted = h("span", { class: "tile-muted", role: "img", "aria-label": "microphone off", "data-testid": "muted" }, icon("mic-off"));
  #away = h("div", { class: "tile-away" }, "Reconnecting…");
  #note = h("div", { class: "tile-note", "data-testid": "tile-note", hidden: true });
  #statistics = h("ul", { class: "tile-statistics", "aria-label": "Statistics", "data-testid": "tile-statistics", hidden: true });
  #more = iconButton("more", "More", { class: "tile-button", "aria-haspopup": "dialog", "data-testid": "more", onclick: () => this.#tell("menu", this.#more) });
  #pin = iconButton("pin", "Pin", { class: "tile-button spare", "data-testid": "pin", onclick: () => this.pin() });
  #expand = iconButton("expand", "Full screen", { class: "tile-button spare", "data-testid": "fullscreen", onclick: () => this.toggleFullscreen() });
  /** @type {MediaStreamTrack | null} */
  #media = null;
  #built = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #touch;

  connectedCallback() {
    if (this.#built) return;
    this.#built = true;
    this.#video.muted = true; // sound plays elsewhere: see sound.js. The attribute alone does not mute an element made by script
    this.setAttribute("role", "group");
    this.append(
      this.#avatar,
      this.#video,
      this.#note,
      this.#away,
      this.#statistics,
      h("div", { class: "tile-label" }, this.#muted, this.#name),
      h("div", { class: "tile-buttons" }, this.#pin, this.#expand, this.#more),
    );
    this.addEventListener("keydown", (event) => this.#pressed(event));
    this.addEventListener("dblclick", () => this.toggleFullscreen());
    this.addEventListener("pointerup", (event) => this.#touched(event));
    this.addEventListener("fullscreenchange", () => this.#nameButtons());
  }

  /** @param {TileView} view */
  show({ name, self, track, media, muted, away }) {
    const screen = this.dataset.source !== "camera";
    const label = screen ? (self ? "Your screen" : `${name}’s screen`) : self ? `${name} (you)` : name;
    this.#name.textContent = label;
    this.#describe();
    this.#nameButtons();
    this.#avatar.textContent = initials(name);
    this.style.setProperty("--hue", String(hueOf(name)));
    if (track) this.dataset.track = track;
    this.#muted.hidden = !muted;
    this.#away.hidden = !away;
    this.classList.toggle("self", self);
    this.classList.toggle("screen", screen);
    this.#play(media);
  }

  /** Whose it is, in words. */
  get label() {
    return this.#name.textContent ?? "";
  }

  get isOwn() {
    return this.classList.contains("self");
  }

  get isPinned() {
    return this.classList.contains("pinned");
  }

  /** Asks for the large place, or gives it back. */
  pin() {
    this.#tell("pin");
  }

  get showsStatistics() {
    return !this.#statistics.hidden;
  }

  set showsStatistics(shows) {
    if (shows && this.#statistics.hidden) this.statistics = ["Measuring…"];
    this.#statistics.hidden = !shows;
  }

  toggleStatistics() {
    this.showsStatistics = !this.showsStatistics;
    this.#tell("statistics");
  }

  /** @param {readonly string[]} lines */
  set statistics(lines) {
    this.#statistics.replaceChildren(...lines.map((line) => h("li", {}, line)));
  }

  /** Why there is no picture, in words; empty when there is nothing to say. @param {string} note */
  set note(note) {
    if (this.#note.textContent === note) return;
    this.#note.textContent = note;
    this.#note.hidden = note === "";
    this.classList.toggle("noted", note !== "");
    this.#describe();
  }

  /** @param {boolean} speaking */
  set speaking(speaking) {
    this.classList.toggle("speaking", speaking);
    this.#describe();
  }

  /** @param {boolean} pinned */
  set pinned(pinned) {
    this.classList.toggle("pinned", pinned);
    this.#nameButtons();
  }

  /** Each says whose it is: who hears of the buttons one after the other sees no tile around them. */
  #nameButtons() {
    const [pinned, full] = [this.isPinned, document.fullscreenElement === this];
    relabel(this.#pin, pinned ? "unpin" : "pin", `${pinned ? "Unpin" : "Pin"} ${this.label}`);
    relabel(this.#expand, full ? "contract" : "expand", `${full ? "Leave full screen" : "Full screen"}: ${this.label}`);
    relabel(this.#more, "more", `More about ${this.label}`);
  }

  /** What is there for the eye, in words. */
  #describe() {
    const speaking = this.classList.contains("speaking") ? "speaking" : "";
    this.setAttribute("aria-label", [this.#name.textContent, speaking, this.#note.textContent].filter(Boolean).join(", "));
  }

  async toggleFullscreen() {
    if (document.fullscreenElement === this) await document.exitFullscreen();
    else if (document.fullscreenEnabled) await this.requestFullscreen();
    else /** @type {any} */ (this.#video).webkitEnterFullscreen?.(); // iPhones show only a video full screen
  }

  /** A key works while the keyboard is in the tile, so that it takes none from anything else. @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.key.toLowerCase() !== STATISTICS_KEY || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.toggleStatistics();
  }

  /**
   * @param {"pin" | "menu" | "statistics"} what
   * @param {HTMLElement} [detail]  the button it came from
   */
  #tell(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { bubbles: true, detail }));
  }

  /** A finger does not hover: a touch shows the buttons for a while. @param {PointerEvent} event */
  #touched({ pointerType, target }) {
    if (pointerType !== "touch" || (target instanceof Element && target.closest("button"))) return;
    clearTimeout(this.#touch);
    this.classList.toggle("touched");
    this.#touch = setTimeout(() => this.classList.remove("touched"), TOUCHED_MS);
  }

  /** @param {MediaStreamTrack | null} media */
  #play(media) {
    if (media === this.#media) return;
    this.#media = media;
    this.classList.remove("playing");
    this.#video.srcObject = media ? new MediaStream([media]) : null;
    if (!media) return;
    // A connection that the server has closed leaves black pictures behind.
    media.addEventListener("ended", () => media === this.#media && this.classList.remove("playing"), { once: true });
    this.#video.play().catch(() => {}); // replaced before it began; muted video is never blocked
    // Initials stay until the first frame is really there: no black tile, and no last frame of whom the slot carried before.
    const reveal = () => media === this.#media && this.classList.add("playing");
    if (typeof this.#video.requestVideoFrameCallback === "function") this.#video.requestVideoFrameCallback(reveal);
    else this.#video.addEventListener("playing", reveal, { once: true });
  }
}

customElements.define("parlor-tile", ParlorTile);
