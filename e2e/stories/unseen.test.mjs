// What nobody looks at costs no video: a tab behind another, a tile that is scrolled out of sight. Sound goes on.
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { openChromium } from '../lib/browsers.mjs';
import { company } from '../lib/company.mjs';
import { Person } from '../lib/person.mjs';
import { freePort } from '../lib/server.mjs';
import { Tab } from '../lib/tab.mjs';

/** Too small for the tiles of three people. */
const NARROW = { width: 200, height: 260 };
/** Video stands still for so long, and sound does not. */
const STILL_MS = 1000;
/** A glance at another tab (3 s) costs nothing; then the video ends within a moment. */
const HIDDEN_WITHIN_MS = 6000;
const SCROLLED_WITHIN_MS = 3000;
const BACK_WITHIN_MS = 3000;

/** To be run in the page: what has been received of pictures and of sound. */
const RECEIVED = `(async () => {
  const reports = [...(await globalThis.parlor.room.stats()).values()].filter(({ type }) => type === 'inbound-rtp');
  const sum = (kind, name) => reports.filter((report) => report.kind === kind).reduce((sum, report) => sum + (report[name] ?? 0), 0);
  return { video: sum('video', 'bytesReceived'), frames: sum('video', 'framesDecoded'), sound: sum('audio', 'packetsReceived') };
})()`;

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

describe('what nobody looks at', () => {
  const here = company(2);
  const { browsers, people } = here;
  let tabs, port;

  before(async () => {
    port = await freePort();
    tabs = await openChromium({ id: 3, args: [`--remote-debugging-port=${port}`] });
  });

  after(async () => {
    await tabs?.close();
  });

  /** Waits until pictures, and not sound, have stood still for a while; says how long it took until they did. */
  async function videoRests(page, within) {
    const start = Date.now();
    for (;;) {
      const first = await page.evaluate(RECEIVED);
      await wait(STILL_MS);
      const then = await page.evaluate(RECEIVED);
      assert.ok(then.sound > first.sound, 'sound goes on');
      if (then.video === first.video) return Date.now() - start - STILL_MS;
      assert.ok(Date.now() - start < within + STILL_MS, `${then.video - first.video} bytes of video in the last second`);
    }
  }

  async function videoIsBack(page) {
    const start = Date.now();
    const { frames } = await page.evaluate(RECEIVED);
    while ((await page.evaluate(RECEIVED)).frames < frames + 3) {
      assert.ok(Date.now() - start < BACK_WITHIN_MS, 'the picture is not back');
      await wait(50);
    }
    return Date.now() - start;
  }

  it('a tab behind another receives sound and no video, and pictures again when it comes to the front', async (t) => {
    const ann = await Person.join(browsers[0], here.server, { room: 'behind' });
    people.push(ann);
    const tab = await Tab.open(port, `${here.server.origin}/r/behind`);
    await tab.until("document.querySelector('[data-testid=name-input]')");
    await tab.evaluate(`(() => {
      const name = document.querySelector('[data-testid=name-input]');
      name.value = 'Bo';
      name.dispatchEvent(new Event('input', { bubbles: true }));
      document.querySelector('[data-testid=join-button]').click();
    })()`);
    await tab.until('globalThis.parlor?.room?.peers?.size === 1');
    await videoIsBack(tab);
    const other = await Tab.open(port, 'about:blank');
    await tab.until("document.visibilityState === 'hidden'");
    const rests = await videoRests(tab, HIDDEN_WITHIN_MS);
    await tab.toFront();
    await tab.until("document.visibilityState === 'visible'");
    const back = await videoIsBack(tab);
    t.diagnostic(`no video ${rests} ms after the tab was hidden; pictures again ${back} ms after it came to the front`);
    for (const one of [tab, other]) one.close();
  });

  it('a tile that is scrolled out of sight costs no video until it is back', async (t) => {
    const ann = await Person.join(browsers[0], here.server, { room: 'scroll' });
    const bo = await Person.join(browsers[1], here.server, { room: 'scroll' });
    const cy = await Person.join(browsers[0], here.server, { room: 'scroll', name: 'Cy', camera: false });
    people.push(ann, bo, cy);
    const { page } = bo;
    await page.setViewportSize(NARROW);
    await bo.tile(ann).evaluate((tile) => tile.scrollIntoView());
    await bo.sees(ann);
    await bo.scrollsAwayFrom(ann);
    const rests = await videoRests(page, SCROLLED_WITHIN_MS);
    await bo.tile(ann).evaluate((tile) => tile.scrollIntoView());
    const back = await videoIsBack(page);
    t.diagnostic(`no video ${rests} ms after the tile was out of sight; pictures again ${back} ms after it was in it`);
  });
});
