// Clients of WHIP and WHEP that are not ours, beside people in our own app: who is seen and heard by whom.
import { after, afterEach, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { openFirefox } from '../lib/browsers.mjs';
import { company } from '../lib/company.mjs';
import { hertz } from '../lib/pattern.mjs';
import { Person } from '../lib/person.mjs';
import { noFfmpeg, noGstreamer, Program } from '../lib/programs.mjs';
import { play, plays, publish, WhipPage } from '../lib/whip-page.mjs';

/** Who closes is gone at once, and who is told has a moment to show it. */
const GONE_WITHIN = 3000;

describe('WHIP and WHEP', () => {
  const here = company(2);
  const pages = [];
  const programs = [];
  let site;

  before(async () => (site = await WhipPage.start()));
  after(() => site?.stop());
  afterEach(async () => {
    for (const page of pages.splice(0)) {
      assert.deepEqual(page.problems, [], 'nothing failed behind the scenes of a page');
      await page.context().close();
    }
    for (const program of programs.splice(0)) if (program.child.exitCode === null) await program.kill();
  });

  const url = (endpoint, room, query = '') => `${here.server.origin}/${endpoint}/${room}${query}`;

  async function open(browser) {
    const page = await browser.page();
    pages.push(page);
    await page.goto(site.origin);
    return page;
  }

  async function join(room) {
    const person = await Person.join(here.browsers[1], here.server, { room, name: 'Ann' });
    here.people.push(person);
    return person;
  }

  /** Whoever is called so, as another person knows them. */
  async function met(person, name, id) {
    const find = (name) => [...globalThis.parlor.room.peers].find(([, peer]) => peer.name === name)?.[0];
    const peer = await person.page.waitForFunction(find, name).then((handle) => handle.jsonValue());
    return { peer, name, id };
  }

  async function seesAndHears(person, other) {
    await person.seesMotion(other, { within: 20_000 });
    await person.hears(other);
  }

  it('a page that publishes by npm whip-whep in two sizes is seen and heard, restarts ICE, and is missed when it stops', async () => {
    const ann = await join('studio');
    const page = await open(here.browsers[0]);
    await page.evaluate(publish, url('whip', 'studio', '?name=Studio'));
    const studio = await met(ann, 'Studio', 1);
    await seesAndHears(ann, studio);
    await page.waitForFunction(async () => {
      const reports = [...(await globalThis.peer.getStats()).values()];
      return reports.filter(({ type, kind, framesEncoded }) => type === 'outbound-rtp' && kind === 'video' && framesEncoded > 0).length === 2;
    });
    const nominated = () => page.evaluate(async () => {
      const reports = [...(await globalThis.peer.getStats()).values()];
      return reports.find(({ type }) => type === 'transport').iceLocalUsernameFragment;
    });
    const before = await nominated();
    await page.evaluate(() => globalThis.client.restart());
    await page.waitForFunction(() => globalThis.client.restartIce === null);
    assert.notEqual(await nominated(), before);
    await ann.keepsSeeing(studio, { ms: 3000 });
    await page.evaluate(() => globalThis.client.stop());
    await ann.missesWithin(studio, GONE_WITHIN);
  });

  it('a page that plays by npm whip-whep before anybody publishes shows and sounds like who comes, and whoever comes after', async () => {
    const page = await open(here.browsers[0]);
    await page.evaluate(play, url('whep', 'stage'));
    const ann = await join('stage');
    await plays(page, ann.id);
    assert.equal(await ann.page.evaluate(() => globalThis.parlor.room.peers.size), 0, 'nobody sees who watches');
    await ann.leave();
    const studio = await open(here.browsers[0]);
    await studio.evaluate(publish, url('whip', 'stage'));
    await plays(page, 1);
    await page.evaluate(() => globalThis.client.stop());
    await studio.evaluate(() => globalThis.client.stop());
  });

  it('a page can play one person alone', async () => {
    const ann = await join('pair');
    const studio = await open(here.browsers[0]);
    await studio.evaluate(publish, url('whip', 'pair', '?name=Studio'));
    await met(ann, 'Studio', 1);
    const page = await open(here.browsers[0]);
    await page.evaluate(play, url('whep', 'pair', `?peer=${ann.peer}`));
    await plays(page, ann.id);
    await page.evaluate(() => globalThis.client.restart());
    await page.waitForFunction(() => globalThis.client.restartIce === null);
    await plays(page, ann.id);
  });

  it('Firefox publishes and plays by npm whip-whep', async () => {
    const firefox = await openFirefox({ id: 3 });
    try {
      const ann = await join('fox');
      const page = await open(firefox);
      await page.evaluate(publish, url('whip', 'fox', '?name=Fox'));
      await seesAndHears(ann, await met(ann, 'Fox', 3));
      await page.evaluate(() => globalThis.client.stop());
      await page.evaluate(play, url('whep', 'fox'));
      await plays(page, ann.id);
      await page.evaluate(() => globalThis.client.stop());
      assert.deepEqual(page.problems, []);
    } finally {
      await firefox.close();
      pages.pop();
    }
  });

  for (const codec of ['vp8', 'h264'])
    it(`GStreamer publishes in ${codec.toUpperCase()} and is missed when it ends`, { skip: noGstreamer }, async () => {
      const ann = await join(`gst-${codec}`);
      const publisher = await Program.gstreamer({ url: url('whip', `gst-${codec}`, '?name=GStreamer'), id: 7, codec });
      programs.push(publisher);
      const other = await met(ann, 'GStreamer', 7);
      await seesAndHears(ann, other);
      await publisher.stop();
      await ann.missesWithin(other, GONE_WITHIN);
    });

  for (const [form, run] of [['by the command line of docs/whip.md', Program.ffmpeg], ['as a library', Program.pyav]])
    it(`FFmpeg ${form} publishes in H.264 and is missed when it ends`, { skip: noFfmpeg }, async () => {
      const room = run === Program.ffmpeg ? 'ffmpeg' : 'pyav';
      const ann = await join(room);
      const publisher = await run({ url: url('whip', room, '?name=FFmpeg'), id: 8 });
      programs.push(publisher);
      const other = await met(ann, 'FFmpeg', 8);
      await seesAndHears(ann, other);
      await publisher.stop();
      await ann.missesWithin(other, GONE_WITHIN);
    });

  it('aiortc plays by WHEP, and shows and sounds like who is there', { skip: noFfmpeg }, async () => {
    const ann = await join('aiortc');
    const player = await Program.aiortc({ url: url('whep', 'aiortc') });
    programs.push(player);
    await player.says(`sees ${ann.id}\n`);
    await player.says(`hears ${hertz(ann.id)}\n`);
    await player.stop();
  });
});
