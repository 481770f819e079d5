// What the load tool sends is what browsers send: a browser sees and hears it.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

import { company } from '../lib/company.mjs';
import { Person } from '../lib/person.mjs';
import { BINARY } from '../lib/server.mjs';

const LOAD = process.env.PARLOR_LOAD ?? path.join(path.dirname(BINARY), 'parlor-load');
/** The tone of the person whose recording the load plays, in hertz; one bin of the analysis and a little more or less. */
const TONE = 1260;
const TONE_TOLERANCE = 14;
/** Pictures of another codec that are enough to know that it decodes. */
const PICTURES = 20;

describe('a load', () => {
  const here = company(1);

  it('is seen moving and heard by a browser in its room, decodes whole, and nothing is wrong with it', async () => {
    const over = load('--room', 'busy', '--sizes', '3', '--audio-kbps', '40', '--subscribers', '0', '--warm-up', '0', '--duration', '12');
    const ann = await Person.join(here.browsers[0], here.server, { room: 'busy-0', name: 'Ann' });
    here.people.push(ann);
    const video = ann.page.locator('parlor-tile:not(.self) video');
    await ann.page.waitForFunction(() => document.querySelector('parlor-tile:not(.self) video')?.videoWidth >= 640, null, { timeout: 10_000 });
    const bars = await video.evaluate(positions);
    assert.ok(new Set(bars).size > 5, `the bar is seen at ${bars}`);
    const { framesReceived, framesDecoded, keyFramesDecoded, pliCount } = await ann.page.evaluate(pictures);
    assert.ok(framesDecoded > 30 && framesReceived - framesDecoded <= 3, `${framesDecoded} of ${framesReceived} decoded`);
    assert.ok(pliCount <= keyFramesDecoded, 'no picture was asked for again and again');
    const heard = await ann.page.evaluate(hear);
    assert.ok(Math.abs(heard - TONE) <= TONE_TOLERANCE, `a tone of ${heard} Hz is heard`);
    const { code, report } = await over;
    assert.equal(code, 0, JSON.stringify(report));
    assert.ok(report.packets.sent > 1000);
  });

  for (const codec of ['vp9', 'h264', 'av1']) it(`decodes whole in ${codec.toUpperCase()} too`, () => watch(codec));

  /** Somebody without a camera looks at a load in that codec, which another one of the load checks. */
  async function watch(codec) {
    const ann = await Person.join(here.browsers[0], here.server, { room: `${codec}-0`, name: 'Ann', camera: false });
    here.people.push(ann);
    const over = load('--room', codec, '--codec', codec, '--video-kbps', '300', '--subscribers', '1', '--warm-up', '0', '--duration', '4');
    let seen;
    for (const end = Date.now() + 5000; !(seen?.framesDecoded > PICTURES) && Date.now() < end; ) {
      await ann.page.waitForTimeout(200);
      seen = await ann.page.evaluate(pictures);
    }
    assert.ok(seen?.framesDecoded > PICTURES, `${seen?.framesDecoded} pictures decoded`);
    const { framesReceived, framesDecoded, frameWidth } = seen;
    assert.ok(framesReceived - framesDecoded <= 3, `${framesDecoded} of ${framesReceived} decoded`);
    assert.equal(frameWidth, 1280);
    const { code, report } = await over;
    assert.equal(code, 0, JSON.stringify(report));
    assert.ok(report.packets.received > 100, JSON.stringify(report));
  }

  /** A load, and what comes of it. */
  async function load(...options) {
    const child = spawn(LOAD, [here.server.origin, ...options, '--json', '--quiet'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const output = [];
    child.stdout.on('data', (bytes) => output.push(bytes));
    const [code] = await once(child, 'close');
    return { code, report: JSON.parse(Buffer.concat(output).toString()) };
  }
});

/** Runs in the page: where the bright bar is in a row of the picture, over a second. */
async function positions(video) {
  const canvas = new OffscreenCanvas(64, 36);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const seen = [];
  for (let n = 0; n < 20; n++) {
    context.drawImage(video, 0, 0, 64, 36);
    const { data } = context.getImageData(0, 18, 64, 1);
    let brightest = 0;
    for (let x = 0; x < 64; x++) if (data[4 * x] > data[4 * brightest]) brightest = x;
    if (data[4 * brightest] > 160) seen.push(brightest);
    await new Promise((done) => setTimeout(done, 50));
  }
  return seen;
}

/** Runs in the page: what arrives of pictures. */
async function pictures() {
  return [...(await globalThis.parlor.room.stats()).values()].find(({ type, kind, framesReceived }) => type === 'inbound-rtp' && kind === 'video' && framesReceived > 0);
}

/** Runs in the page: the tone of the one who speaks. */
async function hear() {
  const end = Date.now() + 8000;
  let heard = null;
  while (!heard && Date.now() < end) {
    const tracks = [...globalThis.parlor.room.peers.values()].flatMap(({ tracks }) => tracks);
    const sound = tracks.find(({ source, media }) => source === 'microphone' && media);
    heard = sound && (await globalThis.probe.tone(sound.media)).hertz;
    await new Promise((done) => setTimeout(done, 100));
  }
  return heard;
}
