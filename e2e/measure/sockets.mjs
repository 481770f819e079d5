// What people occupy in the server's memory: node measure/sockets.mjs [PEOPLE]
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';
import WebSocket from 'ws';

import { Server } from '../lib/server.mjs';

/** What Chromium offers for a join with 16 pairs of slots. */
const OFFER = readFileSync(path.join(import.meta.dirname, '../../crates/rtc/tests/it/sdp/chromium_join.sdp'), 'utf8').replace(/\r?\n/g, '\r\n');
const PER_ROOM = 10;

const people = Number(process.argv[2] ?? 1000);
const server = await Server.start();
const residentKib = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))[1]);
const each = (since) => `${((residentKib() - since) / people).toFixed(1)} KiB each`;

const before = residentKib();
const sockets = await Promise.all(
  Array.from({ length: people }, async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/socket/websocket?vsn=2.0.0`);
    await once(socket, 'open');
    return socket;
  }),
);
console.log(`${people} idle sockets: ${each(before)}`);

async function ask(socket, frame) {
  socket.send(JSON.stringify(frame));
  for (;;) {
    const [text] = await once(socket, 'message');
    const [, , , event, payload] = JSON.parse(text);
    if (event === 'phx_reply') return payload;
  }
}

for (const [index, socket] of sockets.entries()) {
  const join = { protocol: 'parlor', version: 1, name: 'Ann', offer: OFFER, senders: [] };
  const { status, response } = await ask(socket, ['1', '1', `room:r${Math.floor(index / PER_ROOM)}`, 'phx_join', join]);
  if (status !== 'ok') throw new Error(JSON.stringify(response));
}
console.log(`the same people in rooms of ${PER_ROOM}, with 16 pairs of slots and before media: ${each(before)}`);

for (const socket of sockets) socket.terminate();
await server.stop();
