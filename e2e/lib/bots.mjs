// Simulated people beside the browsers, showing what a real encoder made.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';

import { hertz, hue, CELL, FPS, HEIGHT, WIDTH } from './pattern.mjs';

const BINARY =
  process.env.PARLOR_BOTS ?? path.join(import.meta.dirname, '..', '..', 'target', 'release', 'parlor-bots');
const MEDIA = path.join(import.meta.dirname, '..', 'media');

/** Encodes an id's picture (VP8) and tone (Opus) in a browser, once, into files that the bots play. */
export async function record(browser, server, id) {
  const files = { video: path.join(MEDIA, `bot-${id}-${FPS}.vp8`), audio: path.join(MEDIA, `bot-${id}.opus`) };
  if (fs.existsSync(files.audio)) return files;
  fs.mkdirSync(MEDIA, { recursive: true });
  const page = await browser.page();
  await page.goto(`${server.origin}/healthz`); // encoders are there for secure pages only
  const settings = { id, hue: hue(id), hertz: hertz(id), width: WIDTH, height: HEIGHT, cell: CELL, fps: FPS };
  const recorded = await page.evaluate(encode, settings);
  await page.context().close();
  fs.writeFileSync(files.video, framed(recorded.video));
  fs.writeFileSync(files.audio, framed(recorded.audio));
  return files;
}

/** Frames as the bots read them: each behind its length. */
function framed(frames) {
  return Buffer.concat(
    frames.flatMap((base64) => {
      const bytes = Buffer.from(base64, 'base64');
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}

/** Runs in the page: four seconds of picture and tone through the browser's own encoders. */
async function encode({ id, hue, hertz, width, height, cell, fps }) {
  const base64 = (chunk) => {
    const bytes = new Uint8Array(chunk.byteLength);
    chunk.copyTo(bytes);
    return btoa(String.fromCharCode(...bytes));
  };
  const failed = [];
  const encoder = (Encoder, frames) =>
    new Encoder({ output: (chunk) => frames.push(base64(chunk)), error: (error) => failed.push(String(error)) });

  const video = [];
  const pictures = encoder(VideoEncoder, video);
  pictures.configure({ codec: 'vp8', width: width / 2, height: height / 2, bitrate: 60_000, framerate: fps, latencyMode: 'realtime' });
  const canvas = new OffscreenCanvas(width / 2, height / 2);
  const context = canvas.getContext('2d');
  context.scale(0.5, 0.5);
  const paint = (bit, x, y) => {
    context.fillStyle = bit ? '#fff' : '#000';
    context.fillRect(x * cell, y * cell, cell, cell);
  };
  for (let n = 0; n < 4 * fps; n++) {
    context.fillStyle = `hsl(${hue},100%,50%)`;
    context.fillRect(0, 0, width, height);
    const code = (id << 8) | (~id & 0xff);
    for (let i = 0; i < 16; i++) {
      paint((n >> (15 - i)) & 1, i, 0);
      paint((code >> (15 - i)) & 1, i, 1);
    }
    const frame = new VideoFrame(canvas, { timestamp: (n * 1e6) / fps });
    pictures.encode(frame, { keyFrame: n === 0 });
    frame.close();
  }
  await pictures.flush();

  const audio = [];
  const sounds = encoder(AudioEncoder, audio);
  const rate = 48_000;
  sounds.configure({ codec: 'opus', sampleRate: rate, numberOfChannels: 1, bitrate: 32_000, opus: { frameDuration: 20_000 } });
  const samples = new Float32Array(4 * rate);
  for (let i = 0; i < samples.length; i++) samples[i] = 0.4 * Math.sin((2 * Math.PI * hertz * i) / rate);
  sounds.encode(new AudioData({ format: 'f32', sampleRate: rate, numberOfFrames: samples.length, numberOfChannels: 1, timestamp: 0, data: samples }));
  await sounds.flush();
  if (failed.length > 0) throw new Error(failed.join('; '));
  return { video, audio };
}

/** `count` simulated people in a room, all showing the recorded id. */
export class Bots {
  constructor(server, { room, count, recording, seconds = 120 }) {
    const args = ['--server', `127.0.0.1:${server.port}`, '--room', room, '--count', `${count}`, '--seconds', `${seconds}`];
    if (recording) args.push('--video', recording.video, '--audio', recording.audio, '--fps', `${FPS}`);
    this.child = spawn(BINARY, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.log = '';
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', (text) => (this.log += text));
  }

  async stop() {
    if (this.child.exitCode === null) {
      this.child.kill('SIGTERM');
      await once(this.child, 'exit');
    }
  }
}
