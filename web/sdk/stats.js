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
  /** @type {Summary} */
  const summary = { roundTripMs: null, bytesReceived: 0, bytesSent: 0, packetsLost: 0, framesDecoded: 0 };
  for (const entry of report.values()) {
    if (entry.type === "inbound-rtp") {
      summary.bytesReceived += entry.bytesReceived ?? 0;
      summary.packetsLost += entry.packetsLost ?? 0;
      summary.framesDecoded += entry.framesDecoded ?? 0;
    } else if (entry.type === "outbound-rtp") summary.bytesSent += entry.bytesSent ?? 0;
    else if (entry.type === "candidate-pair" && entry.nominated && entry.currentRoundTripTime !== undefined) {
      summary.roundTripMs = entry.currentRoundTripTime * 1000;
    }
  }
  return summary;
}
