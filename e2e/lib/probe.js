// Runs inside the page: reads the pattern out of a video and the tone out of an audio track.
globalThis.probe = (() => {
  const WIDTH = 640, HEIGHT = 360, CELL = 40;
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  let audio;

  /** What a video shows now: whose picture, which frame, at what size. Null while it shows nothing. */
  function picture(video) {
    if (!video?.videoWidth) return null;
    context.drawImage(video, 0, 0, WIDTH, HEIGHT);
    const read = (row) => {
      const { data } = context.getImageData(0, row * CELL + CELL / 2, WIDTH, 1);
      let value = 0;
      for (let cell = 0; cell < 16; cell++) {
        const i = (cell * CELL + CELL / 2) * 4;
        value = value * 2 + (data[i] + data[i + 1] + data[i + 2] > 384 ? 1 : 0);
      }
      return value;
    };
    const code = read(1);
    const id = code >> 8;
    const valid = (id ^ (code & 0xff)) === 0xff;
    return { id: valid ? id : null, counter: read(0), width: video.videoWidth, height: video.videoHeight };
  }

  /** The colour that a video shows left of its middle, where our pattern and Chromium's own are of one: red, green and blue, each 0 to 255. Null while it shows nothing. */
  function colour(video) {
    if (!video?.videoWidth) return null;
    context.drawImage(video, 0, 0, WIDTH, HEIGHT);
    const { data } = context.getImageData(CELL, 5 * CELL, CELL, CELL);
    const pixels = data.length / 4;
    return [0, 1, 2].map((channel) => {
      let sum = 0;
      for (let i = channel; i < data.length; i += 4) sum += data[i];
      return Math.round(sum / pixels);
    });
  }

  /** What a video shows during a time: whose pictures, how many distinct ones, and the longest pause between two, in ms. */
  async function watch(video, ms) {
    const ids = new Set(), counters = new Set();
    const start = performance.now();
    let changed = start, last, pause = 0;
    for (let now = start; now < start + ms; now = performance.now()) {
      const seen = picture(video);
      if (seen) {
        ids.add(seen.id);
        counters.add(seen.counter);
        if (seen.counter !== last) changed = now;
        last = seen.counter;
      }
      pause = Math.max(pause, now - changed);
      await new Promise((done) => setTimeout(done, 30));
    }
    return { ids: [...ids], frames: counters.size, pause: Math.round(pause) };
  }

  /** The strongest tone in an audio track, and how far it stands out of the rest. */
  async function tone(track, ms = 600) {
    audio ??= new AudioContext();
    await Promise.race([audio.resume(), new Promise((done) => setTimeout(done, 2000))]);
    if (audio.state !== 'running') return { state: audio.state };
    const source = audio.createMediaStreamSource(new MediaStream([track]));
    const analyser = audio.createAnalyser();
    analyser.fftSize = 8192;
    analyser.smoothingTimeConstant = 0;
    source.connect(analyser);
    await new Promise((done) => setTimeout(done, ms));
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    source.disconnect();
    let peak = 1;
    for (let i = 1; i < bins.length; i++) if (bins[i] > bins[peak]) peak = i;
    const median = [...bins].sort((a, b) => a - b)[bins.length >> 1];
    const loud = bins[peak] > -70 && bins[peak] - median > 30;
    return { state: audio.state, hertz: loud ? (peak * audio.sampleRate) / analyser.fftSize : null, peak: bins[peak], median };
  }

  return { picture, colour, watch, tone };
})();
