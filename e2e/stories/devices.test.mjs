// People without a camera, without a microphone, or who said no.
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { openChromium } from '../lib/browsers.mjs';
import { closeAll, Person } from '../lib/person.mjs';
import { Server } from '../lib/server.mjs';

describe('devices', () => {
  let server, speaker, listener;

  before(async () => {
    server = await Server.start();
    [speaker, listener] = await Promise.all([1, 2].map((id) => openChromium({ id })));
  });

  after(async () => {
    for (const browser of [speaker, listener]) await browser?.close();
    await server?.stop();
  });

  /** Ann is in a room, and Bo stands at its door. */
  async function withCall(story, { browser = listener, context } = {}) {
    const ann = await Person.join(speaker, server, { room: 'some', name: 'Ann' });
    const bo = new Person(browser, await browser.page(context), 'Bo');
    try {
      await bo.page.goto(`${server.origin}/r/some`);
      await story(ann, bo);
      for (const person of [ann, bo]) person.assertNoProblems();
    } finally {
      await closeAll([ann, bo]);
    }
  }

  it('who refuses permission is told so in words, can try again, and joins to listen and watch', async () => {
    const refusing = await openChromium({ id: 3, permission: false });
    try {
      await withCall(refused, { browser: refusing, context: { permissions: [] } });
    } finally {
      await refusing.close();
    }
  });

  async function refused(ann, bo) {
    const trouble = bo.element('device-trouble');
    await trouble.waitFor({ state: 'visible', timeout: 10_000 });
    assert.match(await trouble.innerText(), /camera|microphone/i);
    await bo.element('retry-devices').waitFor();
    await bo.element('name-input').fill('Bo');
    await bo.element('join-button').click();
    await bo.element('room-name').waitFor();
    await Promise.all([bo.seesMotion(ann), bo.hears(ann)]);
    await bo.learnPeer();
    await ann.tile(bo).waitFor();
  }

  it('the join page shows the camera, moves the meter, and lists devices', async () => {
    await withCall(async (_ann, bo) => {
      await bo.page.waitForFunction(() => globalThis.probe.picture(document.querySelector('[data-testid=preview]'))?.id === 2);
      await bo.page.waitForFunction(() => Number(document.querySelector('[data-testid=meter]').style.getPropertyValue('--level')) > 0.05);
      await bo.element('devices-summary').click();
      const cameras = await bo.element('camera-picker').locator('option').count();
      const microphones = await bo.element('microphone-picker').locator('option').count();
      assert.ok(cameras >= 1 && microphones >= 1);
    });
  });

  it('name and room are remembered, and the room of a link wins', async () => {
    await withCall(async (_ann, bo) => {
      await bo.enter();
      await bo.leave();
      await bo.page.goto(server.origin);
      assert.equal(await bo.element('name-input').inputValue(), 'Bo');
      assert.equal(await bo.element('room-input').inputValue(), 'some');
      await bo.page.goto(`${server.origin}/r/other`);
      assert.equal(await bo.element('room-input').inputValue(), 'other');
      await bo.enter();
      await bo.leave();
      await bo.element('another-room').click();
      assert.notEqual(await bo.element('room-input').inputValue(), 'other');
    });
  });

  it('the whole way into a call and out of it goes by keyboard', async () => {
    await withCall(async (ann, bo) => {
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

  it('the link that is copied leads into the room', async () => {
    await withCall(async (ann, bo) => {
      await ann.page.context().grantPermissions(['camera', 'microphone', 'clipboard-read', 'clipboard-write']);
      await ann.element('copy-link').click();
      await ann.page.waitForFunction(() => /copied/.test(document.querySelector('[data-testid=notices]').textContent));
      const link = await ann.page.evaluate(() => navigator.clipboard.readText());
      await bo.page.goto(link);
      await bo.enter();
      await bo.sees(ann);
    });
  });

  it('on the smallest phone, held either way, every button is in the page and nothing lies over the own name', async () => {
    await withCall(async (_ann, bo) => {
      await bo.page.goto(`${server.origin}/r/alone`);
      await bo.enter();
      for (const viewport of [{ width: 320, height: 568 }, { width: 568, height: 320 }]) {
        await bo.page.setViewportSize(viewport);
        await bo.page.waitForFunction(isTidy, null, { timeout: 3000 }); // tiles take a moment to get to their places
      }
    });
  });

  /** Runs in the page. */
  function isTidy() {
    const box = (selector) => document.querySelector(selector).getBoundingClientRect();
    const [name, alone] = [box('.tile-label'), box('[data-testid=alone]')];
    const apart = name.right <= alone.left || name.left >= alone.right || name.bottom <= alone.top || name.top >= alone.bottom;
    const isInside = ({ left, top, right, bottom }) => left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
    return apart && [...document.querySelectorAll('.room-head button, .controls > button')].every((button) => isInside(button.getBoundingClientRect()));
  }

  it('a name that is missing is asked for', async () => {
    await withCall(async (_ann, bo) => {
      await bo.element('name-input').fill('  ');
      await bo.element('join-button').click();
      assert.match(await bo.element('join-error').innerText(), /name/);
      assert.equal(await bo.page.evaluate(() => document.activeElement.dataset.testid), 'name-input');
    });
  });

  it('joins and leaves are spoken to screen readers', async () => {
    await withCall(async (ann, bo) => {
      await bo.enter();
      await ann.page.waitForFunction(() => /Bo/.test(document.querySelector('[data-testid=announcer]').textContent));
      await bo.leave();
      await ann.page.waitForFunction(() => /Bo.*left|left.*Bo/.test(document.querySelector('[data-testid=announcer]').textContent));
    });
  });
});
