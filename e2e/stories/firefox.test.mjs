// Chromium and Firefox in one room, both ways.
import { after, before, describe, it } from 'node:test';

import { openChromium, openFirefox } from '../lib/browsers.mjs';
import { assertAllMeet, Person } from '../lib/person.mjs';
import { Server } from '../lib/server.mjs';

describe('Chromium and Firefox', () => {
  let server, chromium, firefox;

  before(async () => {
    server = await Server.start();
    chromium = await openChromium({ id: 1 });
    firefox = await openFirefox({ id: 2 });
  });

  after(async () => {
    await chromium?.close();
    await firefox?.close();
    await server?.stop();
  });

  it('see and hear each other', async () => {
    const ann = await Person.join(chromium, server, { room: 'both' });
    const bo = await Person.join(firefox, server, { room: 'both' });
    await assertAllMeet([ann, bo]);
    ann.assertNoProblems();
    bo.assertNoProblems();
    await bo.page.context().close();
    await ann.missesWithin(bo, 10_000); // a page that is torn down may have no time to say goodbye
  });

  it('two Firefox pages see and hear each other', async () => {
    const one = await Person.join(firefox, server, { room: 'foxes', name: 'One' });
    const two = await Person.join(firefox, server, { room: 'foxes', name: 'Two' });
    await assertAllMeet([one, two]);
    await one.page.context().close();
    await two.page.context().close();
  });
});
