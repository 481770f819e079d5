// A server that does not have the address by which people reach it.
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { openChromium, openFirefox } from '../lib/browsers.mjs';
import { unavailable } from '../lib/namespace.mjs';
import { Nat, PUBLIC } from '../lib/nat.mjs';
import { assertAllMeet, closeAll, Person } from '../lib/person.mjs';

describe('behind a NAT', { skip: unavailable }, () => {
  let nat;
  let server;
  let browsers;

  before(async () => {
    nat = Nat.open();
    server = await nat.startServer();
    const within = { namespace: nat.clients, hosts: [PUBLIC] };
    browsers = [await openChromium({ id: 1, ...within }), await openFirefox({ id: 2, ...within })];
  });

  after(async () => {
    for (const browser of browsers ?? []) await browser.close();
    await server?.stop();
    nat?.close();
  });

  it('people in Chromium and Firefox, behind a NAT of their own, meet on a server that is told its public address', async () => {
    const people = await Promise.all(
      browsers.map(async (browser) => {
        const page = await browser.page({ ignoreHTTPSErrors: true });
        return Person.join(browser, server, { room: 'nat', page });
      }),
    );
    await assertAllMeet(people);
    for (const person of people) {
      const reached = await person.page.evaluate(async () => {
        const reports = [...(await globalThis.parlor.room.stats()).values()];
        const pair = reports.find((report) => report.type === 'candidate-pair' && report.nominated && report.state === 'succeeded');
        return reports.find((report) => report.id === pair.remoteCandidateId).address;
      });
      assert.equal(reached, PUBLIC);
    }
    for (const person of people) person.assertNoProblems();
    await closeAll(people);
  });
});
