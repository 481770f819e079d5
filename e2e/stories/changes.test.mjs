// What people do in a call: camera, microphone, screen, reload, leave.
import { after, afterEach, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { openChromium } from '../lib/browsers.mjs';
import { assertAllMeet, Person } from '../lib/person.mjs';
import { Server } from '../lib/server.mjs';

describe('in a call of two', () => {
  let server, browsers, ann, bo;
  let rooms = 0;

  before(async () => {
    server = await Server.start();
    browsers = [await openChromium({ id: 1 }), await openChromium({ id: 2 })];
  });

  after(async () => {
    for (const browser of browsers ?? []) await browser.close();
    await server?.stop();
  });

  async function call() {
    const room = `call-${++rooms}`;
    ann = await Person.join(browsers[0], server, { room, name: 'Ann' });
    bo = await Person.join(browsers[1], server, { room, name: 'Bo' });
    await assertAllMeet([ann, bo]);
  }

  afterEach(async () => {
    for (const person of [ann, bo]) {
      person.assertNoProblems();
      await person.page.context().close();
    }
  });

  it('a camera switched off shows initials and stops the capture; on again, the picture is back', async () => {
    await call();
    await ann.element('camera-toggle').click();
    await bo.seesNoPictureOf(ann);
    const live = await ann.page.evaluate(() => globalThis.parlor.room.published.get('camera')?.readyState ?? 'none');
    assert.notEqual(live, 'live', 'the capture light is out');
    await bo.hears(ann);
    await ann.element('camera-toggle').click();
    await bo.seesMotion(ann);
  });

  it('a muted person is not heard and shown as muted; unmuted, heard again', async () => {
    await call();
    await ann.element('mic-toggle').click();
    await bo.hearsNothingOf(ann);
    await bo.tile(ann).getByTestId('muted').waitFor({ state: 'visible' });
    await bo.seesMotion(ann);
    await ann.element('mic-toggle').click();
    await bo.hears(ann);
  });

  it('a shared screen is a tile of its own beside the camera', async () => {
    await call();
    await ann.element('screen-toggle').click();
    await bo.tile(ann, 'screen').waitFor();
    await bo.page.waitForFunction(
      (peer) => document.querySelector(`parlor-tile[data-peer="${peer}"][data-source="screen"] video`)?.videoWidth > 0,
      ann.peer,
    );
    await bo.seesMotion(ann);
    await ann.element('screen-toggle').click();
    await bo.tile(ann, 'screen').waitFor({ state: 'detached' });
    await bo.seesMotion(ann);
  });

  it('a reloaded page comes back into the room by itself', async () => {
    await call();
    await ann.page.reload();
    await ann.element('room-name').waitFor({ timeout: 15_000 });
    await ann.learnPeer();
    await assertAllMeet([ann, bo]);
    const others = await bo.page.evaluate(() => globalThis.parlor.room.peers.size);
    assert.equal(others, 1, 'no ghost of the old page is left');
  });

  it('who leaves is gone at once and can come back', async () => {
    await call();
    await ann.leave();
    const took = await bo.missesWithin(ann, 3000);
    assert.ok(took < 1500, `gone after ${took} ms`);
    await ann.element('rejoin').click();
    await ann.element('join-button').click();
    await ann.element('room-name').waitFor();
    await ann.learnPeer();
    await assertAllMeet([ann, bo]);
  });

  it('who speaks is marked', async () => {
    await call();
    await bo.page.waitForFunction(
      (peer) => document.querySelector(`parlor-tile[data-peer="${peer}"]`)?.classList.contains('speaking'),
      ann.peer,
      { timeout: 8000 },
    );
  });
});

describe('coming and going', () => {
  it('twenty joins and leaves in quick succession leave no ghost peers, slots or threads', async () => {
    const server = await Server.start();
    const browser = await openChromium({ id: 1 });
    try {
      const ann = await Person.join(browser, server, { room: 'busy', name: 'Ann' });
      const before = await census(server);
      const page = await browser.page();
      for (let turn = 0; turn < 20; turn++) {
        const guest = await Person.join(browser, server, { room: 'busy', name: `Guest ${turn}`, page });
        await guest.leave();
      }
      await ann.page.waitForFunction(() => globalThis.parlor.room.peers.size === 0);
      assert.deepEqual(await settled(server, before), before);
      ann.assertNoProblems();
    } finally {
      await browser.close();
      await server.stop();
    }
  });
});

/** What the server holds, in numbers. */
async function census(server) {
  const { default: fs } = await import('node:fs');
  const threads = fs.readdirSync(`/proc/${server.child.pid}/task`).length;
  const counts = {};
  for (const name of ['parlor_rooms', 'parlor_peers', 'parlor_tracks', 'parlor_slots']) counts[name] = await server.metric(name);
  return { threads, ...counts };
}

/** The census once it is as expected, or as it is after five seconds. Threads of the runtime come and go. */
async function settled(server, expected) {
  let now;
  for (let tries = 0; tries < 50; tries++) {
    now = await census(server);
    if (Object.entries(expected).every(([name, value]) => now[name] === value)) return now;
    await new Promise((done) => setTimeout(done, 100));
  }
  return now;
}
