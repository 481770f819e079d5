/** What video is encoded as: how many layers, how large, at which bitrate. */

/** @import { Source } from "../wire.d.ts" */

/** @typedef {"vp8" | "h264" | "vp9" | "av1"} VideoCodec */

/** @type {readonly VideoCodec[]} */
export const VIDEO_CODECS = ["vp8", "h264", "vp9", "av1"];

/** Three frame rates in one stream, so that a slow path can be sent every second or fourth frame; browsers describe such streams packet by packet. */
const TEMPORAL = "L1T3";
/** Three sizes and three frame rates in one stream; the sizes lean on each other at key frames alone, so that one of them can be forwarded without the smaller ones. */
const SPATIAL = "L3T3_KEY";
/** The same with fewer sizes, by how many there are. @type {readonly string[]} */
const SPATIAL_UP_TO = ["", TEMPORAL, "L2T3_KEY", SPATIAL];

/** What every browser decodes. @type {VideoCodec} */
const FALLBACK = "vp8";

const CAMERA_FPS = 30;
/** Slides and text need sharpness, not motion, and an encoder has four times the pixels of a camera to go through. */
export const SCREEN_FPS = 15;

/** Bitrates are for 1280x720; lowest first, as the offer lists them. @type {readonly RTCRtpEncodingParameters[]} */
const CAMERA_LAYERS = [
  { rid: "l", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: "m", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: "h", scaleResolutionDownBy: 1, maxBitrate: 1_500_000 },
];

/** The small one is for tiles in a strip and for slow paths: half of a full screen can still be read. @type {readonly RTCRtpEncodingParameters[]} */
const SCREEN_LAYERS = [
  { rid: "l", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: "h", scaleResolutionDownBy: 1, maxBitrate: 2_500_000 },
];

/**
 * VP8 and H.264 are sent as several streams (simulcast), VP9 and AV1 as one with layers inside (SVC).
 * An application's own track is one stream: what it shows, and how small it may become, is the application's to know.
 * @param {Source} source
 * @param {VideoCodec} codec
 * @returns {RTCRtpEncodingParameters[]} of which only the first is switched on: the others wait until somebody needs them
 */
export function videoEncodings(source, codec) {
  if (source === "custom") return [{}];
  const layered = codec === "vp9" || codec === "av1";
  const [layers, maxFramerate, spatial] = source === "screen"
    ? [SCREEN_LAYERS, SCREEN_FPS, TEMPORAL] // a screen scaled to a quarter cannot be read: not worth the encoder's time
    : [CAMERA_LAYERS, CAMERA_FPS, SPATIAL];
  if (layered) return [{ maxBitrate: layers[layers.length - 1].maxBitrate, maxFramerate, ...mode(spatial) }];
  return layers.map((layer, index) => ({ ...layer, maxFramerate, active: index === 0, ...mode(TEMPORAL) }));
}

/**
 * How a stream is sent of whose sizes only the smallest are of use: as if the picture were no larger than the largest of these.
 * @param {RTCRtpEncodingParameters} encoding  as it was offered
 * @param {{ sizes: number, used: number | null, saves: boolean }} of  `sizes`: how many the picture is large enough for, and so the browser sends; `used`:
 *   how many of them are of use, null for all; `saves`: whether the smallest alone may leave
 * @returns {RTCRtpEncodingParameters} only what is to be as it says
 */
export function upToSize(encoding, { sizes, used, saves }) {
  const left = saves ? 1 : Math.min(sizes, Math.max(1, used ?? sizes));
  const below = sizes - left;
  const maxBitrate = below === 0 && !saves ? encoding.maxBitrate : CAMERA_LAYERS.slice(0, left).reduce((sum, layer) => sum + (layer.maxBitrate ?? 0), 0);
  const held = maxBitrate === undefined ? {} : { maxBitrate };
  if (!isSpatial(encoding)) return held;
  return { ...held, scaleResolutionDownBy: 2 ** below, ...(below === 0 ? mode(SPATIAL) : mode(SPATIAL_UP_TO[left])) };
}

/**
 * The same, asking less and less of the browser: those that refuse `scalabilityMode` or `rid` get what they take.
 * @param {RTCRtpEncodingParameters[]} encodings
 * @returns {RTCRtpEncodingParameters[][]}
 */
export function everPlainer(encodings) {
  const unscaled = encodings.map((encoding) => without(encoding, "scalabilityMode"));
  const { maxBitrate, maxFramerate } = encodings[encodings.length - 1];
  return [encodings, unscaled, [{ maxBitrate, maxFramerate }]];
}

/**
 * The codecs to offer for one to be used: it alone, and what repairs it, because the server chooses by an order of its own. Where the browser
 * lets encodings name their codec, VP8 too: that is what viewers get then who cannot decode the chosen one.
 * @param {VideoCodec} codec
 * @param {readonly RTCRtpCodec[]} capabilities  of the browser
 * @param {{ switches: boolean }} browser  `switches`: whether encodings may name another one of these later
 * @returns {RTCRtpCodec[]} empty when the browser does not have it
 */
export function offeredCodecs(codec, capabilities, { switches }) {
  const chosen = named(codec, capabilities);
  if (chosen.length === 0) return [];
  const fallback = switches && codec !== FALLBACK ? named(FALLBACK, capabilities) : [];
  return [...chosen, ...fallback, ...named("rtx", capabilities)];
}

/**
 * What an encoding names its codec with, in one that the browser has.
 * @param {VideoCodec} codec
 * @param {readonly RTCRtpCodec[]} capabilities  of the browser
 * @returns {RTCRtpCodec | undefined}
 */
export function codecNamed(codec, capabilities) {
  const all = named(codec, capabilities);
  return all.find(({ sdpFmtpLine }) => isPlainH264(sdpFmtpLine ?? "")) ?? all[0];
}

/**
 * What has to change of an encoding for it to be sent as another codec.
 * @param {RTCRtpEncodingParameters} encoding  as it is
 * @param {RTCRtpCodec} codec
 * @returns {RTCRtpEncodingParameters}
 */
export function inCodec(encoding, { mimeType, clockRate, channels, sdpFmtpLine }) {
  const named = Object.entries({ mimeType, clockRate, channels, sdpFmtpLine }).filter(([, value]) => value !== undefined);
  return /** @type {RTCRtpEncodingParameters} */ ({ codec: Object.fromEntries(named), ...(isSpatial(encoding) && !hasSizes({ mimeType }) ? mode(TEMPORAL) : {}) });
}

/** Whether a codec can have several sizes in one stream. @param {{ mimeType: string }} codec */
export function hasSizes({ mimeType }) {
  return ["video/vp9", "video/av1"].includes(mimeType.toLowerCase());
}

/** Whether there are, or could be, several sizes in one stream. @param {RTCRtpEncodingParameters} encoding */
function isSpatial(encoding) {
  return "scalabilityMode" in encoding && SPATIAL_UP_TO.slice(2).includes(String(encoding.scalabilityMode));
}

/** Constrained baseline, with frames in as many packets as they need: of the profiles of H.264 the one that all who have any decode. @param {string} format */
function isPlainH264(format) {
  return /profile-level-id=42e0/i.test(format) && /packetization-mode=1/.test(format);
}

/**
 * @param {string} name
 * @param {readonly RTCRtpCodec[]} capabilities
 */
function named(name, capabilities) {
  return capabilities.filter(({ mimeType }) => mimeType.toLowerCase() === `video/${name}`);
}

/** @param {string} scalabilityMode  which the type checker's browser does not know yet */
function mode(scalabilityMode) {
  return /** @type {RTCRtpEncodingParameters} */ ({ scalabilityMode });
}

/**
 * @param {RTCRtpEncodingParameters} encoding
 * @param {string} name
 */
function without(encoding, name) {
  const rest = Object.entries(encoding).filter(([key]) => key !== name);
  return /** @type {RTCRtpEncodingParameters} */ (Object.fromEntries(rest));
}
