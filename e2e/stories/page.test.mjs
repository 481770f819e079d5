// What the page does around the media: loudspeakers, the places of tiles, phones, and what the browser makes of our feedback.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { Bots } from '../lib/bots.mjs';
import { company } from '../lib/company.mjs';
import { assertAllMeet, Person } from '../lib/person.mjs';

/** Smallest side of what a finger hits, in CSS pixels (WCAG 2.2, 2.5.5). */
const FINGER = 44;

/** The smallest and a common one, upright. */
const PHONES = [{ width: 320, height: 568 }, { width: 390, height: 844 }];
const onItsSide = ({ width, height }) => ({ width: height, height: width });
const phone = (viewport) => ({ hasTouch: true, isMobile: true, deviceScaleFactor: 2, viewport });

describe('the page in a call', () => {
  const here = company(3);
  const { browsers, people } = here;

  async function join(index, room, context = {}) {
    const page = await browsers[index].page(context);
    const person = await Person.join(browsers[index], here.server, { room, page });
    people.push(person);
    return person;
  }

  it('another loudspeaker is chosen in the call, and plays those who are there and those who come', async () => {
    const [ann, bo] = [await join(0, 'loud'), await join(1, 'loud')];
    await ann.hears(bo);
    await ann.element('devices-button').click();
    const picker = ann.element('loudspeaker-picker').last();
    const others = await picker.locator('option').evaluateAll((options) => options.map(({ value }) => value).filter((id) => !['', 'default'].includes(id)));
    assert.ok(others.length > 0, 'there is another loudspeaker');
    await picker.selectOption(others.at(-1));
    const players = (count) =>
      ann.page.waitForFunction(
        ({ count, sink }) => {
          const players = [...document.querySelectorAll('[data-testid=sounds] audio')];
          return players.length === count && players.every((player) => player.sinkId === sink && !player.paused);
        },
        { count, sink: others.at(-1) },
        { timeout: 10_000 },
      );
    await players(1);
    await ann.hears(bo);
    const cy = await join(2, 'loud');
    await players(2);
    await ann.hears(cy);
  });

  it('a tile keeps its place while people come, go, mute and switch cameras', async () => {
    const [ann, bo, cy] = [await join(0, 'places'), await join(1, 'places'), await join(2, 'places')];
    await assertAllMeet([ann, bo, cy]);
    const order = async (person) => (await person.page.evaluate(tilesInReadingOrder)).filter((peer) => [ann.peer, bo.peer, cy.peer, 'me'].includes(peer));
    const before = await order(ann);
    assert.deepEqual(before, ['me', bo.peer, cy.peer]);
    const same = async (after, expected = before) => assert.deepEqual(await order(ann), expected, `after ${after}`);

    await bo.element('mic-toggle').click();
    await ann.tile(bo).getByTestId('muted').waitFor({ state: 'visible' });
    await same('muting');
    await bo.element('camera-toggle').click();
    await ann.seesNoPictureOf(bo);
    await same('switching a camera off');
    await bo.element('camera-toggle').click();
    await ann.sees(bo);
    await same('switching it on again');

    const bots = new Bots(here.server, { room: 'places', count: 3 });
    await ann.page.waitForFunction(() => globalThis.parlor.room.peers.size === 5);
    await same('three more have come');
    await bots.stop();
    await ann.page.waitForFunction(() => globalThis.parlor.room.peers.size === 2);
    await same('they have gone');
    await bo.leave();
    await ann.missesWithin(bo, 5000);
    await same('one before has left', ['me', cy.peer]);
  });

  it('on a phone, held either way, people meet by taps, tiles fill the screen, and fingers hit every button', async () => {
    const ann = await join(0, 'phone');
    const portrait = PHONES[1];
    const page = await browsers[1].page(phone(portrait));
    const bo = new Person(browsers[1], page, 'Bo');
    people.push(bo);
    await page.goto(`${here.server.origin}/r/phone`);
    await bo.element('name-input').tap();
    await page.keyboard.type('Bo');
    await bo.element('join-button').tap();
    await bo.element('room-name').waitFor();
    await bo.learnPeer();
    await assertAllMeet([ann, bo]);
    for (const viewport of [portrait, onItsSide(portrait)]) {
      await page.setViewportSize(viewport);
      await page.waitForFunction(fillsScreen, FINGER, { timeout: 5000 }).catch(async () => {
        assert.fail(`${viewport.width}x${viewport.height}: ${JSON.stringify(await page.evaluate(describeScreen))}`);
      });
      await bo.seesMotion(ann);
    }
    const inline = await page.evaluate(() => [...document.querySelectorAll('video')].every((video) => video.playsInline));
    assert.ok(inline, 'no video takes the whole screen by itself');
    await bo.element('camera-toggle').tap();
    await ann.seesNoPictureOf(bo);
    await bo.element('devices-button').tap();
    await bo.element('camera-picker').last().waitFor({ state: 'visible' });
    await page.keyboard.press('Escape');
    await bo.element('leave').tap();
    await ann.missesWithin(bo, 5000);
  });

  it('on every phone, held either way, the button that joins needs no scrolling, and what one chooses devices with can be hit', async () => {
    const page = await browsers[0].page(phone(PHONES[0]));
    const ann = new Person(browsers[0], page, 'Ann');
    people.push(ann);
    await page.goto(`${here.server.origin}/r/choosing`);
    await ann.element('meter').waitFor();
    const holds = async (check, argument) => {
      for (const viewport of PHONES.flatMap((upright) => [upright, onItsSide(upright)])) {
        await page.setViewportSize(viewport);
        await page.waitForFunction(check, argument, { timeout: 3000 }).catch(async () => {
          assert.fail(`${check.name} at ${viewport.width}x${viewport.height}: ${JSON.stringify(await page.evaluate(describeScreen))}`);
        });
      }
    };
    await holds(showsTheWayIn);
    await ann.element('devices-summary').tap();
    await holds(canBeHit, { within: '.join', finger: FINGER });
    await ann.element('name-input').fill('Ann');
    await ann.element('join-button').tap();
    await ann.element('devices-button').tap();
    await holds(canBeHit, { within: '.panel', finger: FINGER });
    await holds(showsWholePanel);
  });

  it("the browser's own estimate of its way to us climbs by our feedback", async () => {
    const [ann] = [await join(0, 'estimate'), await join(1, 'estimate')];
    const first = await ann.page.evaluate(estimateBps);
    // Browsers probe upwards every few seconds, and a busy machine looks to them like a bad network.
    const end = Date.now() + 60_000;
    let last = first;
    while (Date.now() < end && last < 1_000_000) {
      await ann.page.waitForTimeout(250);
      last = await ann.page.evaluate(estimateBps);
    }
    assert.ok(last >= 1_000_000, `from ${first} to ${last} bit/s in a minute`);
  });
});

/** Runs in the page: whose tiles there are, as one reads them. */
function tilesInReadingOrder() {
  const tiles = [...document.querySelectorAll('parlor-tile[data-source=camera]')];
  const place = (tile) => {
    const { e: x, f: y } = new DOMMatrix(tile.style.transform);
    return { peer: tile.dataset.peer, x, y };
  };
  return tiles.map(place).sort((a, b) => a.y - b.y || a.x - b.x).map(({ peer }) => peer);
}

/** Runs in the page: whether the tiles use most of a screen that does not scroll, and every button can be hit. */
function fillsScreen(finger) {
  const boxes = [...document.querySelectorAll('parlor-tile')].map((tile) => tile.getBoundingClientRect());
  const isInside = ({ left, top, right, bottom }) => left >= 0 && top >= 0 && right <= innerWidth + 1 && bottom <= innerHeight + 1;
  const area = boxes.reduce((sum, { width, height }) => sum + width * height, 0);
  const buttons = [...document.querySelectorAll('.controls > button')].map((button) => button.getBoundingClientRect());
  const scrolls = document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight;
  return !scrolls && boxes.every(isInside) && area >= 0.5 * innerWidth * innerHeight
    && buttons.every((box) => isInside(box) && box.width >= finger && box.height >= finger);
}

/** Runs in the page: whether nothing has to be scrolled to join, and the level does not hide behind a button. */
function showsTheWayIn() {
  const box = (id) => document.querySelector(`[data-testid=${id}]`).getBoundingClientRect();
  const [join, meter, microphone] = [box('join-button'), box('meter'), box('mic-toggle')];
  return document.documentElement.scrollWidth <= innerWidth && join.top >= 0 && join.bottom <= innerHeight && meter.width > 0 && meter.right <= microphone.left;
}

/** Runs in the page: whether a finger hits everything that can be used in an element; a box to tick is as large as its words. */
function canBeHit({ within, finger }) {
  const targets = [...document.querySelectorAll(`${within} :is(a, button, select, summary, label.check, input:not([type=checkbox]))`)].filter((target) => target.checkVisibility());
  const boxes = targets.map((target) => target.getBoundingClientRect());
  return boxes.length > 0 && boxes.every(({ left, right, width, height }) => left >= 0 && right <= innerWidth && width >= finger && height >= finger);
}

/** Runs in the page: whether the open panel shows all it has, on the screen. */
function showsWholePanel() {
  const panel = document.querySelector('.panel');
  const { top, bottom, height } = panel.getBoundingClientRect();
  return height > 0 && top >= 0 && bottom <= innerHeight && panel.scrollHeight <= panel.clientHeight;
}

/** Runs in the page: what is where, for failures. */
function describeScreen() {
  const box = (element) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    return [element.dataset.testid ?? element.className, left, top, width, height].join(' ');
  };
  const root = document.documentElement;
  return { screen: [innerWidth, innerHeight, root.scrollWidth, root.scrollHeight], boxes: [...document.querySelectorAll('parlor-tile, button, a, select, summary, label, .panel')].map(box) };
}

/** Runs in the page: what the browser believes it can send, in bits a second. */
async function estimateBps() {
  const report = await globalThis.parlor.room.stats();
  const transport = [...report.values()].find(({ type }) => type === 'transport');
  return report.get(transport?.selectedCandidatePairId)?.availableOutgoingBitrate ?? 0;
}
