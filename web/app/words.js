/** What the page says to people about the connection and about each other. */

/** @import { Network, PauseReason } from "../wire.d.ts" */
/** @import { Stage } from "../sdk/next-step.js" */

/** To somebody whom a busy server has not let in yet. `begun` and `stopped` are said by screen readers, too. */
export const WAIT = {
  begun: "The server is busy. For two minutes you are let in as soon as it can do more, unless you stop waiting.",
  stop: "Stop waiting",
  stopped: "You are no longer waiting. Join whenever you like.",
};

/** @type {Record<Stage, string>} */
const STAGES = {
  joining: "",
  connected: "",
  ended: "",
  connecting: "Connecting sound and picture…",
  resuming: "Lost contact with the server. Reconnecting; sound and picture may go on meanwhile…",
  restoring: "The network changed or went quiet. Restoring sound and picture…",
  rejoining: "Connection lost. Rejoining the room…",
  unreachable: "The server cannot be reached. Trying again every few seconds…",
};

/**
 * @param {Stage} stage
 * @returns {string} empty when all is well
 */
export function stageWords(stage) {
  return STAGES[stage];
}

/**
 * @param {string} name
 * @param {string} reason  of the protocol's `left`
 */
export function departureWords(name, reason) {
  if (reason === "lost") return `${name} lost the connection`;
  if (reason === "removed") return `${name} was removed`;
  return `${name} left`;
}

/**
 * @param {{ use: string, name: string, replacement: string | null }} lost
 */
export function lostDeviceWords({ use, name, replacement }) {
  return replacement
    ? `${name} was unplugged or taken. Now using ${replacement}.`
    : `${name} was unplugged or taken. Plug in another ${use} and turn it on again.`;
}

/** @param {number} others */
export function companyWords(others) {
  return others === 0 ? "Only you" : `${others + 1} people`;
}

/** @type {Record<Network, string>} */
const NETWORKS = { good: "Good connection", fair: "Fair connection", poor: "Weak connection", unknown: "Connection" };

/** @param {Network} network */
export function networkWords(network) {
  return NETWORKS[network];
}

/** @type {Record<Network, number>} */
const RANKS = { poor: 0, fair: 1, good: 2, unknown: 2 };

/**
 * @param {Network} before
 * @param {Network} now
 * @returns {string} empty unless it has become worse or is good again
 */
export function networkNews(before, now) {
  if (RANKS[now] < RANKS[before]) {
    return now === "poor"
      ? "Your connection is weak: pictures may be small, or pause so that sound goes on."
      : "Your connection has become slower: pictures may be smaller.";
  }
  return now === "good" && RANKS[before] < RANKS.good ? "Your connection is good again." : "";
}

/** @type {Record<PauseReason, string>} */
const PAUSES = {
  bandwidth: "the connection is too slow for it",
  codec_not_supported: "this browser does not play its codec",
  publisher_off: "turned off by its sender",
  not_shown: "not on the screen",
  server_busy: "the server is busy, and sound comes first",
};

/**
 * Why a picture is not sent, in few words for whoever looks at numbers.
 * @param {PauseReason | null} reason
 */
export function pauseLine(reason) {
  return reason ? `Paused: ${PAUSES[reason] ?? reason}` : "Paused"; // a newer server may know more reasons
}

/**
 * Why a picture is not sent.
 * @param {PauseReason | null} reason
 * @param {string} name  of the person whose picture it is
 * @returns {string} empty when there is nothing to say: what is off or not shown explains itself
 */
export function pauseWords(reason, name) {
  if (reason === "bandwidth") return "Paused: your connection is too slow for this picture";
  if (reason === "server_busy") return "Paused: the server is busy. The picture comes back by itself";
  if (reason === "codec_not_supported") return `${name}’s browser sends a codec that this browser does not play`;
  return "";
}
