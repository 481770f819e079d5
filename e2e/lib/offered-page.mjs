// What a page does that plays by WHEP without an offer of its own.

/** The players that a page may have beside its own script. */
export const PLAYERS = "export { WebRTCPlayer } from '@eyevinn/webrtc-player';";

/** Runs in the page: asks the server for an offer and answers it. */
export async function playOffered(url) {
  const peer = new RTCPeerConnection();
  globalThis.peer = peer;
  globalThis.tracks = {};
  peer.addEventListener('track', ({ track, streams }) => {
    globalThis.tracks[track.kind] ??= track;
    document.querySelector('video').srcObject ??= streams[0];
  });
  const made = await fetch(url, { method: 'POST', headers: { accept: 'application/sdp' } });
  globalThis.session = new URL(made.headers.get('location'), url).href;
  return globalThis.takeOffer(made, 201);
}

/** Runs in the page: offers to receive sound alone, and answers what the server would rather have. */
export async function playCounterOffered(url) {
  const first = new RTCPeerConnection();
  first.addTransceiver('audio', { direction: 'recvonly' });
  await first.setLocalDescription();
  const headers = { 'content-type': 'application/sdp' };
  const made = await fetch(url, { method: 'POST', headers, body: first.localDescription.sdp });
  first.close();
  globalThis.session = new URL(made.headers.get('location'), url).href;
  globalThis.tracks = {};
  globalThis.peer = new RTCPeerConnection();
  globalThis.peer.addEventListener('track', ({ track, streams }) => {
    globalThis.tracks[track.kind] ??= track;
    document.querySelector('video').srcObject ??= streams[0];
  });
  return globalThis.takeOffer(made, 406);
}

/** Before any script of the page: what both have in common. */
export function prepare() {
  globalThis.takeOffer = async (made, expected) => {
    if (made.status !== expected) throw new Error(`${made.status}: ${await made.text()}`);
    const { peer, session } = globalThis;
    await peer.setRemoteDescription({ type: 'offer', sdp: await made.text() });
    await peer.setLocalDescription();
    const headers = { 'content-type': 'application/sdp' };
    const taken = await fetch(session, { method: 'PATCH', headers, body: peer.localDescription.sdp });
    if (taken.status !== 204) throw new Error(`${taken.status}: ${await taken.text()}`);
  };
  globalThis.stopPlaying = async () => {
    const ended = await fetch(globalThis.session, { method: 'DELETE' });
    globalThis.peer.close();
    return ended.status;
  };
}

/**
 * Runs in the page: plays by Eyevinn's player, which offers first, and lets the server offer where that says 400. Ours takes its
 * offer, so the page has its first one refused.
 */
export async function playByEyevinn(url) {
  const { fetch } = globalThis;
  globalThis.asked = [];
  globalThis.fetch = (to, options = {}) => {
    globalThis.asked.push(`${options.method} ${options.body ? 'with' : 'without'} a body`);
    const isOffer = options.method === 'POST' && options.body;
    return isOffer ? Promise.resolve(new Response('no offers here', { status: 400 })) : fetch(to, options);
  };
  const video = document.querySelector('video');
  globalThis.tracks = {};
  const look = () => {
    for (const track of video.srcObject?.getTracks() ?? []) globalThis.tracks[track.kind] ??= track;
  };
  setInterval(look, 100);
  globalThis.player = new globalThis.clients.WebRTCPlayer({ video, type: 'whep', iceServers: [] });
  await globalThis.player.load(new URL(url));
}
