/** Statistics as lines that people can read. */

import { pauseLine } from "./words.js";

/** @import { TrackQuality } from "../wire.d.ts" */
/** @import { Reception, Sample, Sending } from "../sdk/statistics.js" */

/** @param {number} bps */
export function bitrateWords(bps) {
  return bps < 995_000 ? `${Math.round(bps / 1_000)} kbit/s` : `${(bps / 1_000_000).toFixed(1)} Mbit/s`;
}

/** @param {number | null} ms */
export function millisecondsWords(ms) {
  return ms === null ? "not measured" : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/**
 * What arrives of one track.
 * @param {Reception | undefined} reception
 * @param {TrackQuality | undefined} quality  what the server says of it
 * @param {number | null} roundTripMs  of the connection that carries it
 */
export function receptionLines(reception, quality, roundTripMs) {
  if (quality?.state === "paused") return [pauseLine(quality.reason)];
  if (!reception) return ["Nothing arrives"];
  const { codec, bps, loss, jitterMs, freezes } = reception;
  const layer = quality?.layer ? `, layer ${quality.layer}` : "";
  const part = quality ? `, S${quality.spatial}T${quality.temporal}` : ""; // spatial and temporal, as the standards write it
  return [
    sizeWords(reception),
    `${codec ?? "unknown codec"}${layer}${part}`,
    bitrateWords(bps),
    `loss ${percent(loss)}, jitter ${millisecondsWords(jitterMs)}`,
    `round trip ${millisecondsWords(roundTripMs)}`,
    freezes === 1 ? "1 freeze" : `${freezes} freezes`,
  ];
}

/**
 * What leaves of one source of ours, encoding by encoding.
 * @param {readonly Sending[]} sent
 */
export function sendingLines(sent) {
  if (sent.length === 0) return ["Nothing leaves"];
  const fromSmallest = sent.toSorted((one, other) => (one.width ?? 0) - (other.width ?? 0));
  const lines = fromSmallest.map((sending) => `${sending.rid ? `${sending.rid}: ` : ""}${sizeWords(sending)}, ${bitrateWords(sending.bps)}`);
  const limits = new Set(sent.map(({ limitedBy }) => limitedBy).filter((limit) => limit !== null));
  return [sent[0].codec ?? "unknown codec", ...lines, ...[...limits].map((limit) => `held back by ${limit === "cpu" ? "the processor" : "the network"}`)];
}

/**
 * The connection as a whole, as pairs of what and how much.
 * @param {Sample} sample
 * @param {number | null} estimateBps
 * @returns {[string, string][]}
 */
export function connectionFigures({ roundTripMs, receivedBps, sentBps, sendableBps, loss, jitterMs, received }, estimateBps) {
  const known = (/** @type {number | null} */ bps) => (bps === null ? "not measured" : bitrateWords(bps));
  const freezes = [...received.values()].reduce((sum, reception) => sum + reception.freezes, 0);
  return [
    ["Can arrive (estimate)", known(estimateBps)],
    ["Arrives", bitrateWords(receivedBps)],
    ["Can leave (estimate)", known(sendableBps)],
    ["Leaves", bitrateWords(sentBps)],
    ["Round trip", millisecondsWords(roundTripMs)],
    ["Lost on the way here", percent(loss)],
    ["Jitter, the worst", millisecondsWords(jitterMs)],
    ["Freezes", String(freezes)],
  ];
}

/** @param {{ width: number | null, height: number | null, fps: number | null }} picture */
function sizeWords({ width, height, fps }) {
  return width && height ? `${width}×${height}, ${Math.round(fps ?? 0)} fps` : "no picture yet";
}

/** @param {number} part */
function percent(part) {
  return `${(part * 100).toFixed(part > 0 && part < 0.1 ? 1 : 0)} %`;
}
