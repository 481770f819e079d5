// A room whose people are on several media threads is one room in Chromium, by pixels and tones.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { company } from '../lib/company.mjs';
import { assertAllMeet, Person } from '../lib/person.mjs';

describe('people of one room on two media threads', () => {
  const here = company(3, { args: ['--threads', '2', '--peers-per-thread-of-room', '1'] });
  const { browsers, people } = here;

  it('three see and hear each other, and are gone when they mute or leave', async () => {
    for (const browser of browsers) people.push(await Person.join(browser, here.server, { room: 'wide' }));
    const [ann, bo, cy] = people;
    await assertAllMeet(people);
    const peers = (await fetch(`${here.server.origin}/metrics`).then((answer) => answer.text())).match(/^parlor_thread_peers.* \d+$/gm);
    assert.deepEqual(peers.map((line) => line.split(' ')[1]).toSorted(), ['1', '2'], 'they are on both threads');
    assert.ok((await here.server.metric('parlor_packets_relayed_in_total')) > 100);

    // Bo is alone on the second thread.
    await bo.element('mic-toggle').click();
    await Promise.all([ann, cy].map((other) => other.hearsNothingOf(bo)));
    await bo.element('mic-toggle').click();
    await Promise.all([ann, cy].map((other) => other.hears(bo)));
    await Promise.all([bo.sees(ann), bo.hears(cy)]);
    await bo.leave();
    await Promise.all([ann, cy].map((other) => other.missesWithin(bo, 5000)));
    await assertAllMeet([ann, cy]);
    people.splice(1, 1);
    bo.assertNoProblems();
    await bo.page.context().close();
  });
});
