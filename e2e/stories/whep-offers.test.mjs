// Players of WHEP to whom the server offers, beside people in our own app: who is seen and heard.
import { after, afterEach, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { openFirefox } from '../lib/browsers.mjs';
import { company } from '../lib/company.mjs';
import { playByEyevinn, playCounterOffered, PLAYERS, playOffered, prepare } from '../lib/offered-page.mjs';
import { Person } from '../lib/person.mjs';
import { noFfmpeg, Program } from '../lib/programs.mjs';
import { hertz } from '../lib/pattern.mjs';
import { plays, WhipPage } from '../lib/whip-page.mjs';

describe('WHEP by offers of the server', () => {
  const here = company(2);
  const pages = [];
  let site;

  before(async () => (site = await WhipPage.start(PLAYERS)));
  after(() => site?.stop());
  afterEach(async () => {
    for (const page of pages.splice(0)) {
      assert.deepEqual(page.problems, [], 'nothing failed behind the scenes of a page');
      await page.context().close();
    }
  });

  const url = (room, query = '') => `${here.server.origin}/whep/${room}${query}`;

  async function open(browser) {
    const page = await browser.page();
    await page.addInitScript(prepare);
    await page.goto(site.origin);
    return page;
  }

  async function join(room) {
    const person = await Person.join(here.browsers[1], here.server, { room, name: 'Ann' });
    here.people.push(person);
    return person;
  }

  it('a page that asks before anybody is there shows and sounds like who comes, and ends its session', async () => {
    const page = await open(here.browsers[0]);
    pages.push(page);
    await page.evaluate(playOffered, url('early'));
    const ann = await join('early');
    await plays(page, ann.id);
    assert.equal(await page.evaluate(() => globalThis.stopPlaying()), 200);
  });

  it('a page can ask for one person alone', async () => {
    const ann = await join('one');
    const page = await open(here.browsers[0]);
    pages.push(page);
    await page.evaluate(playOffered, url('one', `?peer=${ann.peer}`));
    await plays(page, ann.id);
  });

  it('Firefox answers what it is offered, and shows and sounds like who is there', async () => {
    const firefox = await openFirefox({ id: 3 });
    try {
      const ann = await join('fox');
      const page = await open(firefox);
      await page.evaluate(playOffered, url('fox'));
      await plays(page, ann.id);
      assert.equal(await page.evaluate(() => globalThis.stopPlaying()), 200);
      assert.deepEqual(page.problems, []);
    } finally {
      await firefox.close();
    }
  });

  it("npm @eyevinn/webrtc-player plays by the server's offer where its own is refused", async () => {
    const ann = await join('eyevinn');
    const page = await open(here.browsers[0]);
    pages.push(page);
    await page.evaluate(playByEyevinn, url('eyevinn'));
    await plays(page, ann.id);
    const asked = ['POST with a body', 'POST without a body', 'PATCH with a body'];
    assert.deepEqual(await page.evaluate(() => globalThis.asked), asked);
    await page.evaluate(() => globalThis.player.unload());
  });

  it('a page that offers to receive sound where it asks for a picture is offered that picture', async () => {
    const ann = await join('counter');
    const bo = await Person.join(here.browsers[0], here.server, { room: 'counter', name: 'Bo' });
    here.people.push(bo);
    const camera = (peer) => globalThis.parlor.room.peers.get(peer)?.tracks.find(({ source }) => source === 'camera')?.id;
    const picture = await bo.page.waitForFunction(camera, ann.peer).then((handle) => handle.jsonValue());
    const page = await open(here.browsers[0]);
    pages.push(page);
    await page.evaluate(playCounterOffered, url('counter', `?track=${picture}`));
    await page.waitForFunction((id) => globalThis.probe.picture(document.querySelector('video'))?.id === id, ann.id);
    assert.deepEqual(await page.evaluate(() => Object.keys(globalThis.tracks)), ['video']);
  });

  it("aiortc plays by the server's offer, and shows and sounds like who is there", { skip: noFfmpeg }, async () => {
    const ann = await join('aiortc');
    const player = await Program.aiortc({ url: url('aiortc'), asks: true });
    try {
      await player.says(`sees ${ann.id}\n`);
      await player.says(`hears ${hertz(ann.id)}\n`);
      await player.stop();
    } finally {
      if (player.child.exitCode === null) await player.kill();
    }
  });
});
