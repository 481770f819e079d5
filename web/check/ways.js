/** The ways that media may take to a server, each by itself: what of an answer belongs to one, and which of its TURN servers. */

/** @import { IceServer } from "../wire.d.ts" */

/** @typedef {"udp" | "tcp" | "turn-udp" | "turn-tcp" | "turn-tls"} Way */
/** @typedef {"udp" | "tcp"} Transport */
/** @typedef {{ transport: string, address: string, port: number }} Place */

/** In the order of preference: each one is more roundabout than the one before it. @type {readonly Way[]} */
export const WAYS = ["udp", "tcp", "turn-udp", "turn-tcp", "turn-tls"];

/**
 * Of a relay's ways, how its URLs begin and end (RFC 7065).
 * @type {Record<Exclude<Way, Transport>, { scheme: string, transport: Transport }>}
 */
const RELAYS = {
  "turn-udp": { scheme: "turn:", transport: "udp" },
  "turn-tcp": { scheme: "turn:", transport: "tcp" },
  "turn-tls": { scheme: "turns:", transport: "tcp" },
};

/**
 * Whether a way goes to the server's own addresses, without a relay.
 * @param {Way} way
 * @returns {way is Transport}
 */
export function isDirect(way) {
  return way === "udp" || way === "tcp";
}

/**
 * What an answer's candidates lead to.
 * @param {string} sdp
 * @returns {Place[]}
 */
export function placesIn(sdp) {
  return sdp.split(/\r?\n/).filter(isCandidate).map(placeOf);
}

/**
 * An answer that names only what is reached by one transport. A relay sends datagrams on whatever way it is reached itself.
 * @param {string} sdp
 * @param {Way} way
 */
export function answerFor(sdp, way) {
  const transport = way === "tcp" ? "tcp" : "udp";
  return sdp.split("\r\n").filter((line) => !isCandidate(line) || placeOf(line).transport === transport).join("\r\n");
}

/**
 * The relays of one way, for an `RTCConfiguration`; none when the server has none.
 * @param {readonly IceServer[]} iceServers
 * @param {Way} way
 * @returns {RTCIceServer[]}
 */
export function relaysFor(iceServers, way) {
  if (isDirect(way)) return [];
  const { scheme, transport } = RELAYS[way];
  return iceServers.flatMap(({ urls, username, credential }) => {
    const fitting = urls.filter((url) => url.startsWith(scheme) && transportOf(url) === transport);
    return fitting.length > 0 ? [{ urls: fitting, username, credential }] : [];
  });
}

/** @param {string} line */
function isCandidate(line) {
  return line.startsWith("a=candidate:");
}

/** @param {string} line  as RFC 8839 section 5.1 has it */
function placeOf(line) {
  const [, , transport = "", , address = "", port = ""] = line.split(" ");
  return { transport: transport.toLowerCase(), address, port: Number(port) };
}

/** @param {string} url */
function transportOf(url) {
  return /[?&]transport=(\w+)/.exec(url)?.[1] ?? (url.startsWith("turns:") ? "tcp" : "udp");
}
