/** What this person gives the room: microphone, camera and screen, on or off, whatever happens to the devices. */

import { Events } from "../sdk/events.js";
import { ParlorError } from "../sdk/index.js";
import { lostDeviceWords } from "./words.js";

/** @import { Devices, Room } from "../sdk/index.js" */
/** @import { Capture } from "../sdk/devices.js" */
/** @import { Memory } from "./preferences.js" */

/** @typedef {{ screen: MediaStreamTrack, sound: MediaStreamTrack | null }} Share */

/** @type {readonly Capture[]} */
const CAPTURES = ["microphone", "camera"];

/** @extends {Events<{ change: void, failure: ParlorError }>} */
export class Me extends Events {
  #memory;
  /** @type {Room | null} */
  #room = null;
  /** @type {Record<Capture, boolean>} */
  #wanted;
  /** Why a device is not on although it should be. @type {Partial<Record<Capture, ParlorError>>} */
  #failures = {};
  /** @type {Share | null} */
  #share = null;
  /** The browser is asking which screen. */
  #picking = false;

  /**
   * @param {Devices} devices
   * @param {Memory} memory
   */
  constructor(devices, memory) {
    super();
    this.devices = devices;
    this.#memory = memory;
    this.#wanted = { microphone: memory.getItem("parlor.microphone_on") !== "no", camera: memory.getItem("parlor.camera_on") !== "no" };
    devices.on("track", (use) => this.#deviceChanged(use));
    devices.on("lost", (lost) => this.#deviceLost(lost));
  }

  /** @param {Capture} use */
  isOn(use) {
    return this.#wanted[use] && this.devices.track(use) !== null;
  }

  /** @param {Capture} use */
  failure(use) {
    return this.#failures[use] ?? null;
  }

  /** The shared screen, while there is one. */
  get screen() {
    return this.#share?.screen ?? null;
  }

  /** Starts whatever should be on. */
  async prepare() {
    const missing = CAPTURES.filter((use) => this.#wanted[use] && !this.devices.track(use));
    if (missing.length === 2) this.#failures = await this.devices.startBoth();
    else for (const use of missing) await this.#start(use);
    this.emit("change", undefined);
  }

  /**
   * @param {Capture} use
   * @param {boolean} on
   */
  async turn(use, on) {
    this.#wanted[use] = on;
    this.#memory.setItem(`parlor.${use}_on`, on ? "yes" : "no");
    delete this.#failures[use];
    if (on && !this.devices.track(use)) await this.#start(use);
    // The camera's light has to go off. A muted microphone stays open, so that unmuting is instant; nothing of it is sent.
    else if (!on && use === "camera") this.devices.stop(use);
    await this.#publish(use);
    this.emit("change", undefined);
  }

  /** @param {Capture} use */
  toggle(use) {
    return this.turn(use, !this.isOn(use));
  }

  /**
   * Chooses a device; one that fails leaves its reason in `failure`. What is off stays off: the choice is for later.
   * @param {Capture} use
   * @param {string} id
   */
  async choose(use, id) {
    delete this.#failures[use];
    const inUse = this.#wanted[use] || this.devices.track(use) !== null; // a muted microphone is open
    if (inUse) await this.devices.choose(use, id).catch((error) => this.#fail(use, error));
    else this.devices.prefer(use, id);
    this.emit("change", undefined);
  }

  /** Gives everything that is on to a room that is about to be joined. @param {Room} room */
  async enter(room) {
    this.#room = room;
    for (const use of CAPTURES) await this.#publish(use);
  }

  /** The room is over, or was never joined. @param {Room} room */
  leave(room) {
    if (room !== this.#room) return; // another one has been entered since
    this.#endShare();
    this.#room = null;
  }

  /** Everything off, for a page that shows nothing of it. */
  rest() {
    for (const use of CAPTURES) this.devices.stop(use);
  }

  /** @returns {Promise<void>} rejects with a ParlorError in words */
  async shareScreen() {
    const room = this.#room;
    if (!room || this.#share || this.#picking) return;
    this.#picking = true;
    const share = await this.devices.shareScreen().finally(() => (this.#picking = false));
    if (!share) return;
    if (room !== this.#room) return stop(share); // the call ended while the person was choosing
    this.#share = share;
    share.screen.addEventListener("ended", () => void (share === this.#share && this.stopSharing())); // the browser's own "stop sharing"
    await room.publish("screen", share.screen);
    if (share.sound && share === this.#share) await room.publish("screen_audio", share.sound);
    this.emit("change", undefined);
  }

  async stopSharing() {
    const room = this.#room;
    this.#endShare();
    await room?.unpublish("screen");
    await room?.unpublish("screen_audio");
    this.emit("change", undefined);
  }

  #endShare() {
    if (this.#share) stop(this.#share);
    this.#share = null;
  }

  /** @param {Capture} use */
  async #start(use) {
    await this.devices.start(use).catch((error) => this.#fail(use, error));
  }

  /**
   * @param {Capture} use
   * @param {ParlorError} error
   */
  #fail(use, error) {
    this.#failures[use] = error;
    this.emit("failure", error);
  }

  /** @param {Capture} use */
  async #deviceChanged(use) {
    await this.#publish(use);
    this.emit("change", undefined);
  }

  /** @param {{ use: Capture, name: string, replacement: string | null }} lost */
  #deviceLost(lost) {
    // The sentence is shown by whoever listens to `lost`; here it stays for as long as the device is off.
    if (lost.replacement === null) this.#failures[lost.use] = new ParlorError("missing", lostDeviceWords(lost));
    this.emit("change", undefined);
  }

  /** @param {Capture} use */
  async #publish(use) {
    const track = this.devices.track(use);
    if (track && this.#wanted[use]) await this.#room?.publish(use, track);
    else await this.#room?.unpublish(use);
  }
}

/** Both: while one of them lives, the browser says that the screen is shared. @param {Share} share */
function stop({ screen, sound }) {
  screen.stop();
  sound?.stop();
}
