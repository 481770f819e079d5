/** Cameras, microphones and loudspeakers: which there are, which one is chosen, and what it captures now. */

import { SCREEN_FPS } from "./encodings.js";
import { ParlorError } from "./error.js";
import { Events } from "./events.js";

/** @typedef {"microphone" | "camera"} Capture */
/** @typedef {Capture | "loudspeaker"} DeviceUse */
/** @typedef {{ id: string, label: string }} Device */
/** Remembers choices between visits. @typedef {Pick<Storage, "getItem" | "setItem">} Memory */

/** @type {Record<DeviceUse, MediaDeviceKind>} */
const KINDS = { microphone: "audioinput", camera: "videoinput", loudspeaker: "audiooutput" };

/**
 * @typedef {object} DeviceEvents
 * @property {DeviceUse[]} list  devices came, went, or got their names
 * @property {Capture} track  `track(use)` is another one now (or null)
 * @property {{ use: Capture, name: string, replacement: string | null }} lost  a device in use was unplugged or taken away
 * @property {{ use: Capture, paused: boolean }} paused  the system holds back what a device captures
 */

/** @extends {Events<DeviceEvents>} */
export class Devices extends Events {
  #media;
  #memory;
  /** @type {Record<DeviceUse, Device[]>} */
  #lists = { microphone: [], camera: [], loudspeaker: [] };
  /** @type {Map<Capture, MediaStreamTrack>} */
  #tracks = new Map();
  /** Per use, so that of two changes at once the later one wins. @type {Record<Capture, number>} */
  #generation = { microphone: 0, camera: 0 };

  /**
   * @param {{ media?: MediaDevices, memory?: Memory }} [options]  `media` is missing on insecure pages
   */
  constructor({ media = globalThis.navigator?.mediaDevices, memory } = {}) {
    super();
    this.#media = media;
    this.#memory = memory;
    media?.addEventListener?.("devicechange", () => this.refresh());
  }

  /** Whether the browser gives this page devices at all. */
  get available() {
    return typeof this.#media?.getUserMedia === "function";
  }

  get canShareScreen() {
    return typeof this.#media?.getDisplayMedia === "function";
  }

  /**
   * @param {DeviceUse} use
   * @returns {readonly Device[]}
   */
  list(use) {
    return this.#lists[use];
  }

  /**
   * What is captured now.
   * @param {Capture} use
   */
  track(use) {
    return this.#tracks.get(use) ?? null;
  }

  /**
   * The device in use, or the remembered choice; "" is the system's default.
   * @param {DeviceUse} use
   */
  chosen(use) {
    const current = use === "loudspeaker" ? undefined : this.#tracks.get(use)?.getSettings().deviceId;
    return current ?? this.#memory?.getItem(`parlor.${use}`) ?? "";
  }

  /** Sound as it is, without echo cancellation and noise suppression: for music and headphones. */
  get originalSound() {
    return this.#memory?.getItem("parlor.original_sound") === "on";
  }

  /** @param {boolean} on */
  async setOriginalSound(on) {
    this.#memory?.setItem("parlor.original_sound", on ? "on" : "off");
    if (this.#tracks.has("microphone")) await this.start("microphone");
  }

  async refresh() {
    if (!this.#media?.enumerateDevices) return;
    const all = await this.#media.enumerateDevices();
    for (const use of /** @type {DeviceUse[]} */ (Object.keys(KINDS))) {
      this.#lists[use] = all
        .filter((device) => device.kind === KINDS[use])
        .map((device, index) => ({ id: device.deviceId, label: device.label || `${capitalised(use)} ${index + 1}` }));
    }
    this.emit("list", /** @type {DeviceUse[]} */ (Object.keys(KINDS)));
  }

  /**
   * Makes a device the one to use next time, without starting anything.
   * @param {DeviceUse} use
   * @param {string} id
   */
  prefer(use, id) {
    this.#memory?.setItem(`parlor.${use}`, id);
  }

  /**
   * Makes a device the one to use, now and next time.
   * @param {DeviceUse} use
   * @param {string} id
   */
  async choose(use, id) {
    this.prefer(use, id);
    if (use !== "loudspeaker") await this.start(use);
  }

  /**
   * Asks for both at once, so that the browser asks the person once; what is missing or busy does not keep the other from starting.
   * @returns {Promise<Partial<Record<Capture, ParlorError>>>} what did not start, and why
   */
  async startBoth() {
    /** @type {Partial<Record<Capture, ParlorError>>} */
    const failures = {};
    const generations = { microphone: ++this.#generation.microphone, camera: ++this.#generation.camera };
    try {
      const stream = await this.#open({ audio: this.#constraints("microphone"), video: this.#constraints("camera") }, "microphone");
      for (const track of stream.getTracks()) {
        const use = track.kind === "audio" ? "microphone" : "camera";
        this.#adopt(use, track, generations[use]);
      }
    } catch (error) {
      const together = /** @type {ParlorError} */ (error);
      for (const use of /** @type {Capture[]} */ (["microphone", "camera"])) {
        // Asking again after a refusal would only be refused again, and a browser may hold it against the page.
        if (together.reason === "denied" && !(await this.#granted(use))) failures[use] = explain(together.cause, use);
        else if (together.reason === "insecure") failures[use] = together;
        else await this.start(use).catch((alone) => (failures[use] = alone));
      }
      const { microphone, camera } = failures;
      if (microphone?.reason === "denied" && camera?.reason === "denied") {
        failures.microphone = failures.camera = explain(together.cause, "camera and microphone");
      }
    }
    await this.refresh();
    return failures;
  }

  /**
   * Starts capturing with the chosen device, or changes to it.
   * @param {Capture} use
   * @returns {Promise<MediaStreamTrack | null>} null when a later start or stop overtook this one; rejects with a ParlorError in words
   */
  async start(use) {
    const generation = ++this.#generation[use];
    // Some systems give a camera to one user at a time, and phones one camera at all: let go of the old one first.
    if (use === "camera") this.#tracks.get(use)?.stop();
    const stream = await this.#open(use === "microphone" ? { audio: this.#constraints(use) } : { video: this.#constraints(use) }, use).catch((error) => {
      if (use === "camera" && generation === this.#generation[use]) this.stop(use); // the old one is gone already
      throw error;
    });
    const [track] = stream.getTracks();
    this.#adopt(use, track, generation);
    await this.refresh();
    return this.track(use);
  }

  /**
   * Stops capturing: the light goes off.
   * @param {Capture} use
   */
  stop(use) {
    this.#generation[use] += 1;
    const track = this.#tracks.get(use);
    if (!track) return;
    this.#tracks.delete(use);
    track.stop();
    this.emit("track", use);
  }

  /**
   * Asks for a screen, window or tab, with its sound where the browser offers it.
   * @returns {Promise<{ screen: MediaStreamTrack, sound: MediaStreamTrack | null } | null>} null when the person changed their mind
   */
  async shareScreen() {
    if (!this.#media) throw insecure();
    try {
      const stream = await this.#media.getDisplayMedia({
        video: { frameRate: { ideal: SCREEN_FPS, max: SCREEN_FPS } }, // what is not sent need not be captured
        audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
      });
      const [screen] = stream.getVideoTracks();
      screen.contentHint = "detail";
      return { screen, sound: stream.getAudioTracks()[0] ?? null };
    } catch (error) {
      if (error instanceof Error && (error.name === "NotAllowedError" || error.name === "AbortError")) return null;
      throw new ParlorError("no_screen", `The screen could not be shared: ${error instanceof Error ? error.message : error}`);
    }
  }

  /**
   * @param {MediaStreamConstraints} constraints
   * @param {Capture} use
   */
  async #open(constraints, use) {
    if (!this.available || !this.#media) throw insecure();
    try {
      return await this.#media.getUserMedia(constraints);
    } catch (error) {
      throw explain(error, use);
    }
  }

  /**
   * @param {Capture} use
   * @returns {MediaTrackConstraints}
   */
  #constraints(use) {
    const id = this.#memory?.getItem(`parlor.${use}`);
    // `ideal`: a remembered device that is not plugged in today is no reason to have none.
    const deviceId = id ? { ideal: id } : undefined;
    if (use === "camera") return { deviceId, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
    const processed = !this.originalSound;
    return { deviceId, echoCancellation: processed, noiseSuppression: processed, autoGainControl: processed };
  }

  /**
   * @param {Capture} use
   * @param {MediaStreamTrack} track
   * @param {number} generation
   */
  #adopt(use, track, generation) {
    if (generation !== this.#generation[use]) return track.stop();
    this.#tracks.get(use)?.stop();
    this.#tracks.set(use, track);
    track.contentHint = use === "microphone" && !this.originalSound ? "speech" : "";
    track.addEventListener("ended", () => this.#lost(use, track));
    track.addEventListener("mute", () => this.emit("paused", { use, paused: true }));
    track.addEventListener("unmute", () => this.emit("paused", { use, paused: false }));
    this.emit("track", use);
  }

  /**
   * Unplugged, or taken away by the system or another program: go on with another device if there is one.
   * @param {Capture} use
   * @param {MediaStreamTrack} track
   */
  async #lost(use, track) {
    if (this.#tracks.get(use) !== track) return;
    const lostId = track.getSettings().deviceId;
    this.#tracks.delete(use);
    await this.refresh();
    const others = this.#lists[use].some((device) => device.id !== lostId);
    const replacement = others ? await this.start(use).catch(() => null) : null; // its absence is what `lost` reports
    if (!replacement) this.emit("track", use);
    this.emit("lost", { use, name: track.label || use, replacement: replacement?.label ?? null });
  }

  /** @param {Capture} use */
  async #granted(use) {
    try {
      const status = await navigator.permissions.query({ name: /** @type {PermissionName} */ (use) });
      return status.state === "granted";
    } catch {
      return false; // this browser does not tell
    }
  }
}

function insecure() {
  return new ParlorError("insecure", "Browsers give camera and microphone only to secure pages. Open this page over https, or on localhost.");
}

/**
 * The browser's error as a sentence for the person in front of it.
 * @param {unknown} error
 * @param {string} device  as people call it
 */
export function explain(error, device) {
  const name = error instanceof Error ? error.name : "";
  const [reason, message] = WORDS[name] ?? ["failed", (/** @type {string} */ what) => `The ${what} could not be started.`];
  const explained = new ParlorError(reason, message(device));
  explained.cause = error;
  return explained;
}

/** @type {Record<string, [reason: string, message: (device: string) => string]>} */
const WORDS = {
  NotAllowedError: ["denied", (device) => `This page may not use your ${device}. Allow it in the address bar or in the settings of your browser or system, then try again.`],
  SecurityError: ["denied", (device) => `This page may not use your ${device}: the browser's settings forbid it.`],
  NotFoundError: ["missing", (device) => `No ${device} was found. Plug one in and try again.`],
  OverconstrainedError: ["missing", (device) => `The chosen ${device} is not there. Choose another one.`],
  NotReadableError: ["busy", (device) => `The ${device} is busy: another program may be using it. Close that program and try again.`],
  AbortError: ["busy", (device) => `The ${device} stopped while it was starting. Try again.`],
};

/** @param {string} word */
function capitalised(word) {
  return word[0].toUpperCase() + word.slice(1);
}
