// What people set for themselves in a call: how loud somebody is, what pictures may cost, and what they want to know of them.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { company } from '../lib/company.mjs';
import { assertAllMeet, Person } from '../lib/person.mjs';

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
    await figures.getByText(/bit\/s$/).waitFor();
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

  it('who chose sound alone sees initials and hears everybody, also after a reload, until they choose pictures again', async () => {
    const [ann, bo] = await meet('alone');
    const choose = async (level) => {
      await ann.element('devices-button').click();
      await ann.element('quality-picker').selectOption(level);
      await ann.page.keyboard.press('Escape');
    };
    await choose('audio');
    await ann.seesNoPictureOf(bo);
    await ann.tile(bo).getByText('Audio only: this picture is not shown').waitFor();
    await ann.hears(bo);
    await bo.seesMotion(ann);
    await ann.page.reload();
    await ann.element('room-name').waitFor({ timeout: 15_000 });
    await ann.learnPeer();
    await ann.hears(bo);
    await ann.seesNoPictureOf(bo);
    await choose('auto');
    await ann.tile(bo).getByTestId('tile-note').waitFor({ state: 'hidden' });
    await ann.seesMotion(bo);
  });
});

/** Runs in the page: how loud everybody is played. */
function volumes() {
  return [...document.querySelectorAll('[data-testid=sounds] audio')].map((player) => player.volume);
}
