/** A microphone's level, for a meter. */

const FLOOR_DB = -60;

/**
 * Calls `show` with 0 (silence) to 1 (as loud as it gets), on every frame the screen shows, until `signal` aborts.
 * @param {MediaStreamTrack} track
 * @param {(level: number) => void} show
 * @param {AbortSignal} signal
 */
export function meter(track, show, signal) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  // Without a gesture the context may start suspended; the first touch of the page wakes it.
  const wake = () => void context.resume();
  addEventListener("pointerdown", wake, { signal });
  addEventListener("keydown", wake, { signal });

  const samples = new Float32Array(analyser.fftSize);
  let level = 0;
  const frame = () => {
    if (signal.aborted) return;
    analyser.getFloatTimeDomainData(samples);
    const now = loudness(samples);
    level = now > level ? now : level * 0.9 + now * 0.1; // up at once, down gently: readable
    show(level);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  signal.addEventListener("abort", () => void context.close());
}

/**
 * @param {Float32Array} samples
 * @returns {number} 0 at -60 dB and below, 1 at full scale
 */
export function loudness(samples) {
  const energy = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  const db = 10 * Math.log10(Math.max(energy, 1e-12));
  return Math.min(1, Math.max(0, 1 - db / FLOOR_DB));
}
