/** One RTCPeerConnection for both directions: senders offered before they have a track, and receive slots in pairs. */

import { codecNamed, everPlainer, inCodec, offeredCodecs, videoEncodings } from "./encodings.js";
import { ParlorError } from "./error.js";
import { Events } from "./events.js";
import { Layers } from "./layers.js";

/** @import { Kind, Sender, Source, WantedTrack } from "../wire.d.ts" */
/** @import { VideoCodec } from "./encodings.js" */

/** Receive slots offered at the join: with them a room of five needs no second offer. */
export const FIRST_SLOT_PAIRS = 4;

/** What the server takes from one peer (docs/protocol.md, `senders`): an offer with more is refused, whatever else it asks for. */
export const MAX_SENDERS = 16;

/** What a client may publish without a new offer, in the order of the offer's sections. @type {readonly { source: Source, kind: Kind }[]} */
const STANDING_SENDERS = [
  { source: "microphone", kind: "audio" },
  { source: "camera", kind: "video" },
  { source: "screen", kind: "video" },
  { source: "screen_audio", kind: "audio" },
];

/** @type {RTCConfiguration} */
const BUNDLED = { bundlePolicy: "max-bundle" };

/** @type {Partial<Record<Source, RTCRtpEncodingParameters>>} */
const AUDIO_ENCODINGS = {
  microphone: { priority: "high", networkPriority: "high" },
  screen_audio: { maxBitrate: 128_000 },
};

/**
 * `custom`: the application's own track it is for now; `layers`: of video.
 * @typedef {{ source: Source, kind: Kind, transceiver: RTCRtpTransceiver, layers: Layers | null, custom: MediaStreamTrack | null }} SendSection
 */

/** @extends {Events<{ state: RTCPeerConnectionState }>} */
export class Connection extends Events {
  /** @type {RTCPeerConnection} */
  #rtc;
  #codec;
  /** @type {SendSection[]} */
  #senders = [];
  /** @type {{ audio: RTCRtpTransceiver[], video: RTCRtpTransceiver[] }} */
  #slots = { audio: [], video: [] };
  /** Whether there is an offer that no server has seen yet. @type {Promise<boolean>} */
  #prepared = Promise.resolve(false);

  /**
   * @param {object} [options]
   * @param {(config: RTCConfiguration) => RTCPeerConnection} [options.create]
   * @param {number} [options.slotPairs]
   * @param {VideoCodec | null} [options.codec]  the one to send video with; without one the server chooses
   */
  constructor({ create = (config) => new RTCPeerConnection(config), slotPairs = FIRST_SLOT_PAIRS, codec = null } = {}) {
    super();
    this.#codec = codec;
    this.#rtc = create(BUNDLED);
    this.#rtc.addEventListener("connectionstatechange", () => this.emit("state", this.state));
    for (const { source, kind } of STANDING_SENDERS) this.#addSender(source, kind);
    this.growSlots({ audio: slotPairs, video: slotPairs });
  }

  /** @returns {RTCPeerConnectionState} */
  get state() {
    return this.#rtc.connectionState;
  }

  /** Whether an offer went out that no answer came to. */
  get unanswered() {
    return this.#rtc.signalingState === "have-local-offer";
  }

  /** Whether nothing leaves, so that nothing has to come back. */
  get sendsNothing() {
    return this.#senders.every(({ transceiver: { sender }, layers }) => sender.track === null || layers?.isOff === true);
  }

  /** How many receive sections of each kind there are. */
  get slotPairs() {
    return Math.max(this.#slots.audio.length, this.#slots.video.length);
  }

  /**
   * Makes room for more incoming tracks; the next offer tells the server.
   * Audio and video are added in turn, because the nth of one and the nth of the other make a pair.
   * @param {{ audio: number, video: number }} wanted  how many of each there should be at least
   */
  growSlots({ audio, video }) {
    while (this.#slots.audio.length < audio || this.#slots.video.length < video) {
      if (this.#slots.audio.length < audio) this.#slots.audio.push(this.#rtc.addTransceiver("audio", { direction: "recvonly" }));
      if (this.#slots.video.length < video) this.#slots.video.push(this.#rtc.addTransceiver("video", { direction: "recvonly" }));
    }
  }

  /** Makes the first offer ahead of time, for the first `offer` to take. What goes wrong goes wrong again with that, and is told there. */
  prepareOffer() {
    this.#prepared = this.#makeOffer().then(() => true, () => false);
  }

  /** @param {{ iceRestart?: boolean }} [options] */
  async offer({ iceRestart = false } = {}) {
    const isPrepared = await this.#prepared;
    this.#prepared = Promise.resolve(false);
    if (iceRestart) this.#rtc.restartIce();
    if (iceRestart || !isPrepared || !this.#isOffered) await this.#makeOffer();
    return { offer: this.#rtc.localDescription?.sdp ?? "", senders: this.senders() };
  }

  /**
   * Ways around what lets neither UDP nor TCP of the server through, for whatever looks for a path from now on: a first offer, or an ICE restart.
   * @param {RTCIceServer[]} servers
   */
  useServers(servers) {
    this.#rtc.setConfiguration({ ...BUNDLED, iceServers: servers });
  }

  /** @param {string} sdp */
  async accept(sdp) {
    await this.#rtc.setRemoteDescription({ type: "answer", sdp });
  }

  /** The offered senders, as they are now. @returns {Sender[]} */
  senders() {
    return this.#senders.flatMap(({ source, kind, transceiver: { mid, sender } }) => {
      if (mid === null) return []; // not offered yet
      const on = sender.track !== null;
      return [source === "custom" ? { mid, source, kind, on } : { mid, source, on }]; // the others' kind is in their name
    });
  }

  /**
   * Starts, changes or (with null) stops what a source sends. No negotiation.
   * @param {Source} source
   * @param {MediaStreamTrack | null} track
   */
  async attach(source, track) {
    const section = this.#senders.find((sender) => sender.source === source);
    if (track) section?.layers?.fit(track); // before its first frame
    await section?.transceiver.sender.replaceTrack(track);
  }

  /**
   * Others need these layers of what the section `mid` sends, and no others, and may need them as another codec.
   * @param {string} mid
   * @param {WantedTrack} wanted
   */
  want(mid, { layers, payload_type, spatial_layers }) {
    this.#senders.find(({ transceiver }) => transceiver.mid === mid)?.layers?.want(layers, payload_type, spatial_layers);
  }

  /**
   * Whether a source sends nothing but its smallest layer, whatever others need.
   * @param {Source} source
   * @param {boolean} on
   */
  limit(source, on) {
    this.#senders.find((sender) => sender.source === source)?.layers?.limit(on);
  }

  /**
   * A sender of the application's own: a section that an earlier one left empty, or else a new one, which exists for others after the next offer.
   * @param {MediaStreamTrack} track
   * @returns {Promise<string | null>} the section's mid, null before its first offer; rejects with `too_many_tracks`
   */
  async addCustom(track) {
    const empty = this.#senders.find(({ source, kind, custom }) => source === "custom" && kind === track.kind && custom === null);
    if (!empty && this.#senders.length >= MAX_SENDERS) {
      throw new ParlorError("too_many_tracks", `One person can publish ${MAX_SENDERS - STANDING_SENDERS.length} tracks of their own at most.`);
    }
    const section = empty ?? this.#addSender("custom", /** @type {Kind} */ (track.kind));
    section.custom = track; // taken from now on: replaceTrack takes its time
    await section.transceiver.sender.replaceTrack(track);
    return section.transceiver.mid;
  }

  /**
   * Stops the custom sender of `track`; its section stays, empty, for the next one.
   * @param {MediaStreamTrack | undefined} track
   */
  async detach(track) {
    const section = this.#senders.find(({ custom }) => track && custom === track);
    if (!section) return;
    await section.transceiver.sender.replaceTrack(null);
    section.custom = null;
  }

  /**
   * What the receive section `mid` plays.
   * @param {string} mid
   * @returns {MediaStreamTrack | null}
   */
  mediaOf(mid) {
    const slot = [...this.#slots.audio, ...this.#slots.video].find((transceiver) => transceiver.mid === mid);
    return slot?.receiver.track ?? null;
  }

  /**
   * What the send section `mid` is for.
   * @param {string} mid
   * @returns {Source | null}
   */
  sourceOf(mid) {
    return this.#senders.find(({ transceiver }) => transceiver.mid === mid)?.source ?? null;
  }

  /** @returns {Promise<RTCStatsReport>} */
  stats() {
    return this.#rtc.getStats();
  }

  close() {
    this.#rtc.close();
  }

  async #makeOffer() {
    await this.#rtc.setLocalDescription(await this.#rtc.createOffer());
  }

  /** Whether every sender is part of an offer. */
  get #isOffered() {
    return this.#senders.every(({ transceiver: { mid } }) => mid !== null);
  }

  /**
   * @param {Source} source
   * @param {Kind} kind
   */
  #addSender(source, kind) {
    const { transceiver, layers } = kind === "audio" ? this.#addAudio(source) : this.#addVideo(source);
    /** @type {SendSection} */
    const section = { source, kind, transceiver, layers, custom: null };
    this.#senders.push(section);
    return section;
  }

  /** @param {Source} source */
  #addAudio(source) {
    return { transceiver: this.#rtc.addTransceiver("audio", { direction: "sendonly", sendEncodings: [AUDIO_ENCODINGS[source] ?? {}] }), layers: null };
  }

  /** @param {Source} source */
  #addVideo(source) {
    const known = globalThis.RTCRtpSender?.getCapabilities("video")?.codecs ?? [];
    const chosen = this.#codec && codecNamed(this.#codec, known);
    if (!this.#codec || !chosen) return this.#offerVideo(everPlainer(videoEncodings(source, "vp8")));
    const plans = everPlainer(videoEncodings(source, this.#codec));
    const named = plans[0].map((encoding) => ({ ...encoding, ...inCodec(encoding, chosen) }));
    const added = this.#offerVideo([named, ...plans]);
    // A browser that does not know the codec of an encoding leaves it out, and sends what the answer has first.
    const switches = added.transceiver.sender.getParameters().encodings.some((encoding) => "codec" in encoding);
    added.transceiver.setCodecPreferences(offeredCodecs(this.#codec, known, { switches }));
    return added;
  }

  /**
   * @param {RTCRtpEncodingParameters[][]} plans  the first that the browser takes is offered
   * @returns {{ transceiver: RTCRtpTransceiver, layers: Layers }}
   */
  #offerVideo([plan, ...plainer]) {
    try {
      const transceiver = this.#rtc.addTransceiver("video", { direction: "sendonly", sendEncodings: plan });
      return { transceiver, layers: new Layers(transceiver.sender, plan) };
    } catch (error) {
      if (plainer.length === 0) throw error;
      return this.#offerVideo(plainer);
    }
  }
}
