/** The way into a room for the first time: it finds the server, gives up in time, and can be called off. */

import { ParlorError } from "./error.js";

/** @import { Socket } from "./socket.js" */

/** A first join that finds no server within this time says so instead of trying for ever. */
export const UNREACHABLE_AFTER_MS = 10_000;

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
