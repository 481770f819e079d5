// What pages built on Membrane's client are told of each other: names, encodings and why they change, who speaks, numbers.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { KINDS, membraneCompany } from '../lib/membrane-company.mjs';
import { MembranePerson } from '../lib/membrane-person.mjs';
import { Person } from '../lib/person.mjs';

describe('Pages on Membrane’s client', () => {
  const here = membraneCompany();

  const join = async (browser, options) => {
    const person = await MembranePerson.join(browser, here.server, await here.pages.with(), options);
    here.people.push(person);
    return person;
  };

  for (const { kind, skip, height } of KINDS) {
    it(`are told in ${kind} of names, of microphones that are off, and tell of theirs`, { skip }, async () => {
      const room = `words-${kind}`;
      const [ann, bo] = here.pair(kind);
      const ours = await Person.join(here.pair('Chromium')[0], here.server, { room, name: 'Ann' });
      here.people.push(ours);
      const theirs = await join(bo, { room, name: 'Bo' });
      const third = await join(ann, { room, name: 'Cy', publish: false });
      assert.equal((await theirs.page.evaluate((peer) => globalThis.room.endpoints.get(peer), ours.peer)).displayName, 'Ann');
      await theirs.hears(ours);
      await ours.element('mic-toggle').click();
      await theirs.hearsOf('trackUpdated', (_, metadata) => metadata.type === 'audio' && metadata.active === false);
      await theirs.act((room) => room.webrtc.updateEndpointMetadata({ displayName: 'Bob', hand: ['up', null] }));
      await ours.page.waitForFunction((peer) => globalThis.parlor.room.peers.get(peer).name === 'Bob', theirs.peer);
      const [, renamed] = await third.hearsOf('endpointUpdated', (id) => id === theirs.peer);
      assert.deepEqual(renamed, { displayName: 'Bob', hand: ['up', null] });
      await theirs.act((room) => room.webrtc.updateTrackMetadata(room.own.get('camera'), { type: 'camera', active: false, why: { short: 'lunch' } }));
      await ours.seesNoPictureOf(theirs);
      const camera = await theirs.own('camera');
      const [, updated] = await third.hearsOf('trackUpdated', (track) => track === camera);
      assert.deepEqual(updated, { type: 'camera', active: false, why: { short: 'lunch' } });
      // The library has forgotten, at that update of the endpoint, which tracks were its.
      await theirs.leave();
      await third.hearsOf('endpointRemoved', (id) => id === theirs.peer);
      const removed = (await third.told('trackRemoved')).map(([track]) => track).sort();
      assert.deepEqual(removed, [camera, await theirs.own('audio')].sort(), 'each by its name');
      await third.misses(theirs);
    });

    it(`choose an encoding in ${kind}, and are told which arrives and why`, { skip }, async () => {
      const room = `encodings-${kind}`;
      const [ann, bo] = here.pair(kind);
      const one = await join(ann, { room, name: 'Ann', simulcast: true });
      const other = await join(bo, { room, name: 'Bo', simulcast: true });
      const tall = { h: height, m: height / 2, l: height / 4 };
      const gets = async (encoding, why, since) => {
        await other.hearsOf('encodingChanged', (_, arrives, reason) => arrives === encoding && reason === why, { since, within: 30_000 });
        await other.seesHeightOf(one, (height) => height === tall[encoding]);
      };
      await other.seesMotion(one);
      await other.seesHeightOf(one, (height) => height === tall.h);
      await other.hearsOf('encodingChanged', (_, encoding, reason) => encoding === 'h' && reason === 'automatic_selection');
      await other.hasOneStreamOf(one);
      for (const encoding of ['l', 'm', 'h']) {
        const since = await other.heard();
        await other.chooses(one, encoding);
        await gets(encoding, 'target_variant_selected', since);
      }
      const camera = await one.own('camera');
      for (const [act, told, encoding, why] of [
        ['disableTrackEncoding', 'trackEncodingDisabled', 'm', 'encoding_inactive'],
        ['enableTrackEncoding', 'trackEncodingEnabled', 'h', 'variant_resumed'],
      ]) {
        const since = await other.heard();
        await one.act((room, act) => room.webrtc[act](room.own.get('camera'), 'h'), act);
        await other.hearsOf(told, (track, which) => track === camera && which === 'h', { since });
        await gets(encoding, why, since);
      }
      await other.seesMotion(one);
      await other.hearsOf('bandwidthEstimation', (estimation) => estimation > 0);
    });

    it(`hear in ${kind} who speaks, and who does not any more`, { skip }, async () => {
      const room = `voices-${kind}`;
      const [ann, bo] = here.pair(kind);
      const ours = await Person.join(here.pair('Chromium')[0], here.server, { room, name: 'Ann' });
      here.people.push(ours);
      const [one, other] = [await join(ann, { room, name: 'Bo' }), await join(bo, { room, name: 'Cy' })];
      await other.hearsOf('voiceActivityChanged', (track, status) => track.startsWith(ours.peer) && status === 'speech');
      const microphone = await one.own('audio');
      const hears = (status, since) => other.hearsOf('voiceActivityChanged', (track, said) => track === microphone && said === status, { since });
      await hears('speech', 0);
      for (const [on, status] of [[false, 'silence'], [true, 'speech']]) {
        const since = await other.heard();
        await one.act((room, on) => { room.local.getAudioTracks()[0].enabled = on; }, on);
        await hears(status, since);
      }
    });
  }
});
