// People meet in Chromium: who is seen and who is heard, by pixels and tones.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { Bots, record } from '../lib/bots.mjs';
import { company } from '../lib/company.mjs';
import { joinLate } from '../lib/late-joiner.mjs';
import { assertAllMeet, Person } from '../lib/person.mjs';

/** Whose picture and tone all simulated people have. */
const SIMULATED = 9;

describe('people in Chromium', () => {
  const here = company(4);
  const { browsers, people } = here;

  async function meet(count, room) {
    people.push(...(await Promise.all(browsers.slice(0, count).map((browser) => Person.join(browser, here.server, { room })))));
    return people;
  }

  it('two see and hear each other', async () => {
    await assertAllMeet(await meet(2, 'two'));
  });

  it('three see and hear each other', async () => {
    await assertAllMeet(await meet(3, 'three'));
  });

  it('four see and hear each other', async () => {
    await assertAllMeet(await meet(4, 'four'));
  });

  it('a late joiner has the first picture of everyone within a second', async () => {
    const [ann, bo] = await meet(2, 'late');
    await assertAllMeet([ann, bo]);
    // Two of five may meet a moment at which the browsers of all need both cores.
    const all = [];
    for (let time = 0; time < 5; time++) {
      const { late, took } = await joinLate(browsers[2], here.server, { room: 'late', count: 2 });
      all.push(took);
      for (const other of [ann, bo]) await late.sees(other);
      late.assertNoProblems();
      await late.page.context().close();
    }
    const [, , median] = all.toSorted((one, other) => one - other);
    assert.ok(median <= 1000, `first pictures of both after ${all.join(', ')} ms`);
  });

  it('one person with two tabs is two peers', async () => {
    const [ann] = await meet(1, 'tabs');
    const second = await ann.page.context().newPage();
    await ann.browser.prepare(second);
    const twin = await Person.join(ann.browser, here.server, { room: 'tabs', page: second, name: 'Second tab' });
    assert.notEqual(twin.peer, ann.peer);
    await twin.sees(ann, { id: ann.id });
    await ann.hears(twin, { id: ann.id });
  });

  it('two rooms never mix', async () => {
    const rooms = ['red', 'red', 'blue', 'blue'];
    people.push(...(await Promise.all(browsers.map((browser, i) => Person.join(browser, here.server, { room: rooms[i] })))));
    const [ann, bo, cy, di] = people;
    await Promise.all([assertAllMeet([ann, bo]), assertAllMeet([cy, di])]);
    for (const person of people) {
      const others = await person.page.evaluate(() => [...globalThis.parlor.room.peers.keys()]);
      assert.equal(others.length, 1, `${person.name} is with one other`);
    }
  });

  it('two people sit among simulated ones, sixteen in all, and see and hear each other and everyone', { timeout: 120_000 }, async () => {
    const recording = await record(browsers[0], here.server, SIMULATED);
    const bots = new Bots(here.server, { room: 'crowd', count: 14, recording });
    try {
      const [ann, bo] = await meet(2, 'crowd');
      await Promise.all([ann, bo].map((person) => person.page.waitForFunction(() => globalThis.parlor.room.peers.size === 15, null, { timeout: 30_000 })));
      await Promise.all([ann.sees(bo, { within: 20_000 }), bo.sees(ann, { within: 20_000 }), ann.hears(bo, { within: 20_000 }), bo.hears(ann, { within: 20_000 })]);
      for (const person of [ann, bo]) {
        const shown = await person.page.evaluate(countPictures, { id: SIMULATED, count: 14 });
        assert.equal(shown, 14, `${person.name} sees all simulated people\n${bots.log}`);
      }
      const peer = await ann.page.evaluate(() => [...globalThis.parlor.room.peers.values()].find((peer) => peer.name.startsWith('Bot')).id);
      await ann.hears({ peer, name: 'a bot', id: SIMULATED });
    } finally {
      await bots.stop();
    }
  });
});

/** Runs in the page: how many tiles come to show an id within 20 s. */
async function countPictures({ id, count }) {
  const shown = new Set();
  const end = performance.now() + 20_000;
  while (performance.now() < end && shown.size < count) {
    for (const video of document.querySelectorAll('parlor-tile:not(.self) video'))
      if (globalThis.probe.picture(video)?.id === id) shown.add(video);
    await new Promise((done) => setTimeout(done, 100));
  }
  return shown.size;
}
