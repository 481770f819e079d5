// Networks that let little through, and change: somebody at home meets somebody who is where the server is.
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { openChromium, openFirefox } from '../lib/browsers.mjs';
import { Internet, letsOut, SYMMETRIC_NAT, WORLD, WORLD_V6 } from '../lib/internet.mjs';
import { unavailable } from '../lib/namespace.mjs';
import { assertAllMeet, Person } from '../lib/person.mjs';

/** The SDK tries the server's own candidates for four seconds before it asks TURN; then there are a handshake and an allocation. */
const BY_TURN_MS = 15_000;

/** How a person's media travels: the kinds of both ends of the pair that their browser has chosen. */
async function wayOf(person) {
  return person.page.evaluate(async () => {
    const reports = await globalThis.parlor.room.stats();
    const all = [...reports.values()];
    const transport = all.find((report) => report.type === 'transport' && report.selectedCandidatePairId);
    const pair = transport ? reports.get(transport.selectedCandidatePairId) : all.find((report) => report.type === 'candidate-pair' && report.selected);
    const [local, remote] = [reports.get(pair.localCandidateId), reports.get(pair.remoteCandidateId)];
    return { type: local.candidateType, protocol: local.protocol, relay: local.relayProtocol ?? null, remote: remote.protocol, address: remote.address };
  });
}

/** Somebody at home and somebody in the world, in browsers of their own. */
class Meeting {
  static async of(internet, server, open) {
    const hosts = [WORLD, WORLD_V6, `[${WORLD_V6}]`];
    const browsers = [];
    try {
      browsers.push(await open({ id: 1, namespace: internet.home, hosts, trusts: internet.authority.root }));
      browsers.push(await openChromium({ id: 2, namespace: internet.world, hosts }));
      const pages = await Promise.all(browsers.map((browser) => browser.page({ ignoreHTTPSErrors: true })));
      const people = [];
      for (const [index, browser] of browsers.entries()) people.push(await Person.join(browser, server, { room: 'reach', page: pages[index] }));
      return new Meeting(browsers, people);
    } catch (error) {
      for (const browser of browsers) await browser.close();
      throw error;
    }
  }

  constructor(browsers, [atHome, inWorld]) {
    Object.assign(this, { browsers, atHome, inWorld, people: [atHome, inWorld] });
  }

  async close() {
    for (const browser of this.browsers) await browser.close();
  }
}

const BROWSERS = [['Chromium', openChromium], ['Firefox', openFirefox]];

for (const [name, open] of BROWSERS) {
  describe(`${name} at home`, { skip: unavailable }, () => {
    /** A network, a server, two people; taken down whatever comes of the story. */
    const story = (title, { network, server: how, prepare }, tell) =>
      it(title, async () => {
        const internet = Internet.open(network);
        let server, meeting;
        try {
          server = await internet.startServer(how);
          await prepare?.(internet);
          meeting = await Meeting.of(internet, server, open);
          await tell(meeting, internet);
          for (const person of meeting.people) person.assertNoProblems();
        } finally {
          await meeting?.close();
          await server?.stop();
          internet.close();
        }
      });

    story('behind a symmetric NAT, by UDP', { network: { rules: SYMMETRIC_NAT } }, async ({ people, atHome }) => {
      await assertAllMeet(people);
      const { protocol, relay } = await wayOf(atHome);
      assert.deepEqual([protocol, relay], ['udp', null]);
    });

    story('where no UDP gets out, by TCP', { network: { rules: letsOut('meta l4proto tcp') } }, async ({ people, atHome }) => {
      await assertAllMeet(people);
      const { protocol, remote, relay } = await wayOf(atHome);
      assert.deepEqual([protocol, remote, relay], ['tcp', 'tcp', null]);
    });

    story('where nothing but TCP port 443 gets out, by that', { network: { rules: letsOut('tcp dport 443') }, server: { port: 443 } }, async ({ people, atHome }) => {
      await assertAllMeet(people);
      assert.equal((await wayOf(atHome)).remote, 'tcp');
    });

    story('where nothing but TLS gets out, by TURN in it', { network: {}, prepare: (internet) => internet.letOutOnlyTls() }, async ({ people, atHome, inWorld }) => {
      await inWorld.sees(atHome, { within: BY_TURN_MS });
      await assertAllMeet(people);
      const { type, relay } = await wayOf(atHome);
      assert.deepEqual([type, relay], ['relay', 'tls']);
    });

    story('where there is nothing but IPv6', { network: { ipv6: true }, server: { ipv6: true } }, async ({ people, atHome }) => {
      await assertAllMeet(people);
      assert.equal((await wayOf(atHome)).address, WORLD_V6);
    });

    story('a NAT that forgets its mappings takes media away for less than a second, and no signalling brings it back', { network: { rules: SYMMETRIC_NAT } }, async ({ people, atHome, inWorld }, internet) => {
      await assertAllMeet(people);
      const offers = () => atHome.page.evaluate(() => globalThis.parlor.room.stage);
      const watching = inWorld.watch(atHome, { ms: 4000 });
      await new Promise((done) => setTimeout(done, 1000));
      internet.forgetMappings();
      const { pause } = await watching;
      assert.ok(pause < 1000, `the picture stood still for ${pause} ms`);
      assert.equal(await offers(), 'connected');
      await assertAllMeet(people);
    });

    story('another network in the middle of a call: media is back within five seconds', { network: { rules: SYMMETRIC_NAT, links: ['wifi', 'mobile'] } }, async ({ people, atHome, inWorld }, internet) => {
      await assertAllMeet(people);
      const watching = inWorld.watch(atHome, { ms: 9000 });
      await new Promise((done) => setTimeout(done, 1000));
      internet.setLink('wifi', false);
      const { pause } = await watching;
      assert.ok(pause < 5000, `the picture stood still for ${pause} ms`);
      await assertAllMeet(people);
    });
  });
}
