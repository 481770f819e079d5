// A page of another origin with the npm clients of WHIP and WHEP as they are, bundled as its author would.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { build } from 'esbuild';

import { hertz } from './pattern.mjs';

/** A tone is read with this much error at most, in hertz. */
export const TONE_TOLERANCE = 14;

const CLIENTS = "export { WHIPClient } from 'whip-whep/whip.js'; export { WHEPClient } from 'whip-whep/whep.js';";

/** Serves the page at `origin` until it is stopped. */
export class WhipPage {
  /** @param {string} clients  the module that the page has as `clients` */
  static async start(clients = CLIENTS) {
    const resolveDir = path.join(import.meta.dirname, '..');
    const { outputFiles } = await build({
      stdin: { contents: clients, resolveDir },
      bundle: true,
      format: 'iife',
      globalName: 'clients',
      write: false,
    });
    const page = `<!doctype html><title>A page with other clients</title><video autoplay playsinline></video><script>${outputFiles[0].text}</script>`;
    const server = http.createServer((_request, response) => response.setHeader('content-type', 'text/html').end(page));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new WhipPage(server);
  }

  constructor(server) {
    this.server = server;
    this.origin = `http://localhost:${server.address().port}`;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** Runs in the page: publishes its microphone, and its camera in two sizes. */
export async function publish(url) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  const peer = new RTCPeerConnection();
  const sizes = [{ rid: 'l', scaleResolutionDownBy: 2 }, { rid: 'h' }];
  for (const track of stream.getTracks())
    peer.addTransceiver(track, { direction: 'sendonly', streams: [stream], ...(track.kind === 'video' && { sendEncodings: sizes }) });
  globalThis.peer = peer;
  globalThis.client = new globalThis.clients.WHIPClient();
  await globalThis.client.publish(peer, url, 'a token that nobody looks at');
}

/** Runs in the page: plays one picture and one sound. */
export async function play(url) {
  const peer = new RTCPeerConnection();
  for (const kind of ['audio', 'video']) peer.addTransceiver(kind, { direction: 'recvonly' });
  globalThis.peer = peer;
  globalThis.tracks = {};
  peer.addEventListener('track', ({ track, streams }) => {
    globalThis.tracks[track.kind] = track;
    document.querySelector('video').srcObject = streams[0];
  });
  globalThis.client = new globalThis.clients.WHEPClient();
  await globalThis.client.view(peer, url);
}

/** Waits until a page that plays shows and sounds like an id: its `<video>`, and the sound of `tracks.audio`. */
export async function plays(page, id, within = 15_000) {
  const end = Date.now() + within;
  let last;
  while (Date.now() < end) {
    last = await page.evaluate(async () => {
      const { audio } = globalThis.tracks;
      const heard = audio ? await globalThis.probe.tone(audio) : null;
      return { picture: globalThis.probe.picture(document.querySelector('video')), hertz: heard?.hertz ?? null };
    });
    if (last.picture?.id === id && last.hertz !== null && Math.abs(last.hertz - hertz(id)) <= TONE_TOLERANCE) return;
  }
  assert.fail(`expected the picture of ${id} and ${hertz(id)} Hz, last: ${JSON.stringify(last)}`);
}
