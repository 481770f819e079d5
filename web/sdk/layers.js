/** Which of its encodings one sender of video has on, and as which codec: what somebody needs, and no more, one change after the other. */

import { hasSizes, inCodec, upToSize } from "./encodings.js";
import { ParlorError } from "./error.js";

/** The layer of a track that has one encoding. */
const ONLY = "";

/**
 * Chromium sends no more sizes of a picture than this: of three that are switched on, it would leave out the largest.
 * @type {readonly { pixels: number, sizes: number }[]}
 */
const SIZES = [{ pixels: 960 * 540, sizes: 3 }, { pixels: 480 * 270, sizes: 2 }, { pixels: 0, sizes: 1 }];

/**
 * What browsers refuse a codec with that they cannot change to: it is none of those agreed on or has no such layers (InvalidModificationError, in
 * Chromium, Safari and Firefox), or its parameters are not understood at all. Everything else passes: an offer that is under way (InvalidStateError), an
 * encoder that is taken by somebody else (OperationError).
 */
const CANNOT = ["InvalidModificationError", "NotSupportedError", "TypeError"];

/**
 * What the choice depends on. `wanted`: the layers somebody needs, null while nobody has said; `spatial`: how many sizes inside one layer somebody
 * needs, null for all; `sizes`: how many the picture is large enough for; `lowestOnly`: this side saves, whatever others would like; `payloadType`:
 * what all can decode, null when the codec is ours to choose.
 * @typedef {{ wanted: readonly string[] | null, spatial: number | null, sizes: number, lowestOnly: boolean, payloadType: number | null }} Need
 */

/**
 * How each encoding is to be now.
 * @param {readonly RTCRtpEncodingParameters[]} plan  as they were offered, lowest first
 * @param {Need} need
 * @returns {RTCRtpEncodingParameters[]} only what is to be as it says
 */
export function chooseLayers(plan, { wanted, spatial, sizes, lowestOnly }) {
  const highest = Math.min(plan.length, sizes) - 1;
  const rids = plan.map(({ rid }) => rid ?? ONLY);
  // A layer that the picture is too small for is the largest one that it has.
  const needed = (wanted ?? [rids[0]]).filter((rid) => rids.includes(rid)).map((rid) => Math.min(rids.indexOf(rid), highest));
  const on = new Set(lowestOnly && needed.length > 0 ? [0] : needed);
  if (plan.length === 1) return [{ active: on.has(0), ...upToSize(plan[0], { sizes, used: spatial, saves: lowestOnly }) }];
  return plan.map((_, index) => ({ active: on.has(index), scaleResolutionDownBy: 2 ** Math.max(0, highest - index) }));
}

/**
 * @param {MediaStreamTrack} track
 * @returns {number} how many sizes it is worth, three if it does not say how large it is
 */
export function sizesOf(track) {
  const { width, height } = track.getSettings();
  if (!width || !height) return SIZES[0].sizes;
  return SIZES.find(({ pixels }) => width * height >= pixels)?.sizes ?? 1;
}

export class Layers {
  #sender;
  #plan;
  /** @type {Need} */
  #need = { wanted: null, spatial: null, sizes: SIZES[0].sizes, lowestOnly: false, payloadType: null };
  /** The payload types that the browser cannot change to: it is not asked for them again. @type {Set<number | null>} */
  #refused = new Set();
  #changed = false;
  #changing = false;

  /**
   * @param {RTCRtpSender} sender
   * @param {readonly RTCRtpEncodingParameters[]} plan  as it was offered
   */
  constructor(sender, plan) {
    this.#sender = sender;
    this.#plan = plan;
  }

  /** Whether nothing of it is to leave, even while there is a track. */
  get isOff() {
    return chooseLayers(this.#plan, this.#need).every(({ active }) => !active);
  }

  /**
   * Others need these, as this payload type, and so many sizes inside of them.
   * @param {readonly string[]} wanted
   * @param {number | null} payloadType
   * @param {number | null} [spatial]
   */
  want(wanted, payloadType, spatial = null) {
    this.#become({ ...this.#need, wanted, spatial, payloadType: this.#refused.has(payloadType) ? null : payloadType });
  }

  /** This is what will be sent. @param {MediaStreamTrack} track */
  fit(track) {
    this.#become({ ...this.#need, sizes: sizesOf(track) });
  }

  /** Whether nothing but the lowest may leave. @param {boolean} lowestOnly */
  limit(lowestOnly) {
    this.#become({ ...this.#need, lowestOnly });
  }

  /** @param {Need} need */
  #become(need) {
    const before = JSON.stringify(this.#need);
    this.#need = need;
    if (JSON.stringify(need) === before) return;
    this.#changed = true;
    void this.#run();
  }

  /** Parameters are valid for one change: a second one waits for the first, and then makes up for all that came meanwhile. */
  async #run() {
    if (this.#changing) return;
    this.#changing = true;
    while (this.#changed) {
      this.#changed = false;
      await this.#apply().catch((error) => {
        ParlorError.report("switching layers", error);
        this.#keepCodec(error);
      });
    }
    this.#changing = false;
  }

  async #apply() {
    const parameters = this.#sender.getParameters();
    const codec = parameters.codecs?.find(({ payloadType }) => payloadType === this.#need.payloadType);
    for (const [index, encoding] of (parameters.encodings ?? []).entries()) {
      const named = codec ?? /** @type {{ codec?: RTCRtpCodec }} */ (encoding).codec; // what it was told once stays
      const need = named && !hasSizes(named) ? { ...this.#need, spatial: null } : this.#need;
      Object.assign(encoding, chooseLayers(this.#plan, need)[index]);
      if (named) Object.assign(encoding, inCodec(encoding, named));
    }
    await this.#sender.setParameters(parameters);
  }

  /** What is needed beside another codec must not fail with it; the codec is tried again when something is wanted anew. @param {unknown} error */
  #keepCodec(error) {
    if (this.#need.payloadType === null) return;
    if (error instanceof Error && CANNOT.includes(error.name)) this.#refused.add(this.#need.payloadType);
    this.#need = { ...this.#need, payloadType: null };
    this.#changed = true;
  }
}
