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
    // The browser brings them together step by step meanwhile.
    await bo.page.waitForTimeout(2000);
    const own = median(differences(await ann.page.evaluate((ms) => globalThis.clapper.watchSelf(ms), WATCHED_MS / 2)));
    t.diagnostic(`at their source the beep is noticed ${Math.round(own)} ms after the flash`);

    const small = await watch(bo, ann);
    await bo.page.setViewportSize(LARGE);
    await bo.page.waitForFunction((height) => document.querySelector('parlor-tile:not(.self) video').videoHeight > height, Math.max(...small.heights), { timeout: 15_000 });
    const large = await watch(bo, ann);

    for (const [name, seen] of Object.entries({ small, large })) {
      const apart = differences(seen).map((apart) => apart - own);
      t.diagnostic(`${name} (${seen.heights.join(', ')}p): the beep comes ${apart.map(Math.round).join(' ')} ms after the flash`);
      assert.ok(apart.length >= FLASHES, `${name}: ${seen.flashes.length} flashes and ${seen.beeps.length} beeps make ${apart.length} pairs`);
      assert.ok(Math.abs(median(apart)) <= APART_MS, `${name}: the beep comes ${median(apart)} ms after the flash`);
    }
  });
});

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
