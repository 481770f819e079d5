// What people set for themselves in a call: how loud somebody is, what pictures may cost, and what they want to know of them.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { company } from '../lib/company.mjs';
import { assertAllMeet, Person } from '../lib/person.mjs';

/** The smallest picture of a camera of 1280x720 or less is not higher. */
const SMALL_HEIGHT = 180;
/** The graph has a point a second. */
const BEFORE_OPENING_MS = 4_500;
const AT_ONCE_MS = 900;

describe('what people set for themselves', () => {
  const here = company(2);
  const { browsers, people } = here;

  async function meet(room) {
    people.push(...(await Promise.all(browsers.map((browser) => Person.join(browser, here.server, { room })))));
    await assertAllMeet(people);
    return people;
  }

  it('somebody is made quieter by the keyboard alone, stays so when their microphone was off, and nobody else is', async () => {
    const [ann, bo] = await meet('loudness');
    await ann.tile(bo).getByTestId('more').focus();
    await ann.page.keyboard.press('Enter');
    for (let press = 0; press < 4; press++) await ann.page.keyboard.press('ArrowLeft');
    assert.deepEqual(await ann.page.evaluate(volumes), [0.8]);
    await ann.page.keyboard.press('Escape');
    assert.equal(await ann.page.evaluate(() => document.activeElement.dataset.testid), 'more', 'the keyboard is back at the tile');
    await bo.element('mic-toggle').click();
    await ann.tile(bo).getByTestId('muted').waitFor({ state: 'visible' });
    await bo.element('mic-toggle').click();
    await ann.hears(bo);
    assert.deepEqual(await ann.page.evaluate(volumes), [0.8]);
    assert.deepEqual(await bo.page.evaluate(volumes), [1]);
  });

  it('a key shows on a picture what arrives of it, and hides it again; the panel shows the whole', async () => {
    const [ann, bo] = await meet('figures');
    const figures = ann.tile(bo).getByTestId('tile-statistics');
    await ann.tile(bo).getByTestId('more').focus();
    await ann.page.keyboard.press('i');
    await figures.getByText(/^\d+×\d+, \d+ fps$/).waitFor();
    await figures.getByText(/^VP8/).waitFor();
    await figures.getByText(/, layer [lmh], S0T\d$/).waitFor();
    await figures.getByText(/bit\/s$/).waitFor();
    await figures.getByText(/^loss \d.* %, jitter \d.* ms$/).waitFor();
    await figures.getByText(/^round trip \d.* ms$/).waitFor();
    await figures.getByText(/^\d+ freezes?$/).waitFor();
    await ann.page.keyboard.press('i');
    await figures.waitFor({ state: 'hidden' });
    await ann.element('network').click();
    await ann.element('figures').getByText('Round trip').waitFor();
    const words = await ann.element('figures').innerText();
    assert.match(words, /Arrives\s+[1-9]\d* kbit\/s/);
    assert.match(words, /Lost on the way here\s+\d.* %/);
    assert.match(words, /Jitter, the worst\s+\d.* ms/);
    assert.match(words, /Freezes\s+\d/);
    await ann.page.keyboard.press('Escape');
  });

  it('the graph shows the time before it was opened, to whoever opens it by the keyboard', async () => {
    const [ann] = await meet('graph');
    await ann.page.waitForTimeout(BEFORE_OPENING_MS);
    await ann.element('network').focus();
    await ann.page.keyboard.press('Enter');
    for (const line of ['graph-received', 'graph-estimate']) {
      await ann.page.waitForFunction(hasPoints, [line, 3], { timeout: AT_ONCE_MS });
    }
    const known = ann.element('figures').getByText('Can arrive (estimate)').locator('..');
    assert.match(await known.innerText(), /[1-9].* [kM]bit\/s/);
    await ann.page.keyboard.press('Escape');
  });

  it('who saves data is sent small pictures and sends one, until they choose large ones again; the server counts what changes', async () => {
    const [ann, bo] = await meet('saver');
    await ann.seesHeightOf(bo, (height) => height > SMALL_HEIGHT);
    await bo.seesHeightOf(ann, (height) => height > SMALL_HEIGHT);
    const [switches, surveyed] = await Promise.all(['parlor_layer_switches_total', 'parlor_estimate_bytes_per_second_count'].map((name) => here.server.metric(name)));
    const pauses = await here.server.metric('parlor_pauses_total');
    await choose(ann, 'saver');
    await ann.seesHeightOf(bo, (height) => height > 0 && height <= SMALL_HEIGHT);
    await bo.seesHeightOf(ann, (height) => height > 0 && height <= SMALL_HEIGHT);
    assert.deepEqual(await ann.page.evaluate(toldLayers), ['l']);
    await choose(ann, 'auto');
    await ann.seesHeightOf(bo, (height) => height > SMALL_HEIGHT);
    await bo.seesHeightOf(ann, (height) => height > SMALL_HEIGHT);
    assert.ok((await here.server.metric('parlor_layer_switches_total')) >= switches + 2);
    assert.equal(await here.server.metric('parlor_pauses_total'), pauses, 'nothing was paused for it');
    assert.ok((await here.server.metric('parlor_probes_total')) > 0);
    assert.ok((await here.server.metric('parlor_probe_results_total')) > 0);
    assert.ok((await here.server.metric('parlor_estimate_bytes_per_second_count')) > surveyed);
  });

  it('who chose sound alone sees initials and hears everybody, also after a reload, until they choose pictures again', async () => {
    const [ann, bo] = await meet('alone');
    await choose(ann, 'audio');
    await ann.seesNoPictureOf(bo);
    await ann.tile(bo).getByText('Audio only: this picture is not shown').waitFor();
    await ann.hears(bo);
    await bo.seesMotion(ann);
    await ann.page.reload();
    await ann.element('room-name').waitFor({ timeout: 15_000 });
    await ann.learnPeer();
    await ann.hears(bo);
    await ann.seesNoPictureOf(bo);
    await choose(ann, 'auto');
    await ann.tile(bo).getByTestId('tile-note').waitFor({ state: 'hidden' });
    await ann.seesMotion(bo);
  });
});

/** Chooses what pictures may cost. */
async function choose(person, level) {
  await person.element('devices-button').click();
  await person.element('quality-picker').selectOption(level);
  await person.page.keyboard.press('Escape');
}

/** Runs in the page: whether a line of the graph has so many points. */
function hasPoints([line, count]) {
  return (document.querySelector(`.${line}`).getAttribute('d') ?? '').split(/[ML]/).length > count;
}

/** Runs in the page: the encodings of the pictures that the server says it sends. */
function toldLayers() {
  return globalThis.parlor.room.quality.tracks.filter(({ layer }) => layer).map(({ layer }) => layer);
}

/** Runs in the page: how loud everybody is played. */
function volumes() {
  return [...document.querySelectorAll('[data-testid=sounds] audio')].map((player) => player.volume);
}
