// A server with too much to do turns somebody away: the page says so, and gets in by itself.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { company } from '../lib/company.mjs';
import { Person } from '../lib/person.mjs';

const BUSY = { reason: 'server_busy', message: 'The server is busy. Try again in 3 seconds.', retry_after_ms: 3000 };

/** A real one is not so easily made busy: a join is answered on its way, as long as `isBusy` says so. */
async function busyWhile(page, isBusy, answer) {
  await page.routeWebSocket(/\/socket\/websocket/, (client) => {
    const server = client.connectToServer();
    client.onMessage((text) => {
      const [joinRef, ref, topic, event] = JSON.parse(text);
      if (event !== 'phx_join' || !isBusy()) return server.send(text);
      client.send(JSON.stringify([joinRef, ref, topic, 'phx_reply', { status: 'error', response: answer }]));
    });
  });
}

describe('a busy server', () => {
  const here = company(1);

  it('is knocked at again by the page, which counts the seconds', async () => {
    const page = await here.browsers[0].page();
    let knocks = 0;
    await busyWhile(page, () => knocks++ === 0, BUSY);
    const ann = new Person(here.browsers[0], page, 'Ann');
    here.people.push(ann);
    await page.goto(`${here.server.origin}/r/busy`);
    const entering = ann.enter();
    await page.waitForFunction(() => /^Trying again in [1-5] s$/.test(document.querySelector('[data-testid=join-button]')?.textContent));
    assert.match(await ann.element('join-waiting').innerText(), /server is busy/);
    await entering;
    assert.equal(knocks, 2);
    assert.equal(await page.evaluate(() => globalThis.parlor.room.stage), 'connected');
  });

  it('is not waited for any longer than somebody likes to', async () => {
    const page = await here.browsers[0].page();
    let knocks = 0;
    let isBusy = true;
    await busyWhile(page, () => (knocks++, isBusy), { ...BUSY, retry_after_ms: 1000 });
    const ann = new Person(here.browsers[0], page, 'Ann');
    here.people.push(ann);
    await page.goto(`${here.server.origin}/r/busy`);
    await ann.element('name-input').fill('Ann');
    await ann.element('join-button').press('Enter');
    await ann.element('stop-waiting').waitFor();
    const focused = () => page.evaluate(() => document.activeElement.dataset.testid);
    assert.equal(await focused(), 'stop-waiting', 'the keyboard is where something can be done');
    for (const field of ['room-input', 'name-input']) assert.equal(await ann.element(field).isEditable(), false, `${field} is only to read`);
    await page.keyboard.press('Enter');

    await ann.element('stop-waiting').waitFor({ state: 'hidden' });
    assert.match(await ann.element('join-waiting').innerText(), /no longer waiting/);
    assert.equal(await ann.element('join-error').isVisible(), false, 'that is no failure');
    assert.equal(await ann.element('join-button').innerText(), 'Join');
    assert.equal(await focused(), 'join-button');
    for (const field of ['room-input', 'name-input']) assert.equal(await ann.element(field).isEditable(), true, `${field} is to be typed in`);
    const before = knocks;
    await page.waitForTimeout(2000);
    assert.equal(knocks, before, 'nobody knocks any more');

    // Enter in a field joins too, and the field can only be read then.
    await ann.element('name-input').press('Enter');
    await ann.element('stop-waiting').waitFor();
    assert.equal(await focused(), 'stop-waiting');
    await page.keyboard.press('Enter');
    await ann.element('stop-waiting').waitFor({ state: 'hidden' });

    isBusy = false;
    await ann.enter();
    assert.equal(await page.evaluate(() => globalThis.parlor.room.stage), 'connected');
  });
});
