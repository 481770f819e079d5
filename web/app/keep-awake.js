/** Keeps a phone's screen from going dark in the middle of a call. */

/** @param {AbortSignal} signal  aborts when the call is over */
export function keepAwake(signal) {
  if (!navigator.wakeLock) return; // insecure page or older browser
  /** @type {WakeLockSentinel | null} */
  let lock = null;
  const ask = async () => {
    if (document.hidden) return; // the browser gave the lock back by itself; it is asked for again on return
    lock = await navigator.wakeLock.request("screen").catch(() => null); // low battery: the system says no
    if (signal.aborted) await lock?.release();
  };
  document.addEventListener("visibilitychange", ask, { signal });
  signal.addEventListener("abort", () => void lock?.release());
  void ask();
}
