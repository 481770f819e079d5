/** What the page says to people about the connection and about each other. */

/** @import { Stage } from "../sdk/next-step.js" */

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
