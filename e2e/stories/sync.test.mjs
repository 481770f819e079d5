// Lips and words: a flash is seen when the beep of the same moment is heard, in small and in large pictures.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { company } from '../lib/company.mjs';
import { Person } from '../lib/person.mjs';

const CLAPPER = readFileSync(path.join(import.meta.dirname, '../lib/clapper.js'), 'utf8');

/** Nobody sees that sound and picture are so far apart (ITU-R BT.1359 allows more). */
const APART_MS = 60;
/** What is counted, of those that come in the time of twelve. */
const FLASHES = 10;
const WATCHED_MS = 12 * 500;
/** Of a pair, a flash and a beep are not further apart. */
const PAIRED_MS = 240;

/**
 * Until the browser itself takes them for together. It needs two reports of both, and the publisher's browser tells of its microphone every five seconds only; from
 * then on it makes up for an eighth of the distance each second (libwebrtc's StreamSynchronization: half of what the average of four is, 80 ms at
 * most, and nothing below 30 ms), so that 200 ms take ten seconds.
 */
const TOGETHER_WITHIN_MS = 20_000;
/** It looks once a second, and a picture that comes late is no distance. */
const TOGETHER_FOR_MS = 1000;

const SMALL = { width: 260, height: 400 };
const LARGE = { width: 1280, height: 800 };

describe('sound and picture', () => {
  const here = company(2);
  const { browsers, people } = here;

  it('of one person stay together, and do so when the picture becomes another size', async (t) => {
    const page = await browsers[0].page();
    await page.addInitScript(`${CLAPPER}\nclapper.plugIn();`);
    const ann = await Person.join(browsers[0], here.server, { room: 'clap', page });
    const watching = await browsers[1].page({ viewport: SMALL });
    await watching.addInitScript(CLAPPER);
    const bo = await Person.join(browsers[1], here.server, { room: 'clap', page: watching, camera: false, microphone: false });
    people.push(ann, bo);
    await bo.tile(ann).locator('video').waitFor();
    const first = await broughtTogether(bo);
    const own = median(differences(await ann.page.evaluate((ms) => globalThis.clapper.watchSelf(ms), WATCHED_MS / 2)));
    t.diagnostic(`at their source the beep is noticed ${Math.round(own)} ms after the flash`);

    const small = await watch(bo, ann);
    await bo.page.setViewportSize(LARGE);
    await bo.page.waitForFunction((height) => document.querySelector('parlor-tile:not(.self) video').videoHeight > height, Math.max(...small.heights), { timeout: 15_000 });
    const second = await broughtTogether(bo);
    const large = await watch(bo, ann);
    t.diagnostic(`the browser takes them for together ${first} ms after the first picture, and ${second} ms after the first large one`);

    for (const [name, seen] of Object.entries({ small, large })) {
      const apart = differences(seen).map((apart) => apart - own);
      t.diagnostic(`${name} (${seen.heights.join(', ')}p): the beep comes ${apart.map(Math.round).join(' ')} ms after the flash`);
      assert.ok(apart.length >= FLASHES, `${name}: ${seen.flashes.length} flashes and ${seen.beeps.length} beeps make ${apart.length} pairs`);
      assert.ok(Math.abs(median(apart)) <= APART_MS, `${name}: the beep comes ${median(apart)} ms after the flash`);
    }
  });
});

/** Waits until the browser has brought sound and pictures together by what it knows of them; says how long that took, in milliseconds. */
async function broughtTogether({ page }) {
  const start = Date.now();
  let since = null, apart = null;
  while (since === null || Date.now() - since < TOGETHER_FOR_MS) {
    apart = await page.evaluate(believedApart);
    if (apart === null || Math.abs(apart) > APART_MS) since = null;
    else since ??= Date.now();
    assert.ok(Date.now() - start < TOGETHER_WITHIN_MS, `after ${TOGETHER_WITHIN_MS} ms the browser believes that sound and picture are ${apart} ms apart`);
    await page.waitForTimeout(100);
  }
  return since - start;
}

/** Runs in the page: how much later what is heard was taken than what is seen, in milliseconds, as the browser believes; null while it has no reports of both. */
async function believedApart() {
  const reports = [...(await globalThis.parlor.room.stats()).values()].filter(({ type, packetsReceived }) => type === 'inbound-rtp' && packetsReceived > 0);
  const takenAt = (kind) => reports.find((report) => report.kind === kind)?.estimatedPlayoutTimestamp;
  const [heard, seen] = [takenAt('audio'), takenAt('video')];
  return heard && seen ? heard - seen : null;
}

async function watch(person, other) {
  const [video, track] = await Promise.all([
    person.tile(other).locator('video').elementHandle(),
    person.page.evaluateHandle((peer) => globalThis.parlor.room.peers.get(peer).tracks.find(({ source }) => source === 'microphone').media, other.peer),
  ]);
  return person.page.evaluate(([video, track, ms]) => globalThis.clapper.watch(video, track, ms), [video, track, WATCHED_MS]);
}

/** How much later than each flash its beep came, in order of size. */
function differences({ flashes, beeps }) {
  const near = (flash) => beeps.map((beep) => beep - flash).find((apart) => Math.abs(apart) <= PAIRED_MS);
  return flashes.map(near).filter((apart) => apart !== undefined).sort((a, b) => a - b);
}

const median = (sorted) => sorted[Math.floor(sorted.length / 2)];
