// How it ends for pages built on Membrane's client: refused, put out, let down by a server or by a network.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { KINDS, membraneCompany } from '../lib/membrane-company.mjs';
import { MembranePerson } from '../lib/membrane-person.mjs';

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
  }
});
