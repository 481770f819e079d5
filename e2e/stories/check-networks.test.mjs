// The connection test in networks that let little through: what it says of them is true.
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { openChromium } from '../lib/browsers.mjs';
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

  it('finds the ways to the public address', async () => {
    const { page, outcomes, report } = await check(chromium, server.origin, within);
    for (const subject of ['websocket', 'udp', 'tcp']) assert.equal(outcomes[subject], 'works', report);
    assert.ok(report.includes(`server at ${PUBLIC}:4000`), report);
    await page.context().close();
  });

  it('says that no UDP goes through where none does, and that calls work by TCP', async () => {
    run(['ip', 'netns', 'exec', nat.router, 'nft', '-f', '-'], NO_UDP);
    const { page, outcomes, summary, report } = await check(chromium, server.origin, within);
    assert.equal(outcomes.udp, 'fails', report);
    assert.equal(outcomes.tcp, 'works', report);
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
  it('finds that the encrypted relay works, and nothing else', async () => {
    const internet = Internet.open();
    let server, chromium;
    try {
      server = await internet.startServer();
      await internet.letOutOnlyTls(4000);
      chromium = await openChromium({ id: 1, namespace: internet.home, hosts: [NAME], trusts: internet.authority.root });
      const { outcomes, summary, report } = await check(chromium, server.origin, { ignoreHTTPSErrors: true });
      const ways = Object.fromEntries(SUBJECTS.slice(0, 6).map((subject) => [subject, outcomes[subject]]));
      assert.deepEqual(ways, { websocket: 'works', udp: 'fails', tcp: 'fails', 'turn-udp': 'fails', 'turn-tcp': 'fails', 'turn-tls': 'works' }, report);
      assert.match(summary, /Calls work from here by TURN over TLS/);
    } finally {
      await chromium?.close();
      await server?.stop();
      internet.close();
    }
  });
});
