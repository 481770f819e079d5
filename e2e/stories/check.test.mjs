// The connection test: each way is tried for real, and what it says is true.
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { openChromium, openFirefox } from '../lib/browsers.mjs';
import { Internet, WORLD } from '../lib/internet.mjs';
import { run, unavailable } from '../lib/namespace.mjs';
import { Nat, PUBLIC } from '../lib/nat.mjs';
import { Server } from '../lib/server.mjs';

const SUBJECTS = ['websocket', 'udp', 'tcp', 'turn-udp', 'turn-tcp', 'turn-tls', 'microphone', 'camera'];

/** For a router that lets no datagrams through. */
const NO_UDP = `table ip no_udp {
  chain passing {
    type filter hook forward priority 0;
    meta l4proto udp drop
  }
}
`;

const done = (page) => page.locator('[data-testid=check][data-state=done]').waitFor({ timeout: 60_000 });

/** Opens the test and waits until it is done; what it found of each subject. */
async function check(browser, origin, options = {}) {
  const page = await browser.page(options);
  await page.goto(`${origin}/check`);
  await done(page);
  const outcomes = {};
  for (const subject of SUBJECTS) outcomes[subject] = await page.getByTestId(`check-${subject}`).getAttribute('data-outcome');
  const report = await page.getByTestId('check-report').inputValue();
  const summary = await page.getByTestId('check-summary').textContent();
  return { page, outcomes, report, summary };
}

describe('the connection test', () => {
  let server, chromium;

  before(async () => {
    server = await Server.start();
    chromium = await openChromium({ id: 1 });
  });

  after(async () => {
    await chromium?.close();
    await server?.stop();
  });

  it('finds every way of a server in the clear, and that it has no certificate', async () => {
    const { page, outcomes, report, summary } = await check(chromium, server.origin);
    const expected = { ...Object.fromEntries(SUBJECTS.map((subject) => [subject, 'works'])), 'turn-tls': 'absent' };
    assert.deepEqual(outcomes, expected, report);
    assert.match(summary, /Calls work from here, by the best way there is/);
    assert.match(await page.getByTestId('check-turn-tls').textContent(), /has no certificate/);
    assert.match(report, /UDP: Works after \d+ ms, round trip \d+ ms \(server at .*127\.0\.0\.1:\d+/);
    assert.doesNotMatch(report, /credential|\d{10}:/, 'no secret is in the report');
    assert.deepEqual(page.problems, []);
    assert.equal(await server.metric('parlor_rooms'), 0, 'nobody is left in a room of the test');
    await page.context().close();
  });

  it('is reached from the join page by keyboard, tests again when asked, and copies its report', async () => {
    const page = await chromium.page({ permissions: ['clipboard-read', 'clipboard-write'] });
    await page.goto(server.origin);
    await page.getByTestId('check-link').focus();
    await page.keyboard.press('Enter');
    await done(page);
    await page.getByTestId('check-copy').focus();
    await page.keyboard.press('Enter');
    await page.getByTestId('check-copied').getByText('Copied').waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(copied, await page.getByTestId('check-report').inputValue());
    assert.match(copied, /^Parlor connection test\n/);
    await page.getByTestId('check-again').focus();
    await page.keyboard.press('Enter');
    await page.locator('[data-testid=check][data-state=testing]').waitFor();
    await done(page);
    await page.context().close();
  });

  it('says what is missing to somebody without devices, and finds the ways before the browser has asked', async () => {
    const bare = await openChromium({ id: 1, devices: false });
    try {
      const { outcomes, summary, report } = await check(bare, server.origin);
      assert.equal(outcomes.udp, 'works', report);
      assert.equal(outcomes.microphone, 'absent', report);
      assert.equal(outcomes.camera, 'absent', report);
      assert.match(summary, /microphone and the camera cannot be used/);
    } finally {
      await bare.close();
    }
  });

  it('works in Firefox, too', async () => {
    const firefox = await openFirefox({ id: 2 });
    try {
      const { outcomes, report } = await check(firefox, server.origin);
      for (const subject of ['websocket', 'udp', 'microphone', 'camera']) assert.equal(outcomes[subject], 'works', report);
    } finally {
      await firefox.close();
    }
  });

  it('tries the encrypted relay where there is a certificate', async () => {
    const state = mkdtempSync(path.join(os.tmpdir(), 'parlor-check-'));
    const encrypted = await Server.start({ args: ['--tls-self-signed', '--state-dir', state] });
    try {
      const { outcomes, report } = await check(chromium, encrypted.origin, { ignoreHTTPSErrors: true });
      for (const subject of ['websocket', 'udp', 'tcp']) assert.equal(outcomes[subject], 'works', report);
      // Whether it works is up to the browser, which need not take the certificate that the page's reader has clicked through.
      assert.notEqual(outcomes['turn-tls'], 'absent', report);
    } finally {
      await encrypted.stop();
      rmSync(state, { recursive: true, force: true });
    }
  });
});

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
      await internet.letOutOnlyTls();
      chromium = await openChromium({ id: 1, namespace: internet.home, hosts: [WORLD], trusts: internet.authority.root });
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
