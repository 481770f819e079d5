/** What to do next about a lost connection: one pure decision over the facts. */

/** ICE restarts tried before the connection is given up for a new one. */
const RESTARTS = 2;

/**
 * @typedef {object} Facts
 * @property {boolean} socketOpen
 * @property {boolean} joined  the server counts us in, over this socket
 * @property {boolean} resumable  we hold a token that has not been refused
 * @property {boolean} mediaKept  our connection may still be alive at the server
 * @property {import("./media-watch.js").MediaHealth} media
 * @property {number} restarts  ICE restarts since media was last healthy
 */

/**
 * - `wait`: nothing to do now
 * - `resume`: join again with the token; media never stopped
 * - `restart`: fresh ICE credentials on the same connection
 * - `rejoin`: join again with the token and a new connection
 * - `join_afresh`: join as a new peer
 * @typedef {"wait" | "resume" | "restart" | "rejoin" | "join_afresh"} Step
 */

/**
 * @param {Facts} facts
 * @returns {Step}
 */
export function nextStep({ socketOpen, joined, resumable, mediaKept, media, restarts }) {
  if (!socketOpen) return "wait";
  if (!joined) {
    if (!resumable) return "join_afresh";
    return mediaKept && media !== "silent" ? "resume" : "rejoin";
  }
  if (media !== "silent") return "wait";
  return restarts < RESTARTS ? "restart" : "rejoin";
}

/**
 * What the page tells people. `connecting`: first packets are on their way; `resuming`: only the signalling is lost;
 * `restoring`: media is silent; `rejoining`: both were lost, and the server is there;
 * `unreachable`: both are lost.
 * @typedef {"joining" | "connecting" | "connected" | "resuming" | "restoring" | "rejoining" | "unreachable" | "ended"} Stage
 */

/**
 * @param {Facts} facts
 * @param {boolean} everConnected
 * @returns {Stage}
 */
export function stageOf({ socketOpen, joined, mediaKept, media, restarts }, everConnected) {
  const signalling = socketOpen && joined;
  if (signalling && media === "healthy") return "connected";
  if (signalling && media === "starting" && restarts === 0) return everConnected ? "rejoining" : "connecting";
  if (signalling) return everConnected ? "restoring" : "connecting";
  if (mediaKept && media === "healthy") return "resuming";
  return socketOpen ? "rejoining" : "unreachable";
}
