/** What flows now, track by track, once a second while somebody looks: two of the browser's reports compared. */

import { pairInUse } from "./stats.js";

/** @import { Source } from "../wire.d.ts" */

/**
 * One track of somebody else's. Whatever the browser does not tell is null.
 * @typedef {object} Reception
 * @property {"audio" | "video"} kind
 * @property {string | null} codec  as "VP8"
 * @property {number | null} width
 * @property {number | null} height
 * @property {number | null} fps
 * @property {number} bps
 * @property {number} loss  what part of the packets was lost, 0 to 1
 * @property {number | null} jitterMs
 * @property {number} freezes  how often it stood still, pauses left out
 */

/**
 * One encoding of a track of ours.
 * @typedef {object} Sending
 * @property {Source} source
 * @property {"audio" | "video"} kind
 * @property {string | null} codec
 * @property {string} rid  empty where there is only one
 * @property {number | null} width
 * @property {number | null} height
 * @property {number | null} fps
 * @property {number} bps
 * @property {string | null} limitedBy  "cpu" or "bandwidth"
 */

/**
 * @typedef {object} Sample
 * @property {number | null} roundTripMs
 * @property {number} receivedBps  media of all tracks
 * @property {number} sentBps
 * @property {number} loss  what part of all packets to us was lost, 0 to 1
 * @property {number | null} jitterMs  the worst of what arrives
 * @property {number | null} sendableBps  what the browser thinks that its path to the server carries
 * @property {ReadonlyMap<string, Reception>} received  by track id
 * @property {readonly Sending[]} sent  what leaves now
 */

/**
 * Whose the sections are (the track that one receives, the source that one sends), and how often a track stood still.
 * @typedef {{ trackOf: (mid: string) => string | null, sourceOf: (mid: string) => Source | null, freezesOf: (track: string) => number }} Sections
 */

export class Statistics {
  #sections;
  /** @type {Set<(sample: Sample) => void>} */
  #watchers = new Set();
  /** @type {RTCStatsReport | null} */
  #before = null;

  /** @param {Sections} sections */
  constructor(sections) {
    this.#sections = sections;
  }

  /**
   * Calls `show` about once a second, from the second report on.
   * @param {(sample: Sample) => void} show
   * @param {AbortSignal} signal  aborts when nobody looks any more
   */
  watch(show, signal) {
    if (signal.aborted) return;
    this.#watchers.add(show);
    signal.addEventListener("abort", () => this.#watchers.delete(show), { once: true });
  }

  /** A new report of the connection; called by the room. @param {RTCStatsReport} report */
  take(report) {
    const before = this.#before;
    this.#before = this.#watchers.size > 0 ? report : null;
    if (!before || this.#watchers.size === 0) return;
    const sample = compare(before, report, this.#sections);
    for (const show of this.#watchers) show(sample);
  }
}

/**
 * @param {RTCStatsReport} before
 * @param {RTCStatsReport} now
 * @param {Sections} sections
 * @returns {Sample}
 */
export function compare(before, now, { trackOf, sourceOf, freezesOf }) {
  const received = new Map();
  const sent = [];
  let [receivedBps, sentBps, arrived, lost] = [0, 0, 0, 0];
  /** @type {number | null} */
  let jitterMs = null;
  for (const entry of now.values()) {
    const earlier = before.get(entry.id) ?? {};
    if (entry.type === "inbound-rtp") {
      const track = entry.mid ? trackOf(entry.mid) : null;
      const reception = receptionOf(entry, earlier, now, track === null ? 0 : freezesOf(track));
      receivedBps += reception.bps;
      const packets = packetsOf(entry, earlier);
      arrived += packets.arrived;
      lost += packets.lost;
      if (packets.arrived > 0 && reception.jitterMs !== null) jitterMs = Math.max(jitterMs ?? 0, reception.jitterMs);
      if (track !== null) received.set(track, reception);
    } else if (entry.type === "outbound-rtp") {
      const bps = rate(entry, earlier, "bytesSent");
      sentBps += bps;
      const source = entry.mid ? sourceOf(entry.mid) : null;
      if (source !== null && bps > 0) sent.push(sendingOf(entry, source, bps, now));
    }
  }
  return { ...pathOf(now), receivedBps, sentBps, loss: part(lost, arrived), jitterMs, received, sent };
}

/**
 * @param {any} entry
 * @param {any} earlier
 * @param {RTCStatsReport} report
 * @param {number} freezes
 * @returns {Reception}
 */
function receptionOf(entry, earlier, report, freezes) {
  const { arrived, lost } = packetsOf(entry, earlier);
  return {
    kind: entry.kind,
    codec: codecOf(entry, report),
    ...sizeOf(entry),
    bps: rate(entry, earlier, "bytesReceived"),
    loss: part(lost, arrived),
    jitterMs: entry.jitter === undefined ? null : entry.jitter * 1_000,
    freezes,
  };
}

/**
 * @param {any} entry
 * @param {any} earlier
 */
function packetsOf(entry, earlier) {
  const since = (/** @type {string} */ name) => Math.max(0, (entry[name] ?? 0) - (earlier[name] ?? 0));
  return { arrived: since("packetsReceived"), lost: since("packetsLost") };
}

/**
 * @param {number} lost
 * @param {number} arrived
 */
function part(lost, arrived) {
  return lost === 0 ? 0 : lost / (lost + arrived);
}

/**
 * @param {any} entry
 * @param {Source} source
 * @param {number} bps
 * @param {RTCStatsReport} report
 * @returns {Sending}
 */
function sendingOf(entry, source, bps, report) {
  const limit = entry.qualityLimitationReason;
  return {
    source, kind: entry.kind, codec: codecOf(entry, report), rid: entry.rid ?? "", ...sizeOf(entry), bps,
    limitedBy: limit === "cpu" || limit === "bandwidth" ? limit : null,
  };
}

/** @param {any} entry */
function sizeOf({ frameWidth, frameHeight, framesPerSecond }) {
  return { width: frameWidth ?? null, height: frameHeight ?? null, fps: framesPerSecond ?? null };
}

/**
 * @param {any} entry
 * @param {RTCStatsReport} report
 * @returns {string | null}
 */
function codecOf({ codecId }, report) {
  return report.get(codecId)?.mimeType?.split("/")[1] ?? null;
}

/**
 * Bits a second between two reports.
 * @param {any} entry
 * @param {any} earlier
 * @param {string} bytes
 */
function rate(entry, earlier, bytes) {
  const ms = entry.timestamp - earlier.timestamp;
  return ms > 0 ? Math.max(0, ((entry[bytes] ?? 0) - (earlier[bytes] ?? 0)) * 8_000) / ms : 0;
}

/** @param {RTCStatsReport} report */
function pathOf(report) {
  const entries = [...report.values()];
  const pair = pairInUse(report);
  // Some browsers measure it by RTCP only.
  const seconds = pair?.currentRoundTripTime ?? entries.find(({ type, roundTripTime }) => type === "remote-inbound-rtp" && roundTripTime !== undefined)?.roundTripTime;
  return { roundTripMs: seconds === undefined ? null : seconds * 1_000, sendableBps: pair?.availableOutgoingBitrate ?? null };
}
