/** What a connection's statistics say, as a few numbers. */

/**
 * Everything that proves that the server's packets arrive: media, feedback on ours, answers to ICE checks.
 * Browsers count different things, so all that exist are added; only growth means something.
 * @param {RTCStatsReport} report
 */
export function receivedCount(report) {
  let count = 0;
  for (const entry of report.values()) {
    if (entry.type === "candidate-pair") {
      count += (entry.bytesReceived ?? 0) + (entry.responsesReceived ?? 0) + (entry.lastPacketReceivedTimestamp ?? 0);
    } else if (entry.type === "inbound-rtp") count += entry.packetsReceived ?? 0;
  }
  return count;
}

/**
 * The pair of addresses that media takes now. Several may have been nominated: each time that a better one was found.
 * @param {RTCStatsReport} report
 * @returns {any} undefined while there is none
 */
export function pairInUse(report) {
  const entries = [...report.values()];
  const transport = entries.find(({ type, selectedCandidatePairId }) => type === "transport" && selectedCandidatePairId);
  if (transport) return report.get(transport.selectedCandidatePairId);
  const pairs = entries.filter(({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded");
  return pairs.find(({ selected }) => selected) ?? pairs[0]; // not all browsers tell of transports
}

/**
 * @typedef {object} Summary
 * @property {number | null} roundTripMs  null until measured
 * @property {number} bytesReceived  media, since the connection began
 * @property {number} bytesSent
 * @property {number} packetsLost
 * @property {number} framesDecoded
 */

/**
 * @param {RTCStatsReport} report
 * @returns {Summary}
 */
export function summarise(report) {
  const seconds = pairInUse(report)?.currentRoundTripTime;
  /** @type {Summary} */
  const summary = { roundTripMs: seconds === undefined ? null : seconds * 1000, bytesReceived: 0, bytesSent: 0, packetsLost: 0, framesDecoded: 0 };
  for (const entry of report.values()) {
    if (entry.type === "inbound-rtp") {
      summary.bytesReceived += entry.bytesReceived ?? 0;
      summary.packetsLost += entry.packetsLost ?? 0;
      summary.framesDecoded += entry.framesDecoded ?? 0;
    } else if (entry.type === "outbound-rtp") summary.bytesSent += entry.bytesSent ?? 0;
  }
  return summary;
}
