// Everybody's picture is as good as their own cable carries: slow, long, lossy, sometimes bad, and one that nobody looks at.
import { after, afterEach, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { openChromium } from '../lib/browsers.mjs';
import { Cables, GOOD, HUB, PUNCTUAL, unavailable } from '../lib/cable.mjs';
import { Delays } from '../lib/delay.mjs';
import { WIDE } from '../lib/pattern.mjs';
import { closeAll, Person } from '../lib/person.mjs';
import { beginTestimony, takeTestimony, witnessed } from '../lib/testimony.mjs';

/** Pinned in it, a tile is too large for the middle size. */
const LARGE = { width: 1280, height: 800 };
/** Too small for the tiles of three people. */
const NARROW = { width: 200, height: 260 };
/** What the page waits for before it says that it is hidden: a glance at another tab costs nothing. */
const GLANCE_MS = 3000;
/** Browsers probe their way every 5 s, also while they send sound alone, and take what they find for all that there is. */
const RESTS_MS = 8000;
/** What is no doing of the server: a layout that settles, a picture on its way, and between two notes of the witness. */
const BROWSER_MS = 400;

/** How long the smallest picture may be all that comes over a path that loses some. */
const GROWN_WITHIN_MS = 6000;

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

describe('over cables of all kinds', { skip: unavailable }, () => {
  let cables, server, browsers;
  /** Ann shows herself all the time. */
  let ann;
  /** Those who watch her in this story. */
  const watchers = [];

  before(async () => {
    cables = await Cables.open(['ann', 'bo', 'cy']);
    for (const name of ['ann', 'bo', 'cy']) await mend(name);
    server = await cables.startServer();
    browsers = await Promise.all(
      ['ann', 'bo', 'cy'].map((name, index) => {
        const shows = index === 0 && { picture: WIDE, niceness: PUNCTUAL };
        return openChromium({ id: index + 1, namespace: cables.namespaces[name], hosts: [HUB], ...shows });
      }),
    );
    ann = await Person.join(browsers[0], server, { room: 'cable', name: 'Ann', page: await browsers[0].page({ ignoreHTTPSErrors: true }) });
  });

  afterEach(async () => {
    for (const person of [ann, ...watchers]) person.assertNoProblems();
    await closeAll(watchers.splice(0));
    for (const name of ['ann', 'bo', 'cy']) await mend(name);
  });

  after(async () => {
    for (const browser of browsers ?? []) await browser.close();
    await server?.stop();
    await cables?.close();
  });

  const mend = (name) => cables.set(name, { down: GOOD, up: GOOD });

  /** Comes to watch, without devices of their own: all the cable is for the picture and the voice of Ann. */
  async function comes(name) {
    const browser = browsers[['Ann', 'Bo', 'Cy'].indexOf(name)];
    const person = await Person.join(browser, server, {
      room: 'cable', name, page: await browser.page({ ignoreHTTPSErrors: true, viewport: LARGE }), camera: false, microphone: false,
    });
    watchers.push(person);
    return person;
  }

  /** Comes to watch and makes Ann large. */
  async function comesForAnn(name) {
    const person = await comes(name);
    await person.tile(ann).hover();
    await person.tile(ann).getByTestId('pin').click();
    await person.sees(ann);
    return person;
  }

  /** Waits for the largest picture of Ann. */
  async function seesLarge(person, within = 15_000) {
    const end = Date.now() + within;
    while ((await person.picture(ann))?.height !== 720) {
      assert.ok(Date.now() < end, `${person.name} has no large picture of Ann: ${JSON.stringify(await person.page.evaluate(() => globalThis.parlor.room.quality))}`);
      await wait(100);
    }
  }

  const report = (t, name, line) => t.diagnostic(`case ${name}: ${line}`);

  it('who has 400 kbit/s sees a small picture that does not freeze, and who has 5 Mbit/s the large one', async (t) => {
    await cables.set('cy', { down: { kbps: 400 } });
    const [bo, cy] = await Promise.all([comesForAnn('Bo'), comesForAnn('Cy')]);
    await seesLarge(bo);
    const delays = await Delays.of(ann, [bo, cy]);
    const [sent, wide, narrow] = await witnessed([ann, bo, cy], () => wait(12_000));
    const [large, small] = [wide.of(ann), narrow.of(ann)];
    report(t, '400 kbit/s, Ann', sent.layers());
    report(t, '400 kbit/s, Bo at 5 Mbit/s', `${large.summary()}; ${await delays.summary(bo)}`);
    report(t, '400 kbit/s, Cy', `${small.summary()}; ${await delays.summary(cy)}`);
    assert.equal(large.heights(), '720p 0.0 s', 'Bo is not affected');
    assert.ok(large.longestFreeze_ms <= 1000, `Bo's picture stood still for ${large.longestFreeze_ms} ms`);
    assert.ok(small.longestFreeze_ms <= 1000, `Cy's picture stood still for ${small.longestFreeze_ms} ms`);
    assert.equal(small.paused_ms, 0, 'Cy has a picture all the time');
    assert.equal(small.last.told.layer, 'l');
  });

  it('a cable that is long and loses 3 % carries a picture that moves', async (t) => {
    const bad = { delay_ms: 75, loss_percent: 3 };
    await cables.set('bo', { down: bad, up: bad });
    const bo = await comesForAnn('Bo');
    const delays = await Delays.of(ann, [bo]);
    const begun = Date.now();
    const [seen] = await witnessed([bo], () => wait(12_000));
    const sight = seen.of(ann);
    report(t, '3 % loss, 150 ms', `${sight.summary()}; ${Math.round(seen.concealed_ms)} ms of sound made up; ${await delays.summary(bo)}`);
    assert.ok(sight.longestFreeze_ms <= 1000, `it stood still for ${sight.longestFreeze_ms} ms`);
    assert.equal(sight.paused_ms, 0);
    assert.ok(sight.frames >= 0.8 * WIDE.fps * seen.seconds, `${sight.frames} frames in ${seen.seconds} s`);
    const grown = sight.firstAt(360);
    assert.ok(grown !== null && grown - begun <= GROWN_WITHIN_MS, `not the smallest ${grown && Math.round(grown - begun)} ms after it began`);
    assert.ok(sight.last.frameHeight >= 360, 'and at the end');
  });

  it('a cable that carries 250 kbit/s for 20 seconds costs size and not the call, and the large picture is back soon after', async (t) => {
    const cy = await comesForAnn('Cy');
    await seesLarge(cy);
    const delays = await Delays.of(ann, [cy]);
    const [seen] = await witnessed([cy], async () => {
      await cables.set('cy', { down: { kbps: 250 } });
      await wait(20_000);
    });
    const mended = Date.now();
    await mend('cy');
    const delay = await delays.summary(cy);
    await wait(10_000);
    const after = (await takeTestimony(cy)).of(ann);
    const bad = seen.of(ann);
    const back = after.firstAt(720);
    report(t, '250 kbit/s for 20 s', `${bad.summary()}; ${Math.round(seen.concealed_ms)} ms of sound made up; ${delay}`);
    report(t, '250 kbit/s for 20 s, after it', `${after.summary()}; large after ${back && Math.round(back - mended)} ms; ${await delays.summary(cy)}`);
    assert.ok(bad.longestFreeze_ms <= 1000, `it stood still for ${bad.longestFreeze_ms} ms`);
    assert.ok(bad.frames >= 5 * 20, `${bad.frames} frames in 20 s`);
    assert.ok(seen.concealed_ms <= 1000, `${seen.concealed_ms} ms of sound were missing`);
    assert.ok(back !== null && back - mended <= 8000, 'the large picture is back within 8 s');
  });

  it('what nobody looks at is neither sent nor encoded, and is there at once for who comes back', async (t) => {
    const [bo, cy] = await Promise.all([comesForAnn('Bo'), comes('Cy')]);
    await seesLarge(bo);
    await cy.page.setViewportSize(NARROW);
    await cy.tile(ann).evaluate((tile) => tile.scrollIntoView());
    await cy.sees(ann);
    const delays = await Delays.of(ann, [bo]);
    await Promise.all([ann, bo, cy].map(beginTestimony));
    await cy.scrollsAwayFrom(ann);
    await wait(2000);
    await takeTestimony(cy);
    const hidden = Date.now();
    await becomeHidden(bo, true);
    await wait(GLANCE_MS + RESTS_MS);
    const [sent, unseen, scrolled] = await Promise.all([ann, bo, cy].map(takeTestimony));
    const shown = Date.now();
    await becomeHidden(bo, false);
    await wait(7000);
    const [again, seen] = await Promise.all([ann, bo].map(takeTestimony));

    const rests = Math.round(sent.lastEncodedAt - hidden - GLANCE_MS);
    const since = (at) => at && Math.round(at - shown);
    const [first, large] = [since(seen.of(ann).firstAt(1)), since(seen.of(ann).firstAt(720))];
    report(t, 'not shown, Ann', `encodes nothing ${rests} ms after the last viewer; back: ${again.layers()}`);
    report(t, 'not shown, Bo', `${unseen.of(ann).told()}; shown again: first picture after ${first} ms, large after ${large} ms; ${seen.of(ann).summary()}; ${await delays.summary(bo)}`);
    report(t, 'not shown, Cy', scrolled.of(ann).summary());
    assert.equal(scrolled.of(ann).told(), 'not_shown 0.0 s');
    assert.equal(scrolled.of(ann).kbps, 0, 'a tile that is scrolled away costs nothing');
    assert.equal(unseen.of(ann).last.told.reason, 'not_shown');
    assert.ok(rests <= 2000, `Ann encodes for ${rests} ms longer`);
    assert.ok(first !== null && first <= 500 + BROWSER_MS, `the first picture is back after ${first} ms`);
    assert.ok(large !== null && large <= 5000 + BROWSER_MS, `the large picture is back after ${large} ms`);
  });

  it('who shows themselves over a thin cable is seen small, and heard', async (t) => {
    const bo = await comesForAnn('Bo');
    await wait(4000); // for the large picture
    const delays = await Delays.of(ann, [bo]);
    const [sent, seen] = await witnessed([ann, bo], async () => {
      await cables.set('ann', { up: { kbps: 400 } });
      await wait(12_000);
    });
    const sight = seen.of(ann);
    report(t, 'uplink of 400 kbit/s, Ann', sent.layers());
    report(t, 'uplink of 400 kbit/s, Bo', `${sight.summary()}; ${Math.round(seen.concealed_ms)} ms of sound made up; ${await delays.summary(bo)}`);
    assert.ok(sight.longestFreeze_ms <= 1000, `it stood still for ${sight.longestFreeze_ms} ms`);
    assert.equal(sight.last.told.state, 'live');
    assert.ok(sight.last.frameHeight < 720);
    await bo.seesMotion(ann);
    await bo.hears(ann);
  });
});

/** Playwright keeps every page in front, so the page is told that it is not; stories/unseen.test.mjs has tabs that really are not. */
async function becomeHidden(person, hidden) {
  await person.page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
}
