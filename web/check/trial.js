/** One way tried for real: a join whose connection can take that way alone. It works when ICE and DTLS are done. */

import { unlessAborted } from "../sdk/arrival.js";
import { Connection } from "../sdk/connection.js";
import { ParlorError } from "../sdk/error.js";
import { answerFor, isDirect, placesIn, relaysFor } from "./ways.js";

/** @import { IceServer, Joined } from "../wire.d.ts" */
/** @import { Channel } from "../sdk/channel.js" */
/** @import { Place, Way } from "./ways.js" */

/** A way that takes longer is none to wait for, when somebody has clicked "Join". */
export const TRIAL_TIMEOUT_MS = 12_000;

/**
 * `absent`: the server has no such way, which may be as it should be; `untested`: it could not be tried.
 * @typedef {"works" | "fails" | "absent" | "untested"} Outcome
 */
/**
 * @typedef {object} Result
 * @property {Outcome} outcome
 * @property {string} [reason]  why not, for people
 * @property {number} [ms]  until it worked
 * @property {number | null} [roundTripMs]
 * @property {Place[]} [places]  where the server says that it is, on this way
 */

/**
 * @typedef {object} Means
 * @property {Channel} channel  of a room of its own
 * @property {(joined: Joined) => void} [onJoined]
 * @property {readonly IceServer[]} [iceServers]  of an earlier join
 * @property {(config: RTCConfiguration) => RTCPeerConnection} [create]
 * @property {AbortSignal} signal
 */

/**
 * @param {Way} way
 * @param {Means} means
 * @returns {Promise<Result>}
 */
export async function tryWay(way, means) {
  const relays = relaysFor(means.iceServers ?? [], way);
  if (!isDirect(way) && relays.length === 0) return { outcome: "absent" };
  const { create = (config) => new RTCPeerConnection(config) } = means;
  /** What the browser says of a relay that it does not get. */
  let complaint = "";
  const connection = new Connection({
    create: (config) => {
      const rtc = create({ ...config, iceServers: relays, iceTransportPolicy: isDirect(way) ? "all" : "relay" });
      rtc.addEventListener("icecandidateerror", ({ errorCode, errorText }) => (complaint = ` The browser says: ${`${errorCode} ${errorText}`.trim().replace(/\.$/, "")}.`));
      return rtc;
    },
    slotPairs: 1,
  });
  const timeout = AbortSignal.timeout(TRIAL_TIMEOUT_MS);
  /** Where the server says that it is, once that is known: above all of a way that fails. @type {Place[]} */
  const places = [];
  try {
    return await unlessAborted(attempt(way, connection, means, places), AbortSignal.any([means.signal, timeout]));
  } catch (error) {
    if (means.signal.aborted) return { outcome: "untested", reason: "The test was called off." };
    if (timeout.aborted) return { outcome: "fails", reason: `No connection within ${TRIAL_TIMEOUT_MS / 1000} s.${complaint}`, places };
    return { outcome: "untested", reason: ParlorError.from(error).message };
  } finally {
    connection.close();
    void means.channel.leave();
  }
}

/**
 * @param {Way} way
 * @param {Connection} connection
 * @param {Means} means
 * @param {Place[]} places  filled with where the server says that it is
 * @returns {Promise<Result>}
 */
async function attempt(way, connection, { channel, onJoined }, places) {
  const description = await connection.offer();
  /** @type {Joined} */
  const joined = await channel.join({ protocol: "parlor", version: 1, name: "Connection test", ...description });
  onJoined?.(joined);
  const answer = answerFor(joined.answer ?? "", way);
  places.push(...placesIn(answer));
  if (places.length === 0) return { outcome: "absent" };
  const start = performance.now();
  const settled = new Promise((resolve) => connection.on("state", (state) => (state === "connected" || state === "failed") && resolve(state)));
  await connection.accept(answer);
  if ((await settled) === "failed") return { outcome: "fails", reason: "The browser gave up.", places };
  const ms = Math.round(performance.now() - start);
  return { outcome: "works", ms, roundTripMs: roundTripOf(await connection.stats()), places };
}

/**
 * The round trip of the pair that media takes, as the browser's own checks have measured it.
 * @param {RTCStatsReport} stats
 */
function roundTripOf(stats) {
  /** @type {any[]} */
  const all = [...stats.values()];
  const chosen = all.find(({ type }) => type === "transport")?.selectedCandidatePairId;
  const isChosen = (/** @type {any} */ { id, selected, nominated, state }) => (chosen ? id === chosen : selected || (nominated && state === "succeeded"));
  const seconds = all.find((entry) => entry.type === "candidate-pair" && isChosen(entry))?.currentRoundTripTime;
  return typeof seconds === "number" ? Math.round(seconds * 1000) : null;
}
