// A TURN client that we did not write: coturn's own, over everything that it knows.
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { TurnEcho } from '../lib/turn-echo.mjs';

const WAYS = { 'UDP': [], 'TCP': ['-t'], 'TLS over TCP': ['-t', '-S'] };
const FORMS = { 'channels': [], 'indications': ['-s'] };

describe("coturn's client", () => {
  let echo;
  before(async () => (echo = await TurnEcho.start()));
  after(() => echo?.stop());

  for (const [way, flags] of Object.entries(WAYS)) {
    for (const [form, more] of Object.entries(FORMS)) {
      it(`gets back all that it sends over ${way} in ${form}`, async () => {
        const { sent, received, said } = await echo.uclient([...flags, ...more]);
        assert.deepEqual([sent, received], [100, 100], said);
      });
    }
  }

  it('gets back all that it sends from a relayed address of IPv6', async () => {
    const { sent, received, said } = await echo.uclient(['-x'], '::1');
    assert.deepEqual([sent, received], [100, 100], said);
  });

  it('gets nothing with a wrong password', async () => {
    const { received, said } = await echo.uclient(['-w', 'wrong']);
    assert.notEqual(received, 100, said);
  });
});
