// Pages built on Membrane's client libraries, as npm has them, beside our own app: only the server's address is new to them.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { KINDS, membraneCompany } from '../lib/membrane-company.mjs';
import { MembranePerson } from '../lib/membrane-person.mjs';
import { Person } from '../lib/person.mjs';

/** Of pages: the newest of both, older phoenixes, and what was usual before. */
const LIBRARIES = [{}, { phoenix: 'phoenix-1.7' }, { phoenix: 'phoenix-1.6' }, { webrtc: 'membrane-webrtc-js-0.5', phoenix: 'phoenix-1.6' }];

describe('Pages on Membrane’s client', () => {
  const here = membraneCompany();

  const join = async (browser, options) => {
    const person = await MembranePerson.join(browser, here.server, await here.pages.with(), options);
    here.people.push(person);
    return person;
  };

  for (const { kind, skip } of KINDS) {
    it(`meet our own app in ${kind}, with each of the libraries`, { skip }, async () => {
      const room = `meet-${kind}`;
      const ours = await Person.join(here.pair('Chromium')[0], here.server, { room, name: 'Ann' });
      here.people.push(ours);
      for (const libraries of LIBRARIES) {
        const options = { room, name: `Bo with ${JSON.stringify(libraries)}` };
        const theirs = await MembranePerson.join(here.pair(kind)[1], here.server, await here.pages.with(libraries), options);
        await Promise.all([theirs.seesMotion(ours), theirs.hears(ours), ours.seesMotion(theirs), ours.hears(theirs)]);
        await theirs.hasOneStreamOf(ours);
        assert.ok((await theirs.way()).every(([local]) => local === 'relay'), 'by way of our TURN alone');
        theirs.assertNoProblems();
        await theirs.leave();
        await ours.missesWithin(theirs, 5_000);
        await theirs.page.context().close();
      }
    });

    it(`meet each other in ${kind}, come and go, and see all who stay`, { skip }, async () => {
      const room = `churn-${kind}`;
      const [ann, bo] = here.pair(kind);
      const stays = await join(ann, { room, name: 'Ann' });
      for (let time = 0; time < 3; time++) {
        const comes = await MembranePerson.join(bo, here.server, await here.pages.with(), { room, name: `Bo ${time}` });
        await Promise.all([comes.seesMotion(stays), comes.hears(stays), stays.seesMotion(comes), stays.hears(comes)]);
        await comes.hasOneStreamOf(stays);
        await stays.hasOneStreamOf(comes);
        comes.assertNoProblems();
        if (time === 1) await comes.page.context().close(); // without a word
        else await comes.leave();
        await stays.misses(comes);
        if (time !== 1) await comes.page.context().close();
      }
    });

    it(`add, replace and take away tracks in a call in ${kind}`, { skip }, async () => {
      const room = `tracks-${kind}`;
      const [ann, bo] = here.pair(kind);
      const one = await join(ann, { room, name: 'Ann' });
      const other = await join(bo, { room, name: 'Bo' });
      const ours = await Person.join(here.pair('Chromium')[0], here.server, { room, name: 'Cy' });
      here.people.push(ours);
      await one.act((room) => room.share(0));
      await ours.tile(one, 'screen').locator('video').waitFor();
      await other.showsScreenOf(one, 'red');
      await one.act((room) => room.replace(240));
      await other.showsScreenOf(one, 'blue');
      await other.hearsOf('trackUpdated', (_, { type, hue }) => type === 'screensharing' && hue === 240);
      const screen = await one.own('screensharing');
      await one.act((room) => room.unpublish('screensharing'));
      await other.hearsOf('trackRemoved', (track) => track === screen);
      await ours.page.waitForFunction((peer) => !document.querySelector(`parlor-tile[data-peer="${peer}"][data-source="screen"]`), one.peer);
      await one.act((room) => room.share(120));
      await other.showsScreenOf(one, 'green');
      await other.seesMotion(one);
    });
  }
});
