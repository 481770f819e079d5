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

/** The protocol's limit, in characters. */
const LONGEST_ROOM_ID = 64;
/** A letter or number that is not of ASCII. */
const FOREIGN = /[^\p{ASCII}\P{L}]|[^\p{ASCII}\P{N}]/u;

/** What comes before the room in a link that somebody pasted. */
const LINK = /^\s*[a-z]+:\/\/[^/]+\/r\/([^/?#]+).*$/is;

/**
 * What people type as a room, as the id a link can carry: letters, digits, `-`, `_`, `.` and `~` of ASCII, at most 64.
 * Letters of other alphabets and what is too long are told by a digest at the end, so that different names stay different rooms.
 * @param {string} typed  or the link of a room
 * @returns {string} empty if there is no letter or digit in it
 */
export function roomId(typed) {
  const link = LINK.exec(typed);
  if (link) return roomOfPath(`/r/${link[1]}`);
  const base = typed.normalize("NFKD").replace(/\p{Mark}/gu, "");
  const plain = dashed(base, /[^A-Za-z0-9._~-]+/g);
  if (!FOREIGN.test(base) && plain.length <= LONGEST_ROOM_ID) return plain;
  const ending = digest(dashed(typed.normalize("NFKC"), /[^\p{L}\p{N}\p{Mark}._~-]+/gu));
  return dashed(`${plain.slice(0, LONGEST_ROOM_ID - ending.length - 1)}-${ending}`, /-+/g);
}

/**
 * @param {string} text
 * @param {RegExp} unfit  what becomes a dash
 */
function dashed(text, unfit) {
  return text.replace(unfit, "-").replace(/^-+|-+$/g, "");
}

/**
 * The same for the same text in every browser, and by chance for no two texts.
 * @param {string} text
 * @returns {string} letters and digits, 13 at most
 */
function digest(text) {
  let hash = 0xcbf29ce484222325n; // FNV-1a of 64 bits
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(36);
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
