/** Pictures that stood still although they should have moved, counted for the server and by track. */

/** @import { Report } from "../wire.d.ts" */

/** The server adds up over many people: what one of them met can wait so long. */
export const REPORT_EVERY_MS = 10_000;

/** @typedef {{ track: string | null, frames: number | undefined, freezes: number, frozenMs: number }} Counters */

export class Freezes {
  /** By receive section. @type {Map<string, Counters>} */
  #before = new Map();
  /** How often each has stood still since it is here. @type {Map<string, number>} */
  #byTrack = new Map();
  #freezes = 0;
  #frozenMs = 0;
  #reportedAt = -Infinity;

  /**
   * Counts what stood still since the last call. A picture that was not to be sent, or a section that has changed hands, is not frozen,
   * though the browser may say so.
   * @param {RTCStatsReport} report
   * @param {(mid: string) => string | null} liveTrackOf  the track that a section is sent now, null while it is sent none
   */
  count(report, liveTrackOf) {
    /** @type {Map<string, Counters>} */
    const counters = new Map();
    for (const entry of report.values()) {
      if (entry.type !== "inbound-rtp" || entry.kind !== "video" || !entry.mid) continue;
      const [before, frames] = [this.#before.get(entry.mid), entry.framesDecoded];
      // The browser takes the end of a pause for the end of a freeze, and says so with the first picture after it.
      const rests = before?.track === null && frames !== undefined && frames === before.frames;
      const track = rests ? null : liveTrackOf(entry.mid);
      counters.set(entry.mid, { track, frames, freezes: entry.freezeCount ?? 0, frozenMs: (entry.totalFreezesDuration ?? 0) * 1_000 });
    }
    for (const [mid, now] of counters) this.#add(this.#before.get(mid), now);
    this.#before = counters;
  }

  /** How often a track's picture has stood still. @param {string} track */
  of(track) {
    return this.#byTrack.get(track) ?? 0;
  }

  /**
   * What is to be reported; whoever takes it reports it.
   * @param {number} now  milliseconds of any steady clock
   * @returns {Report | null} null when there is nothing, or when the last report was a moment ago
   */
  take(now) {
    if (this.#freezes === 0 || now - this.#reportedAt < REPORT_EVERY_MS) return null;
    const report = { freezes: this.#freezes, frozen_ms: Math.round(this.#frozenMs) };
    this.#freezes = this.#frozenMs = 0;
    this.#reportedAt = now;
    return report;
  }

  /**
   * @param {Counters | undefined} before
   * @param {Counters} now
   */
  #add(before, now) {
    if (!before || now.track === null || now.track !== before.track || now.freezes < before.freezes) return; // fewer: another connection
    this.#freezes += now.freezes - before.freezes;
    this.#byTrack.set(now.track, this.of(now.track) + now.freezes - before.freezes);
    this.#frozenMs += Math.max(0, now.frozenMs - before.frozenMs);
  }
}
