// A server and some Chromiums for all stories of a file; what a story's people opened is closed behind it.
import { after, afterEach, before } from 'node:test';

import { openChromium } from './browsers.mjs';
import { Server } from './server.mjs';

/** To be called inside `describe`: `server` and `browsers` are there once its stories run; push whoever joins to `people`. */
export function company(count, { args = [] } = {}) {
  const here = { server: null, browsers: [], people: [] };

  before(async () => {
    here.server = await Server.start({ args });
    const ids = Array.from({ length: count }, (_, index) => index + 1);
    here.browsers.push(...(await Promise.all(ids.map((id) => openChromium({ id })))));
  });

  afterEach(async () => {
    for (const person of here.people.splice(0)) {
      person.assertNoProblems();
      await person.page.context().close();
    }
  });

  after(async () => {
    for (const browser of here.browsers) await browser.close();
    await here.server?.stop();
  });

  return here;
}
