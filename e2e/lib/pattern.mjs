// A picture and a tone that say who made them, as files for Chromium's fake devices.
//
// The picture: a grid of 16 x 9 cells. Row 0 is a 16-bit frame counter, row 1 an 8-bit id and its
// complement, the rest the id's colour with a bar that moves. It survives VP8 down to 160 x 90.
import fs from 'node:fs';
import path from 'node:path';

export const WIDTH = 640;
export const HEIGHT = 360;
export const CELL = 40;
/** Enough to see motion; more costs processors that four people in one small machine do not have. */
export const FPS = 10;
const SECONDS = 8;
/** What most stories need: it costs an encoder next to nothing. */
const PLAIN = { name: 'picture', width: WIDTH, height: HEIGHT, fps: FPS, seconds: SECONDS, restless: 0 };
/**
 * Large enough for three layers, fast enough for frames to be left out, and as dear as a camera's: so large a part of its lower half is another one
 * in each frame.
 */
export const WIDE = { name: 'wide', width: 1280, height: 720, fps: 15, seconds: 4, restless: 0.25 };
const WHITE = 235;
const BLACK = 16;
/** The side of what changes by itself in a restless picture, in pixels. */
const PATCH = 16;
/** How far from grey it is. */
const CONTRAST = 24;
const SAMPLE_RATE = 48000;
const MEDIA = path.join(import.meta.dirname, '..', 'media');

/** The colour of an id: hues far apart for ids that are near. */
export const hue = (id) => (id * 137) % 360;
/** The tone of an id, in hertz: 300, 420, 540, … never a multiple of another small one. */
export const hertz = (id) => 180 + 120 * id;

/** Makes the files for an id once and says where they are. */
export function files(id, picture) {
  picture ??= PLAIN;
  fs.mkdirSync(MEDIA, { recursive: true });
  const video = path.join(MEDIA, `${picture.name}-${id}-${picture.fps}.y4m`);
  const audio = path.join(MEDIA, `tone-${id}.wav`);
  if (!fs.existsSync(video)) writeWhole(video, (fd) => writePicture(fd, id, picture));
  if (!fs.existsSync(audio)) writeWhole(audio, (fd) => fs.writeSync(fd, tone(hertz(id))));
  return { video, audio };
}

/** A file that exists is complete: it gets its name when it is written. */
function writeWhole(name, write) {
  const fd = fs.openSync(`${name}.part`, 'w');
  write(fd);
  fs.closeSync(fd);
  fs.renameSync(`${name}.part`, name);
}

function writePicture(fd, id, { width, height, fps, seconds, restless }) {
  const canvas = new Canvas(width, height);
  const colour = yuv(hue(id));
  const cell = width / 16;
  const luck = randomNumbers(id);
  const patches = patchesBelow(height / 2, canvas);
  fs.writeSync(fd, `YUV4MPEG2 W${width} H${height} F${fps}:1 Ip A1:1 C420jpeg\n`);
  for (let n = 0; n < seconds * fps; n++) {
    canvas.clear(colour);
    for (const patch of patches) {
      if (luck() < restless) patch.grey = 128 + Math.floor(2 * CONTRAST * (luck() - 0.5));
      if (restless) canvas.paint(patch.x, patch.y, PATCH, patch.grey);
    }
    bits(n, 16).forEach((bit, column) => canvas.paint(column * cell, 0, cell, bit ? WHITE : BLACK));
    bits((id << 8) | (~id & 0xff), 16).forEach((bit, column) => canvas.paint(column * cell, cell, cell, bit ? WHITE : BLACK));
    canvas.paint((n * 16) % (width - cell), 7.5 * cell, cell, WHITE);
    fs.writeSync(fd, 'FRAME\n');
    fs.writeSync(fd, canvas.planes);
  }
}

const bits = (value, count) => Array.from({ length: count }, (_, i) => (value >> (count - 1 - i)) & 1);

/** Where the restless part is: patches in rows. */
function patchesBelow(top, { width, height }) {
  const patches = [];
  for (let y = top; y + PATCH <= height; y += PATCH) for (let x = 0; x + PATCH <= width; x += PATCH) patches.push({ x, y, grey: 128 });
  return patches;
}

/** Always the same for a seed, from 0 to 1 (Numerical Recipes' generator, its upper bits). */
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}

/** One frame of planar 4:2:0. */
class Canvas {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.luma = width * height;
    this.planes = Buffer.alloc((this.luma * 3) / 2);
  }

  clear([y, u, v]) {
    const { luma } = this;
    this.planes.fill(y, 0, luma).fill(u, luma, (luma * 5) / 4).fill(v, (luma * 5) / 4);
  }

  /** Paints a grey square. */
  paint(x, y, size, grey) {
    const { planes, width, luma } = this;
    for (let row = y; row < y + size; row++) planes.fill(grey, row * width + x, row * width + x + size);
    for (const plane of [luma, (luma * 5) / 4])
      for (let row = y / 2; row < (y + size) / 2; row++) {
        const start = plane + (row * width) / 2 + x / 2;
        planes.fill(128, start, start + size / 2);
      }
  }
}

/** Full-range BT.601 values of a saturated hue. */
function yuv(degrees) {
  const channel = (n) => {
    const k = (n + degrees / 30) % 12;
    return 255 * (0.5 - 0.5 * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
  };
  const [r, g, b] = [channel(0), channel(8), channel(4)];
  return [
    16 + (65.738 * r + 129.057 * g + 25.064 * b) / 256,
    128 + (-37.945 * r - 74.494 * g + 112.439 * b) / 256,
    128 + (112.439 * r - 94.154 * g - 18.285 * b) / 256,
  ].map(Math.round);
}

/** A mono 16-bit wav with a whole number of periods, so that it loops without a click. */
function tone(hz) {
  const samples = SAMPLE_RATE * SECONDS;
  const wav = Buffer.alloc(44 + samples * 2);
  wav.write('RIFF', 0);
  wav.writeUInt32LE(36 + samples * 2, 4);
  wav.write('WAVEfmt ', 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(SAMPLE_RATE, 24);
  wav.writeUInt32LE(SAMPLE_RATE * 2, 28);
  wav.writeUInt16LE(2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write('data', 36);
  wav.writeUInt32LE(samples * 2, 40);
  for (let i = 0; i < samples; i++)
    wav.writeInt16LE(Math.round(12000 * Math.sin((2 * Math.PI * hz * i) / SAMPLE_RATE)), 44 + i * 2);
  return wav;
}
