// What happens when something breaks: the socket, the server, a browser, the network.
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { openChromium } from '../lib/browsers.mjs';
import { assertAllMeet, closeAll, Person } from '../lib/person.mjs';
import { Proxy } from '../lib/proxy.mjs';
import { Server } from '../lib/server.mjs';

describe('trouble', () => {
  let browsers;

  before(async () => {
    browsers = await Promise.all([1, 2].map((id) => openChromium({ id })));
  });

  after(async () => {
    for (const browser of browsers ?? []) await browser.close();
  });

  it('a WebSocket killed in mid-call: media never stops, the page says so, the state resumes', async () => {
    const server = await Server.start();
    const proxy = await Proxy.start(server.port);
    try {
      const ann = await Person.join(browsers[0], proxy, { room: 'cut', name: 'Ann' });
      const bo = await Person.join(browsers[1], server, { room: 'cut', name: 'Bo' });
      await assertAllMeet([ann, bo]);
      const peer = ann.peer;
      proxy.cut();
      const [banner] = await Promise.all([
        ann.element('banner').waitFor({ state: 'visible', timeout: 8000 }).then(() => ann.element('banner').innerText()),
        ann.keepsSeeing(bo, { ms: 5000 }),
        bo.keepsSeeing(ann, { ms: 5000 }),
      ]);
      assert.match(banner, /connect/i);
      proxy.mend();
      await ann.element('banner').waitFor({ state: 'hidden', timeout: 10_000 });
      assert.equal(await ann.page.evaluate(() => globalThis.parlor.room.peer), peer, 'the same peer again');
      await bo.element('mic-toggle').click();
      await ann.tile(bo).getByTestId('muted').waitFor({ state: 'visible' });
      await bo.element('mic-toggle').click();
      await assertAllMeet([ann, bo]);
      await closeAll([ann, bo]);
    } finally {
      await proxy.close();
      await server.stop();
    }
  });

  it('a server asked to stop tells everyone, ends well within five seconds, and calls go on when it is back', async () => {
    const server = await Server.start();
    const ann = await Person.join(browsers[0], server, { room: 'stop', name: 'Ann' });
    const bo = await Person.join(browsers[1], server, { room: 'stop', name: 'Bo' });
    await assertAllMeet([ann, bo]);
    const ended = await server.stop();
    assert.equal(ended.code, 0, server.log);
    assert.ok(ended.ms < 5000, `took ${ended.ms} ms`);
    await ann.element('banner').waitFor({ state: 'visible' });
    const again = await Server.start({ port: server.port });
    try {
      await ann.page.waitForFunction(() => globalThis.parlor.room?.stage === 'connected' && globalThis.parlor.room.peers.size === 1, null, { timeout: 30_000 });
      for (const person of [ann, bo]) await person.learnPeer();
      await assertAllMeet([ann, bo]);
      for (const person of [ann, bo]) assert.equal(await person.element('tile').count(), 2, `${person.name} sees nobody twice`);
      await closeAll([ann, bo]);
    } finally {
      await again.stop();
    }
  });

  it('a server that stays away is said to be so, nobody speaks meanwhile, and the call goes on when it is back', async () => {
    const server = await Server.start();
    const ann = await Person.join(browsers[0], server, { room: 'away', name: 'Ann' });
    const bo = await Person.join(browsers[1], server, { room: 'away', name: 'Bo' });
    await ann.page.waitForFunction(() => document.querySelector('parlor-tile.speaking'));
    await server.stop();
    await ann.page.waitForFunction(() => /cannot be reached/.test(document.querySelector('[data-testid=banner]').textContent), null, { timeout: 20_000 });
    assert.equal(await ann.page.locator('parlor-tile.speaking').count(), 0);
    const again = await Server.start({ port: server.port });
    try {
      for (const { page } of [ann, bo]) {
        await page.waitForFunction(() => globalThis.parlor.room?.stage === 'connected' && globalThis.parlor.room.peers.size === 1, null, { timeout: 30_000 });
      }
      for (const person of [ann, bo]) await person.learnPeer();
      await assertAllMeet([ann, bo]);
      assert.equal(await ann.element('banner').isVisible(), false);
      await closeAll([ann, bo]);
    } finally {
      await again.stop();
    }
  });

  it('a person whose browser is killed is gone for others within eight seconds', async () => {
    const server = await Server.start();
    const doomed = await openChromium({ id: 3 });
    try {
      const ann = await Person.join(browsers[0], server, { room: 'kill', name: 'Ann' });
      const cy = await Person.join(doomed, server, { room: 'kill', name: 'Cy' });
      await assertAllMeet([ann, cy]);
      const start = Date.now();
      await doomed.kill();
      await ann.missesWithin(cy, 10_000);
      const took = Date.now() - start;
      assert.ok(took <= 8000, `gone after ${took} ms`);
      await ann.page.context().close();
    } finally {
      await doomed.close();
      await server.stop();
    }
  });

  it('sound that the browser blocks is turned on by one click on one button', async () => {
    const server = await Server.start();
    // Neither devices nor the autoplay flag: sound needs a click, as for a listener whose tab is restored.
    const listener = await openChromium({ id: 4, devices: false, permission: false, autoplay: false });
    try {
      const ann = await Person.join(browsers[0], server, { room: 'quiet', name: 'Ann' });
      const page = await listener.page();
      await page.addInitScript(`localStorage.setItem('parlor.name', 'Bo'); sessionStorage.setItem('parlor.in_room', 'quiet');`);
      const untouched = await Untouched.of(page);
      await page.goto(`${server.origin}/r/quiet`);
      await page.reload(); // a page that was in the room comes back into it by itself: nobody has clicked anything
      const button = await untouched.until(`(() => {
        const { x, y, width, height } = document.querySelector('[data-testid=sound-button]:not([hidden])')?.getBoundingClientRect() ?? {};
        return width && { x: x + width / 2, y: y + height / 2 };
      })()`);
      const players = `[...document.querySelectorAll('[data-testid=sounds] audio')]`;
      assert.equal(await untouched.look(`${players}.some((player) => !player.paused)`), false, 'nothing plays before the click');
      await page.mouse.click(button.x, button.y);
      await untouched.until(`${players}.length > 0 && ${players}.every((player) => !player.paused)`);
      assert.equal(await untouched.look(`document.querySelector('[data-testid=sound-button]').hidden`), true);
      const bo = new Person(listener, page, 'Bo');
      await bo.hears(ann);
      bo.assertNoProblems();
      await closeAll([ann]);
    } finally {
      await listener.close();
      await server.stop();
    }
  });
});

/** Looks into a page without touching it: a driver's `evaluate` counts as a gesture of the person, this does not. */
class Untouched {
  #session;

  static async of(page) {
    return new Untouched(await page.context().newCDPSession(page));
  }

  constructor(session) {
    this.#session = session;
  }

  async look(expression) {
    const { result, exceptionDetails } = await this.#session.send('Runtime.evaluate', { expression, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.text);
    return result.value;
  }

  async until(expression, within = 15_000) {
    for (const end = Date.now() + within; Date.now() < end; await new Promise((done) => setTimeout(done, 100))) {
      const value = await this.look(expression).catch(() => null); // between two documents
      if (value) return value;
    }
    return assert.fail(`never came true: ${expression}`);
  }
}
