/** The page before the room: who, where, and how one looks and sounds. */

import { ParlorDeviceMenu } from "./device-menu.js";
import { h, iconButton, relabel } from "./dom.js";
import { Entrance } from "./entrance.js";
import { meter } from "./meter.js";
import { hueOf, initials, roomId, suggestedRoom } from "./names.js";
import { memory } from "./preferences.js";
import { themeButton } from "./theme-button.js";
import { WAIT } from "./words.js";

/** @import { Capture } from "../sdk/devices.js" */
/** @import { Join } from "./entrance.js" */
/** @import { Me } from "./me.js" */
/** @import { Saving } from "./saving.js" */

export class JoinPage {
  #me;
  #saving;
  #lifetime = new AbortController();
  #entrance;
  /** @type {{ track: MediaStreamTrack, stop: AbortController } | null} */
  #meter = null;

  #video = h("video", { playsinline: true, autoplay: true, muted: true, "aria-label": "Your camera", "data-testid": "preview" });
  #avatar = h("div", { class: "avatar", "aria-hidden": "true" });
  #level = h("div", { class: "meter", role: "img", "aria-label": "Microphone level", "data-testid": "meter" });
  #microphone = iconButton("mic", "", { class: "round", "data-testid": "mic-toggle", onclick: () => void this.#me.toggle("microphone") });
  #camera = iconButton("camera", "", { class: "round", "data-testid": "camera-toggle", onclick: () => void this.#me.toggle("camera") });
  #troubleWords = h("div", { class: "trouble-words", "aria-live": "polite" });
  #again = h("button", { type: "button", class: "small", "data-testid": "retry-devices", onclick: () => void this.#retry() }, "Try again");
  #troubles = h("div", { class: "troubles", "data-testid": "device-trouble" }, this.#troubleWords, this.#again);
  #room = h("input", { name: "room", required: true, maxlength: "512", autocomplete: "off", autocapitalize: "off", spellcheck: "false", "data-testid": "room-input", oninput: () => this.#showLink() });
  #hint = h("small", { class: "hint", hidden: true });
  #name = h("input", { name: "name", required: true, maxlength: "64", autocomplete: "off", placeholder: "What others see", "data-testid": "name-input", oninput: () => this.#drawAvatar() });
  #submit = h("button", { class: "primary", type: "submit", "data-testid": "join-button" }, "Join");
  #stopWaiting = h("button", { type: "button", class: "button", "data-testid": "stop-waiting", hidden: true, onclick: () => this.#entrance.callOff() }, WAIT.stop);
  #waiting = h("p", { class: "hint", role: "status", "data-testid": "join-waiting" });
  /** Counts the seconds of a wait. @type {ReturnType<typeof setInterval> | undefined} */
  #countdown;
  #error = h("p", { class: "error", role: "alert", "data-testid": "join-error", hidden: true });

  /**
   * @param {Me} me
   * @param {Saving} saving
   * @param {{ room: string, onJoin: Join }} options
   */
  constructor(me, saving, { room, onJoin }) {
    this.#me = me;
    this.#saving = saving;
    this.#entrance = new Entrance(onJoin, this.#lifetime.signal);
    this.#video.muted = true;
    this.#name.value = memory.getItem("parlor.name") ?? "";
    this.#room.value = room || (memory.getItem("parlor.room") ?? suggestedRoom(Math.random));
    this.element = this.#build(room);
    me.on("change", () => this.#update(), { signal: this.#lifetime.signal });
    this.#update();
    this.#drawAvatar();
    this.#showLink();
  }

  /** Whether a join may still begin here. */
  get isOpen() {
    return this.#entrance.isOpen;
  }

  /** Where typing should begin. */
  focus() {
    // On a phone it would scroll the picture away and open the keyboard over it.
    if (matchMedia("(pointer: coarse)").matches) return;
    (this.#name.value ? this.#submit : this.#name).focus();
  }

  /** Joins without waiting for a click, as after a reload. */
  submit() {
    return this.#join();
  }

  /**
   * A busy server is asked again by itself.
   * @param {number} waitMs  after so long
   */
  showWait(waitMs) {
    const until = performance.now() + waitMs;
    const tell = () => {
      const seconds = Math.ceil((until - performance.now()) / 1000);
      this.#submit.textContent = seconds > 0 ? `Trying again in ${seconds} s` : "Joining…";
      if (seconds <= 0) clearInterval(this.#countdown);
    };
    clearInterval(this.#countdown);
    this.#countdown = setInterval(tell, 1000);
    tell();
    if (this.#stopWaiting.hidden) this.#offerToStop();
  }

  #offerToStop() {
    // Said once; what counts down is the button.
    this.#waiting.textContent = WAIT.begun;
    this.#stopWaiting.hidden = false;
    // The keyboard was on the button that joins, which cannot be pressed now, or in a field, which cannot be changed.
    const { activeElement } = document;
    if (activeElement && [this.#submit, this.#name, this.#room, document.body].includes(/** @type {any} */ (activeElement))) this.#stopWaiting.focus();
  }

  /** The page is gone, and with it a join that was on its way. */
  stop() {
    this.#lifetime.abort();
    clearInterval(this.#countdown);
    this.#meter?.stop.abort();
    this.#video.srcObject = null;
  }

  /** @param {string} room */
  #build(room) {
    const menu = new ParlorDeviceMenu();
    menu.attach(this.#me, this.#saving);
    const form = h("form", { class: "join-form", novalidate: true, oninput: () => (this.#error.hidden = true), onsubmit: (/** @type {SubmitEvent} */ event) => (event.preventDefault(), void this.#join()) },
      h("h1", {}, room ? "Come in" : "Meet somebody"),
      h("p", { class: "lead" }, room ? "Everything ready? Others see you once you join." : "Name a room, send its link, and talk. Nothing to install, no account."),
      h("label", { class: "field" }, h("span", {}, "Room"), this.#room, this.#hint),
      h("label", { class: "field" }, h("span", {}, "Your name"), this.#name),
      this.#submit,
      this.#stopWaiting,
      this.#waiting,
      this.#error,
      h("details", { class: "devices" }, h("summary", { "data-testid": "devices-summary" }, "Camera, microphone, loudspeaker, video quality"), menu));
    return h("main", { class: "join" },
      h("header", { class: "join-head" }, h("a", { class: "brand", href: "/" }, "Parlor"), h("span", { class: "spring" }),
        h("a", { class: "quiet-button", href: "/check", "data-testid": "check-link" }, "Test connection"), themeButton()),
      h("div", { class: "join-body" },
        h("section", { class: "join-mirror", "aria-label": "How you look and sound" },
          h("div", { class: "preview" }, this.#avatar, this.#video,
            h("div", { class: "preview-controls" }, this.#microphone, this.#camera), this.#level),
          this.#troubles),
        form));
  }

  async #join() {
    if (!this.isOpen) return;
    const room = roomId(this.#room.value);
    const name = this.#name.value.trim();
    if (!room) return this.#refuse(this.#room, "A room’s name needs at least one letter or digit.");
    if (!name) return this.#refuse(this.#name, "Others need a name to call you by.");
    memory.setItem("parlor.name", name);
    memory.setItem("parlor.room", room);
    this.#busy(true);
    try {
      await this.#entrance.enter(room, name);
      if (this.isOpen) this.#calledOff(); // else the room has taken the page's place
    } catch (error) {
      this.#busy(false);
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  /** Whoever waits no longer has the form again. */
  #calledOff() {
    this.#busy(false);
    this.#waiting.textContent = WAIT.stopped;
  }

  /** @param {boolean} busy */
  #busy(busy) {
    this.#error.hidden = true;
    this.#waiting.textContent = "";
    clearInterval(this.#countdown);
    const keyboardIsHere = document.activeElement === this.#stopWaiting;
    this.#stopWaiting.hidden = true;
    this.#room.readOnly = this.#name.readOnly = busy; // what is typed now would be of no use
    this.#submit.disabled = busy;
    this.#submit.textContent = busy ? "Joining…" : "Join";
    if (keyboardIsHere) this.focus(); // the button is gone; the keyboard goes on with the join
  }

  /**
   * @param {HTMLInputElement} field  to be filled in otherwise
   * @param {string} sentence
   */
  #refuse(field, sentence) {
    this.#fail(sentence);
    field.focus();
  }

  /** @param {string} sentence */
  #fail(sentence) {
    this.#error.textContent = sentence;
    this.#error.hidden = false;
  }

  /** What a link cannot carry becomes something else: say so before the link is sent. */
  #showLink() {
    const id = roomId(this.#room.value);
    this.#hint.textContent = `Its link ends in /r/${id}`;
    this.#hint.hidden = id === "" || id === this.#room.value;
  }

  #drawAvatar() {
    const name = this.#name.value.trim();
    this.#avatar.textContent = name ? initials(name) : "";
    this.#avatar.style.setProperty("--hue", String(hueOf(name)));
  }

  #update() {
    const microphone = this.#me.isOn("microphone");
    const camera = this.#me.isOn("camera");
    showSwitch(this.#microphone, "mic", "microphone", microphone);
    showSwitch(this.#camera, "camera", "camera", camera);
    this.#showCamera(camera ? this.#me.devices.track("camera") : null);
    this.#showMeter(microphone ? this.#me.devices.track("microphone") : null);
    this.#showTroubles();
  }

  /** @param {MediaStreamTrack | null} track */
  #showCamera(track) {
    const shown = this.#video.srcObject instanceof MediaStream ? this.#video.srcObject.getTracks()[0] : null;
    this.#video.hidden = !track;
    if (shown !== track) this.#video.srcObject = track && new MediaStream([track]);
  }

  /** @param {MediaStreamTrack | null} track */
  #showMeter(track) {
    this.#level.hidden = !track;
    if (this.#meter?.track === track) return;
    this.#meter?.stop.abort();
    this.#meter = track && { track, stop: new AbortController() };
    if (this.#meter) meter(this.#meter.track, (level) => this.#level.style.setProperty("--level", level.toFixed(3)), this.#meter.stop.signal);
  }

  #showTroubles() {
    const failures = this.#failing().map((use) => this.#me.failure(use));
    const sentences = [...new Set(failures.map((failure) => failure?.message ?? ""))];
    if (sentences.length > 0) sentences.push("You can join without, too: to listen and watch.");
    const retried = document.activeElement === this.#again;
    this.#troubles.hidden = failures.length === 0;
    const words = [...this.#troubleWords.children].map(({ textContent }) => textContent);
    // Said once, not at every change of anything.
    if (words.join() !== sentences.join()) this.#troubleWords.replaceChildren(...sentences.map((sentence) => h("p", {}, sentence)));
    this.#again.hidden = failures.some((failure) => failure?.reason === "insecure");
    if (retried && this.#troubles.hidden) this.focus(); // the button is gone; the keyboard goes on with the join
  }

  #failing() {
    return /** @type {Capture[]} */ (["microphone", "camera"]).filter((use) => this.#me.failure(use));
  }

  async #retry() {
    const uses = this.#failing();
    if (uses.length === 2) await this.#me.prepare();
    else for (const use of uses) await this.#me.turn(use, true);
  }
}

/**
 * @param {HTMLElement} button
 * @param {"mic" | "camera"} symbol
 * @param {string} what
 * @param {boolean} on
 */
export function showSwitch(button, symbol, what, on) {
  relabel(button, on ? symbol : `${symbol}-off`, on ? `Turn ${what} off` : `Turn ${what} on`);
  button.classList.toggle("off", !on);
  button.dataset.on = String(on);
}
