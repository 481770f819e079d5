// People without a camera, without a microphone, or who said no.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { openChromium } from '../lib/browsers.mjs';
import { Person } from '../lib/person.mjs';
import { Server } from '../lib/server.mjs';

async function withCall(listenerOptions, context, story) {
  const server = await Server.start();
  const speaker = await openChromium({ id: 1 });
  const listener = await openChromium({ id: 2, ...listenerOptions });
  try {
    const ann = await Person.join(speaker, server, { room: 'some', name: 'Ann' });
    const page = await listener.page(context);
    await page.goto(`${server.origin}/r/some`);
    await story(ann, new Person(listener, page, 'Bo'), server);
    ann.assertNoProblems();
  } finally {
    await speaker.close();
    await listener.close();
    await server.stop();
  }
}

describe('devices', () => {
  it('who refuses permission is told so in words, can try again, and joins to listen and watch', async () => {
    await withCall({ permission: false }, { permissions: [] }, async (ann, bo) => {
      const trouble = bo.element('device-trouble');
      await trouble.waitFor({ state: 'visible', timeout: 10_000 });
      assert.match(await trouble.innerText(), /camera|microphone/i);
      await bo.element('retry-devices').waitFor();
      await bo.element('name-input').fill('Bo');
      await bo.element('join-button').click();
      await bo.element('room-name').waitFor();
      await bo.seesMotion(ann);
      await bo.hears(ann);
      await bo.learnPeer();
      await ann.tile(bo).waitFor();
      bo.assertNoProblems();
    });
  });

  it('the join page shows the camera, moves the meter, and lists devices', async () => {
    await withCall({}, {}, async (_ann, bo) => {
      await bo.page.waitForFunction(() => globalThis.probe.picture(document.querySelector('[data-testid=preview]'))?.id === 2);
      await bo.page.waitForFunction(() => Number(document.querySelector('[data-testid=meter]').style.getPropertyValue('--level')) > 0.05);
      await bo.element('devices-summary').click();
      const cameras = await bo.element('camera-picker').locator('option').count();
      const microphones = await bo.element('microphone-picker').locator('option').count();
      assert.ok(cameras >= 1 && microphones >= 1);
    });
  });

  it('name and room are remembered, and the room of a link wins', async () => {
    await withCall({}, {}, async (_ann, bo, server) => {
      await bo.enter();
      await bo.leave();
      await bo.page.goto(server.origin);
      assert.equal(await bo.element('name-input').inputValue(), 'Bo');
      assert.equal(await bo.element('room-input').inputValue(), 'some');
      await bo.page.goto(`${server.origin}/r/other`);
      assert.equal(await bo.element('room-input').inputValue(), 'other');
    });
  });

  it('the whole way into a call and out of it goes by keyboard', async () => {
    await withCall({}, {}, async (ann, bo) => {
      await bo.element('name-input').focus();
      await bo.page.keyboard.type('Bo');
      await bo.page.keyboard.press('Enter');
      await bo.element('room-name').waitFor();
      await bo.learnPeer();
      await ann.sees(bo);
      for (let tabs = 0; tabs < 40; tabs++) {
        const at = await bo.page.evaluate(() => document.activeElement?.dataset?.testid);
        if (at === 'leave') break;
        await bo.page.keyboard.press('Tab');
      }
      await bo.page.keyboard.press('Enter');
      await bo.element('left-page').waitFor();
    });
  });

  it('joins and leaves are spoken to screen readers', async () => {
    await withCall({}, {}, async (ann, bo) => {
      await bo.enter();
      await ann.page.waitForFunction(() => /Bo/.test(document.querySelector('[data-testid=announcer]').textContent));
      await bo.leave();
      await ann.page.waitForFunction(() => /Bo.*left|left.*Bo/.test(document.querySelector('[data-testid=announcer]').textContent));
    });
  });
});
