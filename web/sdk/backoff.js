/** How long to wait before the next attempt: doubling, capped, and spread so that a crowd does not return as one. */

const FIRST_MS = 100;
/** The longest wait: a restarted server is found again within this time. */
const CAP_MS = 5_000;

/**
 * @param {number} attempt  0 for the first retry
 * @param {() => number} random  in [0, 1)
 * @returns {number} milliseconds, between half of the doubled step and all of it
 */
export function backoffMs(attempt, random) {
  const step = Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return step / 2 + (step / 2) * random();
}
