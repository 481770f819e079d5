// The npm client of Phoenix Channels, as it is, against our socket.
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { Socket } from 'phoenix';
import WebSocket from 'ws';

import { Server } from '../lib/server.mjs';

describe('the Phoenix client', () => {
  let server;

  before(async () => {
    server = await Server.start();
  });

  after(async () => {
    await server?.stop();
  });

  function connect(options = {}) {
    const socket = new Socket(`ws://127.0.0.1:${server.port}/socket`, { transport: WebSocket, ...options });
    socket.connect();
    return socket;
  }

  const joining = (channel) =>
    new Promise((done) => {
      channel.join().receive('ok', (response) => done({ ok: response })).receive('error', (response) => done({ error: response }));
    });

  it('keeps its connection by heartbeats', async () => {
    const socket = connect({ heartbeatIntervalMs: 200 });
    let closes = 0;
    socket.onClose(() => closes++);
    let beats = 0;
    const beaten = new Promise((done) => socket.onMessage(({ topic, event }) => {
      if (topic === 'phoenix' && event === 'phx_reply' && ++beats === 5) done();
    }));
    await beaten;
    assert.equal(socket.connectionState(), 'open');
    assert.equal(closes, 0);
    socket.disconnect();
  });

  it('reads why a join was refused', async () => {
    const socket = connect();
    const channel = socket.channel('room:tea', { protocol: 'parlor', version: 1, name: '', offer: 'v=0', senders: [] });
    const { error } = await joining(channel);
    assert.equal(error.reason, 'bad_name');
    assert.ok(error.message.length > 10);
    channel.leave();
    socket.disconnect();
  });

  it('is told of a topic that does not exist', async () => {
    const socket = connect();
    const channel = socket.channel('lobby', {});
    const { error } = await joining(channel);
    assert.equal(error.reason, 'unmatched topic');
    channel.leave();
    socket.disconnect();
  });
});
