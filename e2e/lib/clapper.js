// Runs inside a page: a camera that flashes and a microphone that beeps at the same moments, in place of the browser's; and, in
// another page, when each flash is shown and each beep played.
globalThis.clapper = (() => {
  const WIDTH = 640, HEIGHT = 360, FPS = 30;
  /** Both at once, so often and for so long. */
  const EVERY_MS = 500, LASTS_MS = 120;
  const HERTZ = 1000, LOUDNESS = 0.5;
  /** Samples in a second, and in a piece of sound. */
  const SAMPLES = 48_000, PIECE = 480;
  const PIECE_MS = (PIECE * 1000) / SAMPLES;
  /** Of a sample, from 0 to 1: the beep is louder, and what is made up for silence is not. */
  const LOUD = 0.05;
  /** Of a pixel, from 0 to 255. */
  const BRIGHT = 128;

  /** What the devices give. */
  let picture, sound;

  /** Makes the page's camera and microphone these. */
  function plugIn() {
    if (!navigator.mediaDevices) return; // about:blank
    const canvas = Object.assign(document.createElement('canvas'), { width: WIDTH, height: HEIGHT });
    const context = canvas.getContext('2d');
    let on = false, switched = 0;
    setInterval(() => {
      const now = performance.now();
      const was = on;
      on = now % EVERY_MS < LASTS_MS;
      if (on !== was) switched = now;
      context.fillStyle = on ? '#fff' : '#204060';
      context.fillRect(0, 0, WIDTH, HEIGHT);
      context.fillStyle = '#000'; // a picture that does not change at all is not sent as often
      context.fillRect((now / 4) % WIDTH, HEIGHT - 20, 20, 20);
    }, 1000 / FPS);
    sound = microphone((ms) => (ms < switched ? !on : on));
    const device = (kind) => ({ kind, deviceId: kind, label: kind, groupId: '' });
    const media = navigator.mediaDevices;
    [picture] = canvas.captureStream(FPS).getTracks();
    media.enumerateDevices = async () => [device('videoinput'), device('audioinput')];
    media.getUserMedia = async (wanted) => new MediaStream([...(wanted.audio ? [sound.clone()] : []), ...(wanted.video ? [picture.clone()] : [])]);
  }

  /**
   * A microphone that beeps whenever it is to, told for moments of the page's clock. A busy page is late with it and leaves nothing out: the clock of an audio context
   * loses what it is late by, which no microphone does, and whoever hears it knows of that by the next report only.
   */
  function microphone(beeps) {
    const track = new MediaStreamTrackGenerator({ kind: 'audio' });
    const out = track.writable.getWriter();
    const start = performance.now();
    let pieces = 0;
    setInterval(() => {
      for (; start + (pieces + 1) * PIECE_MS <= performance.now(); pieces++) {
        const from = pieces * PIECE;
        const sample = (index) => beeps(start + ((from + index) * 1000) / SAMPLES) ? LOUDNESS * Math.sin((2 * Math.PI * HERTZ * (from + index)) / SAMPLES) : 0;
        const data = Float32Array.from({ length: PIECE }, (_, index) => sample(index));
        out.write(new AudioData({ format: 'f32-planar', sampleRate: SAMPLES, numberOfFrames: PIECE, numberOfChannels: 1, timestamp: (start + pieces * PIECE_MS) * 1000, data }));
      }
    }, PIECE_MS);
    return track;
  }

  /** The same of the devices themselves: how far apart both are before they are sent, and by what it takes to notice them. */
  async function watchSelf(ms) {
    const video = Object.assign(document.createElement('video'), { muted: true, srcObject: new MediaStream([picture]) });
    await video.play();
    return watch(video, sound, ms);
  }

  /** Notes for a time when flashes are shown by a video, and beeps heard over a track, in milliseconds of the page's clock. */
  async function watch(video, track, ms) {
    const audio = new AudioContext();
    await audio.resume();
    const ears = new AnalyserNode(audio, { fftSize: 4096 });
    audio.createMediaStreamSource(new MediaStream([track])).connect(ears);
    const samples = new Float32Array(ears.fftSize);
    const eye = new OffscreenCanvas(4, 4).getContext('2d', { willReadFrequently: true });
    const flashes = [], beeps = [], heights = new Set();
    const end = performance.now() + ms;
    let wasBright = true; // what has begun before is left out
    const look = (_, { presentationTime }) => {
      eye.drawImage(video, 0, 0, 4, 4);
      const isBright = eye.getImageData(1, 1, 1, 1).data[0] > BRIGHT;
      if (isBright && !wasBright) flashes.push(presentationTime);
      wasBright = isBright;
      heights.add(video.videoHeight);
      if (performance.now() < end) video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
    // A beep begins after as long a silence as there is between two.
    const ago_ms = (index) => ((samples.length - index) * 1000) / audio.sampleRate;
    let heard = performance.now();
    while (performance.now() < end) {
      ears.getFloatTimeDomainData(samples);
      const now = performance.now();
      const first = samples.findIndex((sample) => Math.abs(sample) > LOUD);
      if (first !== -1) {
        const at = now - ago_ms(first);
        if (at - heard > EVERY_MS / 3) beeps.push(at);
        heard = now;
      }
      await new Promise((done) => setTimeout(done, 10));
    }
    await audio.close();
    return { flashes, beeps, heights: [...heights] };
  }

  return { plugIn, watch, watchSelf };
})();
