// A server with too much to do turns somebody away: the page says so, and gets in by itself.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { company } from '../lib/company.mjs';
import { Person } from '../lib/person.mjs';

const BUSY = { reason: 'server_busy', message: 'The server is busy. Try again in 3 seconds.', retry_after_ms: 3000 };

describe('a busy server', () => {
  const here = company(1);

  it('is knocked at again by the page, which counts the seconds', async () => {
    const page = await here.browsers[0].page();
    let refused = 0;
    // A real one is not so easily made busy: the first join is answered on its way.
    await page.routeWebSocket(/\/socket\/websocket/, (client) => {
      const server = client.connectToServer();
      client.onMessage((text) => {
        const [joinRef, ref, topic, event] = JSON.parse(text);
        if (event !== 'phx_join' || refused > 0) return server.send(text);
        refused += 1;
        client.send(JSON.stringify([joinRef, ref, topic, 'phx_reply', { status: 'error', response: BUSY }]));
      });
    });
    const ann = new Person(here.browsers[0], page, 'Ann');
    here.people.push(ann);
    await page.goto(`${here.server.origin}/r/busy`);
    const entering = ann.enter();
    await page.waitForFunction(() => /^Trying again in [1-5] s$/.test(document.querySelector('[data-testid=join-button]')?.textContent));
    assert.match(await ann.element('join-waiting').innerText(), /server is busy/);
    await entering;
    assert.equal(refused, 1);
    assert.equal(await page.evaluate(() => globalThis.parlor.room.stage), 'connected');
  });
});
