// What sound travels as: twice over for those who asked for it, and not at all while there is none.
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { openFirefox } from '../lib/browsers.mjs';
import { company } from '../lib/company.mjs';
import { Person } from '../lib/person.mjs';

/** Opus makes a packet each 20 ms of sound, and in silence a word of comfort noise each 400 ms. */
const LOUD_PACKETS = 40;
const QUIET_PACKETS = 10;
/** How much larger packets are with RED: the copy lacks a header of its own, and a stream's first packets hold none. */
const MOSTLY_TWICE = 1.7;

describe('sound', () => {
  const here = company(2);
  const { browsers, people } = here;
  let firefox;

  before(async () => (firefox = await openFirefox({ id: 3 })));
  after(() => firefox?.close());

  it('who asks for RED sends it; who has it gets each sound twice, who has it not gets it once, and both hear it', async () => {
    const page = await browsers[0].page();
    await page.addInitScript(preferRed);
    const ann = await Person.join(browsers[0], here.server, { room: 'red', name: 'Ann', page });
    const bo = await Person.join(browsers[1], here.server, { room: 'red', name: 'Bo', camera: false, microphone: false });
    const fox = await Person.join(firefox, here.server, { room: 'red', name: 'Fox', camera: false, microphone: false });
    people.push(ann, bo, fox);
    await Promise.all([bo.hears(ann), fox.hears(ann)]);
    const [[sent], [twice], [once]] = await Promise.all([ann, bo, fox].map((person) => person.page.evaluate(sounds)));
    assert.ok(sent >= MOSTLY_TWICE * once, `${sent} bytes a packet sent, ${once} without RED`);
    assert.ok(twice >= MOSTLY_TWICE * once, `${twice} bytes a packet with RED, ${once} without`);
  });

  it('a silent microphone sends next to nothing, and what is said then is heard', async () => {
    const page = await browsers[0].page({ studio: [1] });
    const ann = await Person.join(browsers[0], here.server, { room: 'silence', name: 'Ann', page });
    const bo = await Person.join(browsers[1], here.server, { room: 'silence', name: 'Bo' });
    people.push(ann, bo);
    await bo.hears(ann);
    const loud = await page.evaluate(packetsInASecond);
    assert.ok(loud >= LOUD_PACKETS, `${loud} packets of a tone in a second`);
    await page.evaluate(() => globalThis.studio.hush(true));
    await bo.hearsNothingOf(ann);
    const quiet = await page.evaluate(packetsInASecond);
    assert.ok(quiet <= QUIET_PACKETS, `${quiet} packets of silence in a second`);
    await page.evaluate(() => globalThis.studio.hush(false));
    await bo.hears(ann);
    const again = await page.evaluate(packetsInASecond);
    assert.ok(again >= LOUD_PACKETS, `${again} packets of a tone in a second`);
  });
});

/** Runs in the page before all else: lets it ask for RED, as pages do that have bitrate to spare. */
function preferRed() {
  const add = RTCPeerConnection.prototype.addTransceiver;
  RTCPeerConnection.prototype.addTransceiver = function (kind, init) {
    const transceiver = add.call(this, kind, init);
    if (kind === 'audio' && init.direction === 'sendonly') {
      const { codecs } = RTCRtpSender.getCapabilities('audio');
      const isRed = ({ mimeType }) => mimeType === 'audio/red';
      transceiver.setCodecPreferences([...codecs.filter(isRed), ...codecs.filter((codec) => !isRed(codec))]);
    }
    return transceiver;
  };
}

/** Runs in the page: how large the packets are of each sound that leaves or arrives. The codec that Chromium reports is Opus with RED and without. */
async function sounds() {
  const reports = [...(await globalThis.parlor.room.stats()).values()];
  const flowing = reports.filter(({ type, kind, packetsSent, packetsReceived }) => /^(in|out)bound-rtp$/.test(type) && kind === 'audio' && (packetsSent || packetsReceived));
  return flowing.map(({ packetsSent, packetsReceived, bytesSent, bytesReceived }) => Math.round((bytesSent ?? bytesReceived) / (packetsSent ?? packetsReceived)));
}

/** Runs in the page: how many packets of sound it sends in a second. */
async function packetsInASecond() {
  const sent = async () => {
    const reports = [...(await globalThis.parlor.room.stats()).values()];
    return reports.find(({ type, kind, packetsSent }) => type === 'outbound-rtp' && kind === 'audio' && packetsSent > 0).packetsSent;
  };
  const [before, start] = [await sent(), performance.now()];
  await new Promise((done) => setTimeout(done, 2000));
  return ((await sent() - before) * 1000) / (performance.now() - start);
}
