// Somebody at home meets somebody who is where the server is, over networks that let little through, and change: told of each browser.
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { openChromium } from './browsers.mjs';
import { Internet, letsOut, NAME, SYMMETRIC_NAT, WORLD, WORLD_V6 } from './internet.mjs';
import { unavailable } from './namespace.mjs';
import { assertAllMeet, closeAll, Person } from './person.mjs';

/** The SDK tries the server's own candidates for four seconds before it asks TURN; then there are a handshake and an allocation. */
const BY_TURN_MS = 15_000;
/** What Chromium may reach; it looks addresses up, too, before it opens a TCP connection for media. */
const HOSTS = [NAME, WORLD, `[${WORLD_V6}]`];
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

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

/** The same as `assertAllMeet` of people whose pictures have yet to grow sharp again on a path that is new. */
async function assertAllMeetSoon(people, { within = 15_000 } = {}) {
  for (const end = Date.now() + within; ; ) {
    try {
      return await assertAllMeet(people);
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

/** What each of two sees of the other during a time. */
const bothWays = ([one, other], ms) => Promise.all([one.watch(other, { ms }), other.watch(one, { ms })]);

/** Joins and later offers that the server has answered, as the page of somebody there can ask it. */
async function joinsAndOffers(person) {
  const text = await person.page.evaluate(() => fetch('/metrics').then((reply) => reply.text()));
  const lines = text.split('\n').filter((line) => line.startsWith('parlor_joins_total{'));
  assert.ok(lines.length > 0, text);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** A network, a server at port 443, and two browsers. */
class Scene {
  static async open(openAtHome, network, { ipv6 = false } = {}) {
    const scene = new Scene();
    try {
      scene.internet = Internet.open({ ...network, ipv6 });
      const { home, world, authority } = scene.internet;
      scene.server = await scene.internet.startServer({ port: 443, ipv6 });
      scene.browsers.push(await openAtHome({ id: 1, namespace: home, hosts: HOSTS, trusts: authority.root }));
      scene.browsers.push(await openChromium({ id: 2, namespace: world, hosts: HOSTS }));
      return scene;
    } catch (error) {
      await scene.close();
      throw error;
    }
  }

  browsers = [];
  #rooms = 0;

  /** Two people, one at home and one in the world, in a room of their own. */
  async meet() {
    const room = `reach-${++this.#rooms}`;
    const pages = await Promise.all(this.browsers.map((browser) => browser.page({ ignoreHTTPSErrors: true })));
    const people = [];
    for (const [index, browser] of this.browsers.entries()) {
      people.push(await Person.join(browser, this.server, { room, page: pages[index] }));
    }
    return people;
  }

  async close() {
    for (const browser of this.browsers) await browser.close();
    await this.server?.stop();
    this.internet?.close();
  }
}

/** @param {string} name @param {typeof openChromium} open */
export function tellOf(name, open) {
  describe(`${name} at home`, { skip: unavailable }, () => {
    let scene;
    before(async () => (scene = await Scene.open(open, { links: ['wifi', 'mobile'] })));
    after(() => scene?.close());

    /** A router that does as it is told, and two people who meet across it. */
    const story = (title, rules, tell) =>
      it(title, async () => {
        await scene.internet.setRules(rules);
        const people = await scene.meet();
        await tell(people, scene.internet);
        for (const person of people) person.assertNoProblems();
        await closeAll(people);
      });

    story('behind a symmetric NAT, by UDP', SYMMETRIC_NAT, async (people) => {
      await assertAllMeet(people);
      const { protocol, relay } = await wayOf(people[0]);
      assert.deepEqual([protocol, relay], ['udp', null]);
    });

    story('where nothing but TCP port 443 gets out, by that', letsOut('tcp dport 443'), async (people) => {
      await assertAllMeet(people);
      const { protocol, remote, relay } = await wayOf(people[0]);
      assert.deepEqual([protocol, remote, relay], ['tcp', 'tcp', null]);
    });

    it('where nothing but TLS gets out, by TURN in it', async () => {
      await scene.internet.letOutOnlyTls(443);
      const people = await scene.meet();
      const [atHome, inWorld] = people;
      await inWorld.sees(atHome, { within: BY_TURN_MS });
      await assertAllMeet(people);
      const { type, relay } = await wayOf(atHome);
      assert.deepEqual([type, relay], ['relay', 'tls']);
      await closeAll(people);
    });

    story('a NAT that forgets its mappings takes media away for less than a second, and no signalling brings it back', SYMMETRIC_NAT, async (people, internet) => {
      await assertAllMeet(people);
      const before = await joinsAndOffers(people[1]);
      const watching = bothWays(people, 4000);
      await wait(1000);
      internet.forgetMappings();
      for (const { pause } of await watching) assert.ok(pause < 1000, `the picture stood still for ${pause} ms`);
      await assertAllMeet(people);
      await wait(1500); // the server counts anew about once a second
      assert.equal(await joinsAndOffers(people[1]), before, 'nobody offered anything');
    });

    story('another network in the middle of a call: media is back within five seconds, and two of the SDK’s noticing', SYMMETRIC_NAT, async (people, internet) => {
      const [atHome] = people;
      await assertAllMeet(people);
      const stages = await atHome.page.evaluateHandle(() => {
        const stages = [];
        globalThis.parlor.room.on('stage', (stage) => stages.push({ stage, at: performance.now() }));
        return stages;
      });
      const watching = bothWays(people, 9000);
      await wait(1000);
      internet.setLink('wifi', false);
      for (const { pause } of await watching) assert.ok(pause < 5000, `the picture stood still for ${pause} ms`);
      await assertAllMeetSoon(people);
      // A browser that has found the other network by itself leaves nothing to notice.
      const told = await stages.jsonValue();
      const lost = told.findIndex(({ stage }) => stage === 'restoring');
      if (lost >= 0) {
        const back = told.slice(lost).find(({ stage }) => stage === 'connected');
        assert.ok(back?.at - told[lost].at < 2000, JSON.stringify(told));
      }
    });
  });

  describe(`${name} where there is nothing but IPv6`, { skip: unavailable }, () => {
    let scene;
    before(async () => (scene = await Scene.open(open, {}, { ipv6: true })));
    after(() => scene?.close());

    it('meets people', async () => {
      const people = await scene.meet();
      await assertAllMeet(people);
      assert.equal((await wayOf(people[0])).address, WORLD_V6);
      for (const person of people) person.assertNoProblems();
    });
  });
}
