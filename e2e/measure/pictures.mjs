// Makes the pictures that parlor-load sends: what Chromium's VP8 encoder makes of a bar that moves, in three sizes. `node measure/pictures.mjs`
import fs from 'node:fs';
import path from 'node:path';

import { openChromium } from '../lib/browsers.mjs';
import { Server } from '../lib/server.mjs';

const MEDIA = path.join(import.meta.dirname, '../../crates/load/media');
const HEIGHTS = [180, 360, 720];
/** The bar is where it was again after so many. */
const FRAMES = 64;

const server = await Server.start();
const browser = await openChromium();
try {
  const page = await browser.page();
  await page.goto(`${server.origin}/healthz`); // encoders are there for secure pages only
  for (const height of HEIGHTS) {
    const frames = await page.evaluate(encode, { height, count: FRAMES });
    const file = Buffer.concat(frames.flatMap((base64) => {
      const bytes = Buffer.from(base64, 'base64');
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }));
    fs.writeFileSync(path.join(MEDIA, `picture-${height}.vp8`), file);
    console.log(`${height}: ${frames.length} frames, ${file.length} bytes`);
  }
} finally {
  await browser.close();
  await server.stop();
}

/** Runs in the page. */
async function encode({ height, count }) {
  const width = (height / 9) * 16;
  const frames = [];
  let failed;
  const encoder = new VideoEncoder({
    output: (chunk) => {
      const bytes = new Uint8Array(chunk.byteLength);
      chunk.copyTo(bytes);
      frames.push(btoa(String.fromCharCode(...bytes)));
    },
    error: (error) => (failed = error),
  });
  encoder.configure({ codec: 'vp8', width, height, bitrate: height * 300, framerate: 30, latencyMode: 'realtime' });
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  for (let n = 0; n < count; n++) {
    context.fillStyle = '#2b4a3a';
    context.fillRect(0, 0, width, height);
    context.fillStyle = '#e8d9a0';
    context.fillRect((n / count) * width, height * 0.4, width / 16, height * 0.2);
    const frame = new VideoFrame(canvas, { timestamp: n * 33_333 });
    encoder.encode(frame, { keyFrame: n === 0 });
    frame.close();
  }
  await encoder.flush();
  if (failed) throw failed;
  return frames;
}
