/** Plays everybody's sound, each through an element of its own, and knows when the browser will not let it. */

import { Events } from "../sdk/events.js";
import { h } from "./dom.js";

/** @import { RemotePeer } from "../sdk/roster.js" */

/** @extends {Events<{ blocked: boolean }>} */
export class Sound extends Events {
  /** Holds the audio elements; put it anywhere in the page. */
  element = h("div", { hidden: true, "data-testid": "sounds" });
  /** By track id. @type {Map<string, HTMLAudioElement>} */
  #players = new Map();
  /** By peer, where it is another one than full; for this call. @type {Map<string, number>} */
  #volumes = new Map();
  #blocked = false;
  #sink;

  /** @param {string} sink  the loudspeaker's device id; "" is the system's default */
  constructor(sink) {
    super();
    this.#sink = sink;
  }

  static get canChooseLoudspeaker() {
    return "setSinkId" in HTMLMediaElement.prototype;
  }

  get blocked() {
    return this.#blocked;
  }

  /**
   * Plays exactly the audio that there is.
   * @param {Iterable<RemotePeer>} peers
   */
  play(peers) {
    const audible = new Set();
    for (const peer of peers) {
      for (const track of peer.tracks) {
        if (track.kind !== "audio" || !track.media) continue;
        audible.add(track.id);
        this.#playTrack(peer.id, track.id, track.media);
      }
    }
    for (const id of this.#players.keys()) if (!audible.has(id)) this.#stop(id);
  }

  /**
   * How loud a person is played, 0 to 1.
   * @param {string} peer
   */
  volumeOf(peer) {
    return this.#volumes.get(peer) ?? 1;
  }

  /**
   * @param {string} peer
   * @param {number} volume
   */
  setVolume(peer, volume) {
    this.#volumes.set(peer, volume);
    for (const player of this.#players.values()) if (player.dataset.peer === peer) player.volume = volume;
  }

  /** Call it from a click: then the browser allows it. */
  async unblock() {
    this.#setBlocked(false);
    await Promise.all([...this.#players.values()].map((player) => this.#start(player)));
  }

  /** @param {string} sink */
  async choose(sink) {
    this.#sink = sink;
    await Promise.all([...this.#players.values()].map((player) => this.#direct(player)));
  }

  stop() {
    for (const id of [...this.#players.keys()]) this.#stop(id);
  }

  /**
   * @param {string} peer
   * @param {string} id
   * @param {MediaStreamTrack} media
   */
  #playTrack(peer, id, media) {
    const known = this.#players.get(id);
    if (known && streamOf(known)?.getTracks()[0] === media) return;
    const player = known ?? h("audio", { "data-peer": peer, "data-track": id });
    if (!known) {
      player.volume = this.volumeOf(peer);
      this.#players.set(id, player);
      this.element.append(player);
      this.#direct(player);
    }
    player.srcObject = new MediaStream([media]);
    this.#start(player);
  }

  /** @param {HTMLAudioElement} player */
  async #start(player) {
    try {
      await player.play();
    } catch (error) {
      // AbortError: the track was changed or removed meanwhile, which is nothing to tell anyone.
      if (error instanceof Error && error.name === "NotAllowedError") this.#setBlocked(true);
    }
  }

  /** @param {HTMLAudioElement} player */
  async #direct(player) {
    if (!Sound.canChooseLoudspeaker || player.sinkId === this.#sink) return;
    // A remembered loudspeaker that is not plugged in today: the system's default plays instead.
    await player.setSinkId(this.#sink).catch(() => player.setSinkId(""));
  }

  /** @param {string} id */
  #stop(id) {
    const player = this.#players.get(id);
    if (!player) return;
    this.#players.delete(id);
    player.srcObject = null;
    player.remove();
  }

  /** @param {boolean} blocked */
  #setBlocked(blocked) {
    if (blocked === this.#blocked) return;
    this.#blocked = blocked;
    this.emit("blocked", blocked);
  }
}

/** @param {HTMLMediaElement} element */
function streamOf(element) {
  return element.srcObject instanceof MediaStream ? element.srcObject : null;
}
