// What people do in a call: camera, microphone, screens, devices, tiles, reload, leave.
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';

import { openChromium } from '../lib/browsers.mjs';
import { hertz } from '../lib/pattern.mjs';
import { assertAllMeet, closeAll, Person } from '../lib/person.mjs';
import { Server } from '../lib/server.mjs';

/** Whose picture and tone the tab shows that each of the two shares. */
const SLIDES = { ann: 21, bo: 22 };
/** Whose devices are plugged into the studio's two-camera computer. */
const RACK = [31, 32];
/** Whose devices the small client has. */
const EXAMPLE = 33;

describe('in a call of two', () => {
  let server, browsers;
  /** The call that stories follow one another in; one that a story broke is not used again. */
  let ongoing = null;
  let rooms = 0;

  before(async () => {
    server = await Server.start();
    browsers = await Promise.all([1, 2].map((id) => openChromium({ id, shares: 'Slides' })));
  });

  after(async () => {
    for (const browser of browsers ?? []) await browser.close();
    await server?.stop();
  });

  async function call() {
    const room = `call-${++rooms}`;
    const [ann, bo] = await Promise.all(browsers.map((browser, i) => Person.join(browser, server, { room, name: ['Ann', 'Bo'][i] })));
    await assertAllMeet([ann, bo]);
    return { ann, bo };
  }

  const inCall = (name, story) =>
    it(name, async () => {
      const { ann, bo } = ongoing ?? (await call());
      ongoing = null;
      try {
        await story(ann, bo);
        for (const person of [ann, bo]) person.assertNoProblems();
        ongoing = { ann, bo };
      } finally {
        if (!ongoing) await closeAll([ann, bo]);
      }
    });

  inCall('a camera switched off shows initials and stops the capture; on again, the picture is back', async (ann, bo) => {
    await ann.element('camera-toggle').click();
    await bo.seesNoPictureOf(ann);
    const live = await ann.page.evaluate(() => globalThis.parlor.room.published.get('camera')?.readyState ?? 'none');
    assert.notEqual(live, 'live', 'the capture light is out');
    await bo.hears(ann);
    await ann.element('camera-toggle').click();
    await bo.seesMotion(ann);
  });

  inCall('a muted person is not heard and shown as muted; unmuted, heard again', async (ann, bo) => {
    await ann.element('mic-toggle').click();
    await bo.hearsNothingOf(ann);
    await bo.tile(ann).getByTestId('muted').waitFor({ state: 'visible' });
    await bo.seesMotion(ann);
    await ann.element('mic-toggle').click();
    await bo.hears(ann);
  });

  inCall('who speaks is marked, and who is muted is not', async (ann, bo) => {
    const speaking = bo.page.locator(`parlor-tile.speaking[data-peer="${ann.peer}"]`);
    await speaking.waitFor();
    await ann.element('mic-toggle').click();
    await speaking.waitFor({ state: 'detached' });
    await ann.element('mic-toggle').click();
    await speaking.waitFor();
  });

  inCall('two share a tab with its sound at once: tiles of their own beside the cameras, gone when the sharing ends', async (ann, bo) => {
    const tabs = [await ann.browser.openTab(ann.page, { title: 'Slides', id: SLIDES.ann }), await bo.browser.openTab(bo.page, { title: 'Slides', id: SLIDES.bo })];
    for (const person of [ann, bo]) await person.element('screen-toggle').click();
    await Promise.all([
      bo.seesMotion(ann, { source: 'screen', id: SLIDES.ann }),
      bo.hears(ann, { source: 'screen_audio', id: SLIDES.ann }),
      ann.seesMotion(bo, { source: 'screen', id: SLIDES.bo }),
      ann.hears(bo, { source: 'screen_audio', id: SLIDES.bo }),
    ]);
    const hint = await ann.page.evaluate(() => globalThis.parlor.room.published.get('screen').contentHint);
    assert.equal(hint, 'detail', 'slides need sharpness before motion');
    await assertAllMeet([ann, bo]);
    await ann.element('screen-toggle').click();
    await bo.tile(ann, 'screen').waitFor({ state: 'detached' });
    await tabs[1].close(); // what the browser's own "stop sharing" does, too: the track ends
    await ann.tile(bo, 'screen').waitFor({ state: 'detached' });
    await assertAllMeet([ann, bo]);
    await tabs[0].close();
  });

  inCall('a tile can be pinned large and shown on the full screen', async (ann, bo) => {
    const tile = bo.tile(ann);
    const width = async () => (await tile.boundingBox()).width;
    const before = await width();
    await tile.hover();
    await tile.getByTestId('pin').click();
    await bo.page.waitForFunction(({ peer, before }) => document.querySelector(`parlor-tile[data-peer="${peer}"]`).clientWidth > before * 1.3, { peer: ann.peer, before });
    await tile.getByTestId('fullscreen').click();
    await bo.page.waitForFunction((peer) => document.fullscreenElement?.dataset.peer === peer, ann.peer);
    await bo.seesMotion(ann);
    await tile.getByTestId('more').click();
    await bo.element('menu-statistics').click();
    await tile.getByTestId('tile-statistics').waitFor();
    await tile.getByTestId('fullscreen').click();
    await bo.page.waitForFunction(() => document.fullscreenElement === null);
    await tile.hover();
    await tile.getByTestId('pin').click();
    await bo.page.waitForFunction(({ peer, before }) => document.querySelector(`parlor-tile[data-peer="${peer}"]`).clientWidth < before * 1.1, { peer: ann.peer, before });
  });

  inCall('a reloaded page comes back into the room by itself', async (ann, bo) => {
    await ann.page.reload();
    await ann.element('room-name').waitFor({ timeout: 15_000 });
    await ann.learnPeer();
    await assertAllMeet([ann, bo]);
    const others = await bo.page.evaluate(() => globalThis.parlor.room.peers.size);
    assert.equal(others, 1, 'no ghost of the old page is left');
  });

  inCall('who leaves is gone at once and can come back', async (ann, bo) => {
    const [took] = await Promise.all([bo.missesWithin(ann, 3000), ann.leave()]);
    assert.ok(took < 1500, `gone after ${took} ms`);
    await ann.element('rejoin').click();
    await ann.element('room-name').waitFor();
    await ann.learnPeer();
    await assertAllMeet([ann, bo]);
  });

  inCall('the small client of /example meets the people of the app', async (ann, bo) => {
    // It keeps no settings, so its microphone is filtered: the studio's is not, and a steady tone stays.
    const page = await ann.browser.page({ studio: [EXAMPLE] });
    await page.goto(`${server.origin}/example/`);
    const room = await bo.element('room-name').innerText();
    await page.locator('[name=room]').fill(room);
    await page.locator('[name=name]').fill('Example');
    await page.getByRole('button', { name: 'Join' }).click();
    await bo.page.waitForFunction(() => [...globalThis.parlor.room.peers.values()].some((peer) => peer.name === 'Example'));
    const peer = await bo.page.evaluate(() => [...globalThis.parlor.room.peers.values()].find((peer) => peer.name === 'Example').id);
    const guest = { peer, name: 'Example', id: EXAMPLE };
    await Promise.all([bo.seesMotion(guest), bo.hears(guest)]);
    await page.waitForFunction(
      ({ peer, id }) => globalThis.probe.picture(document.querySelector(`figure[data-peer="${peer}"] video`))?.id === id,
      { peer: bo.peer, id: bo.id },
    );
    const heard = await page.evaluate(
      (peer) => globalThis.probe.tone(document.querySelector(`figure[data-peer="${peer}"] audio`).srcObject.getAudioTracks()[0]),
      bo.peer,
    );
    assert.ok(Math.abs(heard.hertz - hertz(bo.id)) < 14, `the example hears ${JSON.stringify(heard)}`);
    await page.getByRole('button', { name: 'Leave' }).click();
    await bo.missesWithin(guest, 3000);
    assert.deepEqual(page.problems, []);
    await page.context().close();
  });

  it('camera and microphone are changed in the call, and one that is unplugged is replaced or named', async () => {
    const [first, second] = RACK;
    const page = await browsers[0].page({ studio: RACK });
    const ann = await Person.join(browsers[0], server, { room: 'rack', name: 'Ann', page });
    const bo = await Person.join(browsers[1], server, { room: 'rack', name: 'Bo' });
    await Promise.all([bo.sees(ann, { id: first }), bo.hears(ann, { id: first })]);

    await ann.element('devices-button').click();
    await ann.element('camera-picker').selectOption({ label: `Camera ${second}` });
    await ann.element('microphone-picker').selectOption({ label: `Microphone ${second}` });
    await Promise.all([bo.seesMotion(ann, { id: second }), bo.hears(ann, { id: second })]);

    await page.evaluate((id) => globalThis.studio.unplug(`camera-${id}`), second);
    await ann.element('notices').getByText(`Camera ${second} was unplugged or taken. Now using Camera ${first}.`).waitFor();
    await bo.seesMotion(ann, { id: first });
    await bo.hears(ann, { id: second });

    await page.evaluate((id) => globalThis.studio.unplug(`camera-${id}`), first);
    await ann.element('notices').getByText(`Camera ${first} was unplugged or taken. Plug in another`).waitFor();
    await bo.seesNoPictureOf(ann);
    await bo.hears(ann, { id: second });
    for (const person of [ann, bo]) person.assertNoProblems();
    await closeAll([ann, bo]);
  });

  it('twenty joins and leaves in quick succession leave no ghost peers, slots or threads', async () => {
    const ann = await Person.join(browsers[0], server, { room: 'busy', name: 'Ann' });
    const before = await census(server);
    const guest = await browsers[1].page();
    await guest.goto(`${server.origin}/example/`);
    await guest.evaluate(comeAndGo, { room: 'busy', times: 20 });
    await ann.page.waitForFunction(() => globalThis.parlor.room.peers.size === 0);
    assert.equal(await ann.page.locator('parlor-tile:not(.self)').count(), 0);
    assert.deepEqual(await settled(server, before), before);
    ann.assertNoProblems();
    assert.deepEqual(guest.problems, []);
    await guest.context().close();
    await closeAll([ann]);
  });
});

/** Runs in the page: joins with camera and microphone and leaves, again and again, now at once, now when others have seen it. */
async function comeAndGo({ room, times }) {
  const { Room, socketUrl } = await import('/sdk/index.js');
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  for (let turn = 0; turn < times; turn++) {
    const one = new Room({ url: socketUrl(location.href), room, name: `Guest ${turn}` });
    await one.publish('microphone', stream.getAudioTracks()[0]);
    await one.publish('camera', stream.getVideoTracks()[0]);
    await one.join();
    if (turn % 2 === 0) await new Promise((done) => one.on('stage', (stage) => stage === 'connected' && done()));
    one.leave();
  }
}

/** What the server holds, in numbers. */
async function census(server) {
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
