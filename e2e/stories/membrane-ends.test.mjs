// How it ends for pages built on Membrane's client: refused, put out, let down by a server or by a network.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { KINDS, membraneCompany } from '../lib/membrane-company.mjs';
import { MembranePerson } from '../lib/membrane-person.mjs';
import { Proxy } from '../lib/proxy.mjs';

describe('Pages on Membrane’s client', () => {
  const here = membraneCompany({ args: ['--max-peers-per-room', '2'] });

  const url = () => here.pages.with();
  const open = async (browser, options) => {
    const person = await MembranePerson.open(browser, here.server, await url(), options);
    here.people.push(person);
    return person;
  };

  /** Lets it try to get in, and waits for what it is told instead; returns that sentence. */
  const isRefused = async (person) => {
    const since = await person.heard();
    await person.act((room, name) => void room.join(name), person.name);
    const [sentence] = await person.hearsOf('connectionError', () => true, { since });
    assert.deepEqual(await person.hearsOf('channelError', () => true, { since }), [sentence], 'once more, as the channel’s event');
    return sentence;
  };

  for (const { kind, skip } of KINDS) {
    it(`are told in ${kind} that a room is full, and get in over the same channel when it is not any more`, { skip }, async () => {
      const room = `full-${kind}`;
      const [ann, bo] = here.pair(kind);
      const inside = await Promise.all([ann, bo].map((browser) => open(browser, { room })));
      for (const person of inside) await person.enter();
      const late = await open(ann, { room, name: 'Late' });
      assert.equal(await isRefused(late), 'This room is full: it holds 2 people.');
      await inside[0].leave();
      await inside[1].misses(inside[0]);
      await late.act((room) => room.webrtc.connect({ displayName: 'Late' }));
      const [id] = await late.hearsOf('connected');
      await inside[1].hearsOf('endpointAdded', (added) => added === id);
      assert.deepEqual(await late.told('channelClosed'), []);
    });

    it(`are told in ${kind} what they asked wrongly`, { skip }, async () => {
      const [ann] = here.pair(kind);
      const lost = await open(ann, { room: 'no such room' });
      await assert.rejects(lost.enter(), /bad_room_id.*A room/);
      const loud = await open(ann, { room: `loud-${kind}`, name: 'x'.repeat(9000) });
      assert.equal(await isRefused(loud), 'What is to be shown of you is too large.');
      await loud.hearsOf('channelClosed');
      assert.equal(await loud.act((room) => room.channel.state), 'closed', 'and is not joined again');
    });

    it(`are told in ${kind} when the server goes away`, { skip }, async () => {
      const other = await here.start();
      const person = await MembranePerson.join(here.pair(kind)[0], other, await url(), { name: 'Ann', publish: false });
      await other.stop();
      assert.deepEqual(await person.hearsOf('connectionError'), ['The server is restarting.']);
      assert.deepEqual(await person.hearsOf('channelError'), ['The server is restarting.']);
      await person.hearsOf('channelClosed');
      await person.hearsOf('socketClosed');
      await person.page.context().close();
    });

    it(`come back in ${kind} by themselves after a lost WebSocket and after a server that fell, with what they published`, { skip }, async (t) => {
      let server = await here.start();
      t.after(() => server.stop());
      const cable = await Proxy.start(server.port);
      t.after(() => cable.close());
      const join = async (browser, name, through) => {
        const person = await MembranePerson.join(browser, server, await url(), { name, through });
        t.after(() => person.page.context().close());
        return person;
      };
      const [ann, bo] = here.pair(kind);
      const one = await join(ann, 'Ann', cable.port);
      const other = await join(bo, 'Bo', server.port);
      const seeEachOther = () => Promise.all([one.seesMotion(other), one.hears(other), other.seesMotion(one), other.hears(one)]);
      await seeEachOther();
      const before = one.peer;
      const own = await Promise.all(['audio', 'camera'].map((type) => one.own(type)));

      let since = await one.heard();
      cable.cut();
      await one.hearsOf('socketClosed', () => true, { since });
      await other.misses(one);
      cable.mend();
      await one.comesBack(since);
      assert.notEqual(one.peer, before);
      await seeEachOther();
      await other.hasOneStreamOf(one);
      const told = await one.page.evaluate((since) => globalThis.events.slice(since).map(({ type }) => type), since);
      const steps = ['trackRemoved', 'endpointRemoved', 'disconnected', 'connected', 'trackReady'];
      assert.deepEqual(told.filter((type) => steps.includes(type)), [
        'trackRemoved', 'trackRemoved', 'endpointRemoved', 'disconnected', 'connected', 'trackReady', 'trackReady',
      ]);
      // It goes on to call its tracks as it always did; for others they are named after who it is now.
      assert.deepEqual(await Promise.all(['audio', 'camera'].map((type) => one.own(type))), own);
      const [microphone, camera] = own.map((track) => track.replace(before, one.peer));
      await one.act((room) => room.webrtc.updateTrackMetadata(room.own.get('audio'), { type: 'audio', active: true, back: true }));
      await other.hearsOf('trackUpdated', (track, { back }) => track === microphone && back);
      await one.act((room) => room.unpublish('camera'));
      await other.hearsOf('trackRemoved', (track) => track === camera);
      await one.act((room) => room.publish({ audio: false }));
      await seeEachOther();

      const sinces = await Promise.all([one, other].map((person) => person.heard()));
      server.child.kill('SIGKILL');
      await server.exited;
      server = await here.start([], server.port);
      await Promise.all([one, other].map((person, nth) => person.comesBack(sinces[nth])));
      await seeEachOther();
      for (const person of [one, other]) {
        assert.ok((await person.act((room) => room.webrtc.rtcConfig.iceServers.length)) <= 6, 'two more each time');
        for (const type of ['connectionError', 'channelError', 'channelClosed']) assert.deepEqual(await person.told(type), []);
        person.assertNoProblems(/\bws:|STUN\/TURN servers slows/); // Firefox finds six ways too many
      }
    });
  }
});
