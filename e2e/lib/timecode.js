// Runs inside a page: notes when each picture of a video is there, by the number that is drawn in it (see pattern.mjs).
globalThis.timecode ??= (() => {
  /** Each bit of the number is one cell of the top row. */
  const BITS = 16, ROWS = 9;
  const strip = new OffscreenCanvas(BITS, 1).getContext('2d', { willReadFrequently: true });
  let notes = [];

  /** The number in the picture that a video shows. */
  function read(video) {
    const height = video.videoHeight / ROWS;
    strip.drawImage(video, 0, height / 4, video.videoWidth, height / 2, 0, 0, BITS, 1);
    const { data } = strip.getImageData(0, 0, BITS, 1);
    let number = 0;
    for (let bit = 0; bit < BITS; bit++) number = number * 2 + (data[bit * 4] > 128 ? 1 : 0);
    return number;
  }

  /** From now on; in milliseconds of the machine's clock. */
  function watch(video) {
    const look = (_, { captureTime, presentationTime, receiveTime }) => {
      // Of one's own camera, when it was taken; of somebody else's, when it is shown.
      const at = receiveTime === undefined && captureTime !== undefined ? captureTime : presentationTime;
      notes.push({ number: read(video), at: performance.timeOrigin + at });
      video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
  }

  return {
    watch,
    /** What was noted since the last time. */
    take() {
      const taken = notes;
      notes = [];
      return taken;
    },
  };
})();
