/** What we send: which track stands for which source, on whichever connection there is, and what the server believes of it. */

/** @import { Connection } from "./connection.js" */
/** @import { OwnTrack, Source } from "../wire.d.ts" */
/** @import { WantedTrack } from "../wire.d.ts" */

export class Publications {
  #connection;
  /** @type {Map<Source, MediaStreamTrack>} */
  #bySource = new Map();
  /** @type {MediaStreamTrack[]} */
  #custom = [];
  /** Our tracks at the server, by the mid of their section. @type {Map<string, OwnTrack>} */
  #known = new Map();
  /** What others need, by track: the word may come before we know which section the track has. @type {Map<string, WantedTrack>} */
  #wanted = new Map();
  #limited = false;

  /** @param {Connection} connection */
  constructor(connection) {
    this.#connection = connection;
  }

  /** All but the custom ones. @returns {ReadonlyMap<Source, MediaStreamTrack>} */
  get bySource() {
    return this.#bySource;
  }

  /** A new connection sends what the old one sent, and its smallest layers only: what others need of it, they have yet to say. @param {Connection} connection */
  async moveTo(connection) {
    this.#connection = connection;
    this.#wanted.clear();
    this.limit(this.#limited);
    for (const [source, track] of this.#bySource) await connection.attach(source, track);
    for (const track of this.#custom) await connection.addCustom(track);
  }

  /**
   * @param {Source} source
   * @param {MediaStreamTrack} track
   */
  async add(source, track) {
    this.#bySource.set(source, track);
    await this.#connection.attach(source, track);
  }

  /** @param {Source} source */
  async remove(source) {
    if (this.#bySource.delete(source)) await this.#connection.attach(source, null);
  }

  /**
   * @param {MediaStreamTrack} track
   * @returns {Promise<{ known: boolean }>} `known`: the server has its section from an earlier offer; rejects with `too_many_tracks`
   */
  async addCustom(track) {
    if (this.#custom.includes(track)) return { known: true };
    const mid = await this.#connection.addCustom(track);
    this.#custom.push(track);
    return { known: mid !== null && this.#known.has(mid) };
  }

  /** @param {MediaStreamTrack | undefined} track */
  async removeCustom(track) {
    this.#custom = this.#custom.filter((custom) => custom !== track);
    await this.#connection.detach(track);
  }

  /** What the server knows of us. @param {OwnTrack[]} tracks */
  remember(tracks) {
    this.#known = new Map(tracks.map((track) => [track.mid, track]));
    this.#switchLayers();
  }

  /** Which layers of which of our tracks others need, and as what. @param {readonly WantedTrack[]} tracks */
  want(tracks) {
    for (const wanted of tracks) this.#wanted.set(wanted.track, wanted);
    this.#switchLayers();
  }

  /** Whether the camera sends its smallest layer only. @param {boolean} limited */
  limit(limited) {
    this.#limited = limited;
    this.#connection.limit("camera", limited);
  }

  #switchLayers() {
    for (const { id, mid } of this.#known.values()) {
      const wanted = this.#wanted.get(id);
      if (wanted) this.#connection.want(mid, wanted);
    }
  }

  /** What has to be said so that the server believes what is true; whoever takes it says it. */
  takeCorrections() {
    return this.#connection.senders().flatMap(({ mid, on }) => {
      const known = this.#known.get(mid);
      if (!known || known.on === on) return [];
      known.on = on;
      return [{ track: known.id, on }];
    });
  }
}
