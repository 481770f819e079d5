// Makes the pictures that parlor-load sends: what Chromium's encoders make of a bar that moves, in three sizes. `node measure/pictures.mjs [CODEC...]`
import fs from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import path from 'node:path';

import { openChromium } from '../lib/browsers.mjs';

const MEDIA = path.join(import.meta.dirname, '../../crates/load/media');
const HEIGHTS = [180, 360, 720];
/** What encoders are told to be. H.264 as start codes and units, its parameters before the key frame. */
const CODECS = {
  vp8: { codec: 'vp8' },
  vp9: { codec: 'vp09.00.31.08' },
  av1: { codec: 'av01.0.05M.08' },
  h264: { codec: 'avc1.42e01f', avc: { format: 'annexb' } },
};
/** The bar is where it was again after so many. */
const FRAMES = 64;

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(CODECS);
const server = http.createServer((_, reply) => reply.end()).listen(0, '127.0.0.1'); // encoders are there for secure pages only
await once(server, 'listening');
const browser = await openChromium();
try {
  const page = await browser.page();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  for (const name of wanted) {
    for (const height of HEIGHTS) {
      const frames = await page.evaluate(encode, { config: CODECS[name], height, count: FRAMES });
      const file = Buffer.concat(frames.flatMap((base64) => {
        const bytes = Buffer.from(base64, 'base64');
        const length = Buffer.alloc(4);
        length.writeUInt32BE(bytes.length);
        return [length, bytes];
      }));
      fs.writeFileSync(path.join(MEDIA, `picture-${height}.${name}`), file);
      console.log(`${name} ${height}: ${frames.length} frames, ${file.length} bytes`);
    }
  }
} finally {
  await browser.close();
  server.close();
}

/** Runs in the page. */
async function encode({ config, height, count }) {
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
  encoder.configure({ ...config, width, height, bitrate: height * 300, framerate: 30, latencyMode: 'realtime' });
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
