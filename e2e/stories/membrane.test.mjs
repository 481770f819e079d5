// Pages built on Membrane's client libraries, as npm has them, beside our own app: only the server's address is new to them.
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import os from 'node:os';

import { openChromium, openFirefox } from '../lib/browsers.mjs';
import { MembranePerson } from '../lib/membrane-person.mjs';
import { Pages } from '../lib/pages.mjs';
import { WIDE } from '../lib/pattern.mjs';
import { Person } from '../lib/person.mjs';
import { Server } from '../lib/server.mjs';

const OLD = { webrtc: 'membrane-webrtc-js-0.5', phoenix: 'phoenix-1.6' };

/** An address of this machine that is not its loopback: Firefox uses no TURN there. */
const address = Object.values(os.networkInterfaces()).flat().find((one) => one.family === 'IPv4' && !one.internal)?.address;

describe('Pages on Membrane’s client', () => {
  let pages, server, ann, bo;

  before(async () => {
    pages = await Pages.start();
    server = await Server.start({ args: ['--origin', pages.origin] });
    ann = await openChromium({ id: 1, picture: WIDE });
    bo = await openChromium({ id: 2 });
  });

  after(async () => {
    await ann?.close();
    await bo?.close();
    await server?.stop();
    await pages?.stop();
  });

  const closeAll = (...people) => Promise.all(people.map((person) => person.page.context().close()));

  for (const libraries of [{}, { phoenix: 'phoenix-1.7' }, { phoenix: 'phoenix-1.6' }, OLD]) {
    it(`meet our own app, with ${JSON.stringify(libraries)}`, async () => {
      const room = `meet${Object.values(libraries).join('')}`;
      const ours = await Person.join(ann, server, { room, name: 'Ann' });
      const theirs = await MembranePerson.join(bo, server, await pages.with(libraries), { room, name: 'Bo' });
      await Promise.all([theirs.seesMotion(ours), theirs.hears(ours), ours.seesMotion(theirs), ours.hears(theirs)]);
      assert.ok((await theirs.way()).every(([local]) => local === 'relay'), 'by way of our TURN alone');
      theirs.assertNoProblems();
      await theirs.leave();
      await ours.missesWithin(theirs, 5_000);
      await closeAll(ours, theirs);
    });
  }

  it('meet each other, come and go, and see all who stay', async () => {
    const url = await pages.with();
    const room = 'churn';
    const stays = await MembranePerson.join(ann, server, url, { room, name: 'Ann' });
    for (let time = 0; time < 3; time++) {
      const comes = await MembranePerson.join(bo, server, url, { room, name: `Bo ${time}` });
      await Promise.all([comes.seesMotion(stays), comes.hears(stays), stays.seesMotion(comes), stays.hears(comes)]);
      if (time === 1) await comes.page.context().close(); // without a word
      else await comes.leave();
      await stays.misses(comes);
      if (time !== 1) await closeAll(comes);
    }
    stays.assertNoProblems();
    await closeAll(stays);
  });

  it('add and take away tracks in a call', async () => {
    const url = await pages.with();
    const room = 'tracks';
    const one = await MembranePerson.join(ann, server, url, { room, name: 'Ann' });
    const other = await MembranePerson.join(bo, server, url, { room, name: 'Bo' });
    const ours = await Person.join(ann, server, { room, name: 'Cy' });
    await one.act((room) => room.share());
    await ours.tile(one, 'screen').locator('video').waitFor();
    await other.page.waitForFunction((peer) => document.querySelector(`video[data-endpoint="${peer}"][data-type="screensharing"]`)?.videoWidth > 0, one.peer);
    await one.act((room) => room.unpublish('screensharing'));
    await other.hearsOf('trackRemoved');
    await ours.page.waitForFunction((peer) => !document.querySelector(`parlor-tile[data-peer="${peer}"][data-source="screen"]`), one.peer);
    await one.act((room) => room.share());
    await other.page.waitForFunction((peer) => document.querySelector(`video[data-endpoint="${peer}"][data-type="screensharing"]`)?.videoWidth > 0, one.peer);
    await other.seesMotion(one);
    one.assertNoProblems();
    other.assertNoProblems();
    await closeAll(one, other, ours);
  });

  it('are told of names, of microphones that are off, and tell of theirs', async () => {
    const room = 'words';
    const ours = await Person.join(ann, server, { room, name: 'Ann' });
    const theirs = await MembranePerson.join(bo, server, await pages.with(), { room, name: 'Bo' });
    assert.equal((await theirs.page.evaluate((peer) => globalThis.room.endpoints.get(peer), ours.peer)).displayName, 'Ann');
    await theirs.hears(ours);
    await ours.element('mic-toggle').click();
    await theirs.hearsOf('trackUpdated', (_, metadata) => metadata.type === 'audio' && metadata.active === false);
    await theirs.act((room) => room.webrtc.updateEndpointMetadata({ displayName: 'Bob' }));
    await ours.page.waitForFunction((peer) => globalThis.parlor.room.peers.get(peer).name === 'Bob', theirs.peer);
    await theirs.act((room) => room.webrtc.updateTrackMetadata(room.own.get('camera'), { type: 'camera', active: false }));
    await ours.seesNoPictureOf(theirs);
    await closeAll(ours, theirs);
  });

  it('choose an encoding, and are told which arrives and why', async () => {
    const room = 'encodings';
    const url = await pages.with();
    const one = await MembranePerson.join(ann, server, url, { room, name: 'Ann', simulcast: true });
    const other = await MembranePerson.join(bo, server, url, { room, name: 'Bo', simulcast: true });
    await other.seesMotion(one);
    await other.seesHeightOf(one, (height) => height === 720);
    await other.hearsOf('encodingChanged', (_, encoding) => encoding === 'h');
    const choose = (encoding) => other.act(
      (room, { peer, encoding }) => {
        const track = [...room.tracks.values()].find((one) => one.endpoint.id === peer && one.track.kind === 'video');
        room.webrtc.setTargetTrackEncoding(track.trackId, encoding);
      },
      { peer: one.peer, encoding },
    );
    await choose('l');
    await other.seesHeightOf(one, (height) => height === 180);
    await other.hearsOf('encodingChanged', (_, encoding, reason) => encoding === 'l' && reason === 'target_variant_selected');
    await choose('h');
    await other.seesHeightOf(one, (height) => height === 720);
    await one.act((room) => room.webrtc.disableTrackEncoding(room.own.get('camera'), 'h'));
    await other.hearsOf('trackEncodingDisabled', (_, encoding) => encoding === 'h');
    await other.seesHeightOf(one, (height) => height === 360);
    await other.hearsOf('bandwidthEstimation', (estimation) => estimation > 0);
    await closeAll(one, other);
  });

  it('hear who speaks', async () => {
    const room = 'voices';
    const ours = await Person.join(ann, server, { room, name: 'Ann' });
    const theirs = await MembranePerson.join(bo, server, await pages.with(), { room, name: 'Bo' });
    await theirs.hearsOf('voiceActivityChanged', (track, status) => track.startsWith(ours.peer) && status === 'speech');
    await closeAll(ours, theirs);
  });

  it('are told when the server goes away', async () => {
    const other = await Server.start({ args: ['--origin', pages.origin] });
    const theirs = await MembranePerson.join(bo, other, await pages.with(), { name: 'Bo', publish: false });
    await other.stop();
    await theirs.hearsOf('connectionError');
    await theirs.hearsOf('channelClosed');
    await closeAll(theirs);
  });
});

describe('Pages on Membrane’s client in Firefox', { skip: address ? false : 'Firefox uses no TURN on loopback, and there is no other address' }, () => {
  let pages, server, chromium, firefox;

  before(async () => {
    pages = await Pages.start();
    server = await Server.start({ host: '0.0.0.0', args: ['--origin', pages.origin, '--public-ip', address] });
    chromium = await openChromium({ id: 1, hosts: [address] });
    firefox = await openFirefox({ id: 2 });
  });

  after(async () => {
    await chromium?.close();
    await firefox?.close();
    await server?.stop();
    await pages?.stop();
  });

  for (const libraries of [{}, OLD]) {
    it(`meet our own app in Chromium, with ${JSON.stringify(libraries)}`, async () => {
      const room = `foxes${Object.values(libraries).join('')}`;
      const ours = await Person.join(chromium, server, { room, name: 'Ann' });
      const theirs = await MembranePerson.join(firefox, server, await pages.with(libraries), { room, name: 'Fox' });
      await Promise.all([theirs.seesMotion(ours), theirs.hears(ours), ours.seesMotion(theirs), ours.hears(theirs)]);
      theirs.assertNoProblems();
      await theirs.leave();
      await ours.missesWithin(theirs, 5_000);
      await ours.page.context().close();
      await theirs.page.context().close();
    });
  }
});
