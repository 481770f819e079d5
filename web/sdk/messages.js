/**
 * Messages about layers and bandwidth that wire.d.ts does not name yet.
 * @module
 */

/**
 * Of the payload of `wanted`: which encodings of an own track somebody needs.
 * @typedef {object} WantedTrack
 * @property {string} track
 * @property {string[]} layers  rids; `""` is the layer of a track without rids, and an empty list says that nobody looks
 */

export {};
