// The connection test in networks that let little through: what it says of them is true.
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { openChromium, openFirefox } from '../lib/browsers.mjs';
import { SUBJECTS, check } from '../lib/check.mjs';
import { Internet, NAME } from '../lib/internet.mjs';
import { run, unavailable } from '../lib/namespace.mjs';
import { Nat, PUBLIC } from '../lib/nat.mjs';

/** For a router that lets no datagrams through. */
const NO_UDP = `table ip no_udp {
  chain passing {
    type filter hook forward priority 0;
    meta l4proto udp drop
  }
}
`;

/** What is found of the ways for media. */
const ways = (outcomes) => Object.fromEntries(SUBJECTS.slice(0, 6).map((subject) => [subject, outcomes[subject]]));

describe('the connection test behind a NAT', { skip: unavailable }, () => {
  let nat, server, chromium;

  before(async () => {
    nat = Nat.open();
    server = await nat.startServer();
    chromium = await openChromium({ id: 1, namespace: nat.clients, hosts: [PUBLIC] });
  });

  after(async () => {
    await chromium?.close();
    await server?.stop();
    nat?.close();
  });

  const within = { ignoreHTTPSErrors: true };
  const WITH_OWN_CERTIFICATE = { websocket: 'works', udp: 'works', tcp: 'works', 'turn-udp': 'works', 'turn-tcp': 'works', 'turn-tls': 'untested' };

  it('finds the ways to the public address', async () => {
    const { page, outcomes, report } = await check(chromium, server.origin, within);
    assert.deepEqual(ways(outcomes), WITH_OWN_CERTIFICATE, report);
    assert.ok(report.includes(`server at ${PUBLIC}:4000`), report);
    await page.context().close();
  });

  it('finds them in Firefox, too, which takes no relay on its own machine', async () => {
    const firefox = await openFirefox({ id: 2, namespace: nat.clients });
    try {
      const { outcomes, report } = await check(firefox, server.origin, within);
      assert.deepEqual(ways(outcomes), WITH_OWN_CERTIFICATE, report);
    } finally {
      await firefox.close();
    }
  });

  it('says that no UDP goes through where none does, and that calls work by TCP', async () => {
    run(['ip', 'netns', 'exec', nat.router, 'nft', '-f', '-'], NO_UDP);
    const { page, outcomes, summary, report } = await check(chromium, server.origin, within);
    assert.deepEqual(ways(outcomes), { ...WITH_OWN_CERTIFICATE, udp: 'fails', 'turn-udp': 'fails' }, report);
    assert.match(summary, /Calls work from here by TCP/);
    assert.match(await page.getByTestId('check-udp').textContent(), /a firewall here lets no UDP out/);
    await page.context().close();
  });

  it('the server has tried at its start whether it reaches itself there', () => {
    // This NAT lets those inside come by the outside.
    for (const way of ['Udp', 'Tcp']) assert.match(server.log(), new RegExp(`reaches itself at its public address.*way=${way}.*203\\.0\\.113\\.7:4000`));
  });
});

describe('the connection test where nothing but TLS gets out', { skip: unavailable }, () => {
  let internet, server;

  before(async () => {
    internet = Internet.open();
    server = await internet.startServer();
    await internet.letOutOnlyTls(4000);
  });

  after(async () => {
    await server?.stop();
    internet?.close();
  });

  for (const [name, open] of [['Chromium', openChromium], ['Firefox', openFirefox]]) {
    it(`finds in ${name} that the encrypted relay works, and nothing else`, async () => {
      const browser = await open({ id: 1, namespace: internet.home, hosts: [NAME], trusts: internet.authority.root });
      try {
        const { outcomes, summary, report } = await check(browser, server.origin, { ignoreHTTPSErrors: true });
        assert.deepEqual(ways(outcomes), { websocket: 'works', udp: 'fails', tcp: 'fails', 'turn-udp': 'fails', 'turn-tcp': 'fails', 'turn-tls': 'works' }, report);
        assert.match(summary, /Calls work from here by TURN over TLS/);
      } finally {
        await browser.close();
      }
    });
  }
});
