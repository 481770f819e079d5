// The connection test: each way is tried for real, and what it says is true.
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { openChromium, openFirefox } from '../lib/browsers.mjs';
import { SUBJECTS, check, done } from '../lib/check.mjs';
import { Server } from '../lib/server.mjs';

const ownAddresses = () => Object.values(os.networkInterfaces()).flat().map(({ address }) => address);

describe('the connection test', () => {
  let server, chromium;

  before(async () => {
    server = await Server.start({ host: '0.0.0.0' }); // one at a loopback address announces no TCP
    // The first address that is announced is this machine's in its network, and Chromium's TURN over TCP goes by its rules for names.
    chromium = await openChromium({ id: 1, hosts: ownAddresses() });
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

  it('says at once that no browser takes a relay by a certificate of the server’s own, and blames no network', async () => {
    const state = mkdtempSync(path.join(os.tmpdir(), 'parlor-check-'));
    const encrypted = await Server.start({ host: '0.0.0.0', args: ['--tls-self-signed', '--state-dir', state] });
    try {
      const { page, outcomes, report } = await check(chromium, encrypted.origin, { ignoreHTTPSErrors: true });
      for (const subject of ['websocket', 'udp', 'tcp', 'turn-udp', 'turn-tcp']) assert.equal(outcomes[subject], 'works', report);
      assert.equal(outcomes['turn-tls'], 'untested', report);
      assert.match(await page.getByTestId('check-turn-tls').textContent(), /own certificate is not trusted for TURN/);
      await page.context().close();
      await encrypted.stop();
      const { log } = encrypted;
      for (const way of ['udp', 'tcp', 'turn-udp', 'turn-tcp']) assert.equal(log.match(new RegExp(`connection-test-\\d+-${way}\\b`, 'g'))?.length, 1, `one line for ${way}:\n${log}`);
    } finally {
      await encrypted.stop();
      rmSync(state, { recursive: true, force: true });
    }
  });
});
