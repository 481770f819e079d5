/** Names of people and rooms: initials, colours, what a link may hold, and suggestions. */

/**
 * One or two letters to stand for a person.
 * @param {string} name
 */
export function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((word) => [...word][0].toUpperCase()).join("") || "?";
}

/**
 * A hue that belongs to a name, the same in every browser.
 * @param {string} name
 * @returns {number} degrees
 */
export function hueOf(name) {
  let hash = 2166136261; // FNV-1a
  for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619);
  return (hash >>> 0) % 360;
}

/**
 * What people type as a room, as the id a link can carry: letters, digits, `-`, `_`, `.` and `~`, at most 64.
 * @param {string} typed
 * @returns {string} empty if nothing usable is left
 */
export function roomId(typed) {
  const plain = typed.normalize("NFKD").replace(/\p{Mark}/gu, "");
  return plain.trim().replace(/[^A-Za-z0-9._~-]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 64);
}

/**
 * The room a path names.
 * @param {string} path
 */
export function roomOfPath(path) {
  const match = /^\/r\/([^/]+)\/?$/.exec(path);
  if (!match) return "";
  try {
    return roomId(decodeURIComponent(match[1]));
  } catch {
    return "";
  }
}

const MOODS = ["amber", "brisk", "calm", "cosy", "early", "gentle", "golden", "green", "lucid", "mellow", "quiet", "silver", "sunny", "tidy", "velvet", "warm"];
const THINGS = ["attic", "bay", "fern", "garden", "harbour", "hearth", "lantern", "library", "meadow", "orchard", "porch", "river", "sofa", "teapot", "terrace", "window"];

/**
 * A name for a new room that is easy to say and hard to meet by chance.
 * @param {() => number} random
 */
export function suggestedRoom(random) {
  const pick = (/** @type {string[]} */ list) => list[Math.floor(random() * list.length)];
  return `${pick(MOODS)}-${pick(THINGS)}-${Math.floor(100 + random() * 900)}`;
}
