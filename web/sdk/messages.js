/** Messages about layers and bandwidth, which wire.d.ts does not name yet. */

/**
 * Of the payload of `wanted`: which encodings of an own track somebody needs.
 * @typedef {object} WantedTrack
 * @property {string} track
 * @property {string[]} layers  rids; `""` is the layer of a track without rids, and an empty list says that nobody looks
 */

/** @typedef {"good" | "fair" | "poor" | "unknown"} Network  what our way from the server is like */
/** @typedef {"bandwidth" | "not_shown" | "publisher_off" | "codec_not_supported"} PauseReason */

/**
 * What is sent to us of one video track.
 * @typedef {object} TrackQuality
 * @property {string} track
 * @property {"live" | "paused"} state
 * @property {PauseReason | null} reason  why it is paused
 * @property {string | null} layer  the rid of what is sent
 * @property {number} spatial
 * @property {number} temporal
 * @property {number | null} width
 * @property {number | null} height
 * @property {number | null} frames_per_second
 */

/**
 * The payload of `quality`: every video track of others that we have a slot for.
 * @typedef {object} Quality
 * @property {number | null} estimate_bps  what the server thinks that our path carries
 * @property {Network} network
 * @property {TrackQuality[]} tracks
 */

/**
 * The payload of `report`: what stood still since the last one.
 * @typedef {object} Report
 * @property {number} freezes
 * @property {number} frozen_ms
 */

export {};
