/** The way into a room for the first time: it finds the server, gives up in time, and can be called off. */

import { ParlorError } from "./error.js";

/** @import { Socket } from "./socket.js" */

/** A first join that finds no server within this time says so instead of trying for ever. */
export const UNREACHABLE_AFTER_MS = 10_000;

/** Someone whom a busy server has not let in after so much waiting is told so, and decides what to do. */
const WAITS_FOR_MS = 120_000;

/**
 * How long to wait before knocking again, when a busy server has said when that can help: longer by up to a half, so that all whom it
 * turned away do not return as one.
 * @param {ParlorError} error  why we were not let in
 * @param {number} waitedMs  how long we have waited already
 * @param {() => number} random  in [0, 1)
 * @returns {number | null} milliseconds; null when knocking again is of no use, or was tried for long enough
 */
export function busyWaitMs({ reason, retryAfterMs }, waitedMs, random) {
  if (reason !== "server_busy" || retryAfterMs === null || waitedMs >= WAITS_FOR_MS) return null;
  return Math.round(retryAfterMs * (1 + random() / 2));
}

/**
 * Lets time pass.
 * @param {number} ms
 * @param {AbortSignal} signal  stops the waiting, which then rejects with its reason
 * @returns {Promise<void>}
 */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)));
  });
}

/**
 * Settles when the socket is open, and rejects with `unreachable` when that takes too long.
 * @param {Socket} socket  which is opening
 * @param {AbortSignal} signal  stops the waiting
 * @returns {Promise<void>}
 */
export function whenOpen(socket, signal) {
  return new Promise((resolve, reject) => {
    if (socket.isOpen) return resolve();
    const timer = setTimeout(() => reject(new ParlorError("unreachable", "The server cannot be reached.")), UNREACHABLE_AFTER_MS);
    const stopWaiting = () => clearTimeout(timer);
    socket.on("open", () => (stopWaiting(), resolve()), { once: true, signal });
    signal.addEventListener("abort", stopWaiting);
  });
}

/**
 * What `work` settles with, or the signal's reason if that comes first.
 * A closed RTCPeerConnection never settles what it was asked, so whoever gives up must not wait for it.
 * @template T
 * @param {Promise<T>} work
 * @param {AbortSignal} signal
 * @returns {Promise<T>}
 */
export async function unlessAborted(work, signal) {
  const aborted = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const result = await Promise.race([work, aborted]);
  signal.throwIfAborted();
  return /** @type {T} */ (result);
}

export function youLeft() {
  return new ParlorError("left", "You left the room.");
}
