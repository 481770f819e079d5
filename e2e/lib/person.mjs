// One participant: the app in a page, used as a person would, and what it shows and plays of others.
import assert from 'node:assert/strict';

import { hertz } from './pattern.mjs';

/** A tone is read with this much error at most, in hertz: one bin of the analysis and a little. */
const TONE_TOLERANCE = 14;
/** A channel of a colour, 0 to 255, is seen with this much error at most: encoders make a few, colours taken for those of another space fifty. */
const COLOUR_TOLERANCE = 12;

export class Person {
  /**
   * @param {import('./browsers.mjs').Browser} browser
   * @param {import('playwright-core').Page} page
   */
  constructor(browser, page, name) {
    this.browser = browser;
    this.page = page;
    this.name = name;
    this.id = browser.id;
  }

  /** Opens the room's link, types a name, joins. */
  static async join(browser, server, { room = 'tea', name, page, camera = true, microphone = true } = {}) {
    const person = new Person(browser, page ?? (await browser.page()), name ?? `Person ${browser.id}`);
    await person.page.goto(`${server.origin}/r/${room}`);
    await person.enter({ camera, microphone });
    return person;
  }

  /** Fills in the join page and joins. */
  async enter({ camera = true, microphone = true } = {}) {
    await this.element('name-input').fill(this.name);
    if (!camera) await this.switchOff('camera-toggle');
    if (!microphone) await this.switchOff('mic-toggle');
    await this.element('join-button').click();
    await this.element('room-name').waitFor({ timeout: 15_000 });
    await this.learnPeer();
  }

  /** Asks the page which peer it is: another one after each fresh join. */
  async learnPeer() {
    this.peer = await this.page.evaluate(() => globalThis.parlor.room.peer);
  }

  element(testid) {
    return this.page.getByTestId(testid);
  }

  async switchOff(testid) {
    const button = this.element(testid);
    await this.page.waitForFunction((id) => document.querySelector(`[data-testid=${id}]`)?.dataset.on === 'true', testid);
    await button.click();
    await this.page.waitForFunction((id) => document.querySelector(`[data-testid=${id}]`)?.dataset.on === 'false', testid);
  }

  tile(other, source = 'camera') {
    return this.page.locator(`parlor-tile[data-peer="${other.peer}"][data-source="${source}"]`);
  }

  /** What the tile of another person shows now. */
  async picture(other, source = 'camera') {
    const video = this.tile(other, source).locator('video');
    return (await video.count()) ? video.evaluate((element) => globalThis.probe.picture(element)) : null;
  }

  /** Waits until another person's picture is there, and says how long that took, in milliseconds. */
  async sees(other, { source = 'camera', id = other.id, within = 10_000 } = {}) {
    const start = Date.now();
    let last;
    while (Date.now() - start < within) {
      last = await this.picture(other, source).catch(() => null);
      if (last?.id === id) return Date.now() - start;
      await this.page.waitForTimeout(40);
    }
    assert.fail(`${this.name} does not see ${other.name}'s ${source}; last: ${JSON.stringify(last)}\n${this.page.problems.join('\n')}\n${await this.told(other)}\n${await this.received()}`);
  }

  /** What the page knows of another person's tracks, for failures. */
  async told(other) {
    return this.page.evaluate((peer) => {
      const { peers, quality } = globalThis.parlor.room;
      const tracks = (peers.get(peer)?.tracks ?? []).map(({ media, ...track }) => ({ ...track, media: media && [media.readyState, media.muted] }));
      const tile = document.querySelector(`parlor-tile[data-peer="${peer}"]`)?.textContent.trim().replace(/\s+/g, ' ');
      return JSON.stringify({ tracks, quality, tile }, (_, value) => (value instanceof Map ? [...value] : value));
    }, other.peer);
  }

  /** The picture has the colours that its publisher sees in their own tile, and keeps them: what tells them comes with key frames alone. */
  async seesColoursOf(other, { ms = 1000 } = {}) {
    const colour = (tile) => tile.locator('video').evaluate((element) => globalThis.probe.colour(element));
    const ownTile = other.page.locator('parlor-tile.self[data-source="camera"]');
    for (const end = Date.now() + ms; Date.now() < end; await this.page.waitForTimeout(100)) {
      const [seen, own] = await Promise.all([colour(this.tile(other)), colour(ownTile)]);
      const off = seen && own ? Math.max(...seen.map((value, channel) => Math.abs(value - own[channel]))) : Infinity;
      assert.ok(off <= COLOUR_TOLERANCE, `${this.name} sees ${other.name}’s rgb(${own}) as rgb(${seen})`);
    }
  }

  /** The picture moves: so many distinct frames in a second at least, all of that person. */
  async seesMotion(other, { source = 'camera', id = other.id, fps = 5, within = 10_000 } = {}) {
    const end = Date.now() + within;
    await this.sees(other, { source, id, within });
    let seen;
    do {
      seen = await this.watch(other, { source, ms: 1000 });
      assert.deepEqual(seen.ids, [id], `${this.name} sees only ${other.name} in that tile`);
      if (seen.frames >= fps) return;
    } while (Date.now() < end);
    assert.fail(`${this.name} sees ${seen.frames} frames of ${other.name} in a second\n${await this.received()}`);
  }

  /** Waits until the other's picture has a height that will do. */
  async seesHeightOf(other, willDo, { within = 15_000 } = {}) {
    const end = Date.now() + within;
    for (;;) {
      const height = await this.tile(other).locator('video').evaluate((video) => video.videoHeight);
      if (willDo(height)) return;
      if (Date.now() > end) throw new Error(`${this.name} sees ${other.name} ${height} pixels high for ${within} ms`);
      await this.page.waitForTimeout(100);
    }
  }

  /** The picture goes on moving for a time, without a pause that people would notice. */
  async keepsSeeing(other, { ms, pause = 1000 }) {
    const seen = await this.watch(other, { ms });
    assert.deepEqual(seen.ids, [other.id], `${this.name} sees only ${other.name} in that tile`);
    assert.ok(seen.pause <= pause, `${this.name} saw ${other.name} stand still for ${seen.pause} ms\n${await this.received()}`);
  }

  /** What the tile of another person shows during a time: whose pictures, how many, and the longest pause. */
  watch(other, { source = 'camera', ms }) {
    return this.tile(other, source).locator('video').evaluate((element, ms) => globalThis.probe.watch(element, ms), ms);
  }

  /** What the browser says of the incoming video, for failures. */
  async received() {
    return this.page.evaluate(async () => {
      const reports = [...(await globalThis.parlor.room.stats()).values()];
      const video = reports.filter((report) => report.type === 'inbound-rtp' && report.kind === 'video');
      return video.map((r) => JSON.stringify(Object.fromEntries(
        ['mid', 'packetsReceived', 'packetsLost', 'framesReceived', 'framesDecoded', 'keyFramesDecoded', 'framesDropped', 'freezeCount', 'nackCount', 'pliCount', 'retransmittedPacketsReceived', 'frameWidth'].map((name) => [name, r[name]])))).join('\n');
    });
  }

  /** Another person's tone as it is heard, in hertz, or null for silence. */
  async tone(other, source = 'microphone') {
    return this.page.evaluate(
      async ({ peer, source }) => {
        const track = globalThis.parlor.room.peers.get(peer)?.tracks.find((track) => track.source === source);
        if (!track?.media) return null;
        const heard = await globalThis.probe.tone(track.media);
        if (heard.state !== 'running') throw new Error(`the page's audio is ${heard.state}`);
        return heard.hertz;
      },
      { peer: other.peer, source },
    );
  }

  async hears(other, { source = 'microphone', id = other.id, within = 10_000 } = {}) {
    const end = Date.now() + within;
    let last;
    while (Date.now() < end) {
      last = await this.tone(other, source);
      if (last !== null && Math.abs(last - hertz(id)) <= TONE_TOLERANCE) return;
    }
    assert.fail(`${this.name} does not hear ${other.name} at ${hertz(id)} Hz; last: ${last}\n${this.page.problems.join('\n')}`);
  }

  async hearsNothingOf(other, { source = 'microphone', within = 5000 } = {}) {
    const end = Date.now() + within;
    let last;
    while (Date.now() < end) {
      last = await this.tone(other, source);
      if (last === null) return;
    }
    assert.fail(`${this.name} still hears ${other.name} at ${last} Hz`);
  }

  /** The tile shows initials instead of a picture. */
  async seesNoPictureOf(other, { within = 5000 } = {}) {
    await this.page.waitForFunction(
      (peer) => {
        const tile = document.querySelector(`parlor-tile[data-peer="${peer}"][data-source="camera"]`);
        return tile && !tile.classList.contains('playing');
      },
      other.peer,
      { timeout: within },
    );
  }

  /** Another person is no longer in the room, and says how long it took to notice. */
  async missesWithin(other, within) {
    const start = Date.now();
    await this.page.waitForFunction((peer) => !document.querySelector(`parlor-tile[data-peer="${peer}"]`), other.peer, { timeout: within });
    return Date.now() - start;
  }

  /** Scrolls until another person's tile is out of sight. */
  async scrollsAwayFrom(other) {
    await this.page.locator('.tiles').evaluate((tiles) => tiles.scrollTo(0, tiles.scrollHeight));
    const { bottom, top } = await this.tile(other).evaluate((tile) => ({ bottom: tile.getBoundingClientRect().bottom, top: tile.parentElement.getBoundingClientRect().top }));
    assert.ok(bottom <= top, `the tile ends at ${bottom}, what is seen begins at ${top}`);
  }

  async leave() {
    await this.element('leave').click();
    await this.element('left-page').waitFor();
  }

  /** Nothing in the page failed behind the scenes. */
  assertNoProblems() {
    assert.deepEqual(this.page.problems, [], `${this.name}'s page`);
  }
}

/** Everyone sees and hears everyone else. */
export async function assertAllMeet(people) {
  const pairs = people.flatMap((viewer) => people.filter((other) => other !== viewer).map((other) => [viewer, other]));
  await Promise.all(pairs.flatMap(([viewer, other]) => [viewer.seesMotion(other), viewer.hears(other)]));
}

/** Leaves the browsers as they were before: each with no page of these people. */
export async function closeAll(people) {
  for (const person of people) await person.page.context().close();
}
