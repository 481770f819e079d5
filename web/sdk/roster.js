/** Who is in the room besides us, and which track travels over which receive slot: state, without effects. */

/** @import * as wire from "../wire.d.ts" */

/**
 * A track of another peer. `media` is what to play: null while no slot carries the track.
 * @typedef {wire.Track & { media: MediaStreamTrack | null }} RemoteTrack
 */
/** @typedef {{ id: string, name: string, state: wire.PeerState, tracks: RemoteTrack[] }} RemotePeer */

export class Roster {
  /** In the order of arrival. @type {Map<string, RemotePeer>} */
  #peers = new Map();
  /** Peers known from before a resume that the server has not named again yet. @type {Set<string>} */
  #unconfirmed = new Set();
  #total = 0;
  /** Presence goes to everybody alike, so we find ourselves in it. @type {string | null} */
  #own = null;
  /** mid -> track id. @type {Map<string, string | null>} */
  #slots = new Map();
  #mediaOfMid;

  /** @param {(mid: string) => MediaStreamTrack | null} mediaOfMid  what a receive section plays */
  constructor(mediaOfMid) {
    this.#mediaOfMid = mediaOfMid;
  }

  /** @returns {ReadonlyMap<string, RemotePeer>} */
  get peers() {
    return this.#peers;
  }

  /**
   * A join was answered: `peers` is everybody else, or the first page of `peers_total`.
   * @param {Pick<wire.Joined, "peer" | "peers" | "peers_total" | "slots">} joined
   */
  reset({ peer, peers, peers_total: total, slots }) {
    this.#own = peer;
    const namesake = this.#remove([{ id: peer, reason: "lost" }]); // a server that restarted gives ids anew: ours was somebody else's
    this.#unconfirmed = new Set(this.#peers.keys());
    this.#total = total;
    this.#slots = new Map(slots.map((slot) => [slot.mid, slot.track]));
    const news = this.apply({ joined: peers, changed: [], left: [] });
    return { ...news, left: [...namesake, ...news.left] };
  }

  /**
   * @param {wire.Presence} presence
   * @returns {{ joined: RemotePeer[], changed: RemotePeer[], left: { peer: RemotePeer, reason: string }[] }}
   */
  apply({ joined, changed, left }) {
    const news = { joined: /** @type {RemotePeer[]} */ ([]), changed: /** @type {RemotePeer[]} */ ([]), left: this.#remove(left) };
    for (const peer of [...joined, ...changed]) {
      if (peer.id === this.#own) continue;
      (this.#peers.has(peer.id) ? news.changed : news.joined).push(this.#store(peer));
    }
    if (this.#unconfirmed.size > 0 && this.#peers.size - this.#unconfirmed.size >= this.#total) {
      news.left.push(...this.#remove([...this.#unconfirmed].map((id) => ({ id, reason: "lost" }))));
    }
    return news;
  }

  /**
   * @param {wire.Slot[]} slots  those that changed
   * @returns {RemotePeer[]} peers with a track that gained or lost its media
   */
  assign(slots) {
    for (const slot of slots) this.#slots.set(slot.mid, slot.track);
    return this.refreshMedia();
  }

  /**
   * The sections behind the slots may be others now.
   * @returns {RemotePeer[]} peers with a track that gained or lost its media
   */
  refreshMedia() {
    const media = this.#mediaByTrack();
    const touched = [];
    for (const peer of this.#peers.values()) {
      const changed = peer.tracks.filter((track) => track.media !== (media.get(track.id) ?? null));
      for (const track of changed) track.media = media.get(track.id) ?? null;
      if (changed.length > 0) touched.push(peer);
    }
    return touched;
  }

  /**
   * The track that a receive section carries now.
   * @param {string} mid
   */
  trackOf(mid) {
    return this.#slots.get(mid) ?? null;
  }

  /** Whether somebody sends the track now. @param {string} id */
  isOn(id) {
    return [...this.#peers.values()].some(({ tracks }) => tracks.some((track) => track.id === id && track.on));
  }

  /** Whether something should be arriving now: a microphone that is on has a slot. */
  get expectsAudio() {
    const carried = new Set(this.#slots.values());
    return [...this.#peers.values()].some((peer) =>
      peer.state === "connected" && peer.tracks.some((track) => track.kind === "audio" && track.on && carried.has(track.id)));
  }

  /** @param {wire.Peer} peer */
  #store(peer) {
    this.#unconfirmed.delete(peer.id);
    const media = this.#mediaByTrack();
    const tracks = peer.tracks.map((track) => ({ ...track, media: media.get(track.id) ?? null }));
    const known = this.#peers.get(peer.id);
    if (known) return Object.assign(known, peer, { tracks });
    const stored = { ...peer, tracks };
    this.#peers.set(peer.id, stored);
    return stored;
  }

  /** @param {wire.Left[]} left */
  #remove(left) {
    return left.flatMap(({ id, reason }) => {
      const peer = this.#peers.get(id);
      this.#peers.delete(id);
      this.#unconfirmed.delete(id);
      return peer ? [{ peer, reason }] : [];
    });
  }

  #mediaByTrack() {
    /** @type {Map<string, MediaStreamTrack | null>} */
    const media = new Map();
    for (const [mid, track] of this.#slots) if (track !== null) media.set(track, this.#mediaOfMid(mid));
    return media;
  }
}
