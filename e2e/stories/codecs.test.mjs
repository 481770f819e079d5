// Every codec that a page can be told to send: seen whole, in the size that is shown, and by those who cannot decode it in another one.
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { openChromium, openFirefox } from '../lib/browsers.mjs';
import { company } from '../lib/company.mjs';
import { Person } from '../lib/person.mjs';

/** Shown smaller than this, the smaller of a camera's sizes is enough. */
const SMALL = { width: 400, height: 300 };
const LARGE = { width: 1280, height: 800 };
/** A camera of the fake devices sends ten pictures a second: this is two seconds of them. */
const PICTURES = 20;
/** Pictures that have arrived and still wait for their turn. */
const UNDER_WAY = 3;
/** How long a larger picture may take: one as flat as these proves little of its path, so that estimates climb slowly. */
const GROWN_WITHIN = 30_000;

describe('codecs', () => {
  const here = company(2);
  const { browsers, people } = here;
  let firefox;

  before(async () => (firefox = await openFirefox({ id: 3 })));
  after(() => firefox?.close());

  async function join(browser, name, link, page) {
    const person = await Person.join(browser, here.server, { room: link, name, page });
    people.push(person);
    return person;
  }

  /** Ann sends a codec to Bo, who sees each picture of it whole, in the size of the tile; and Ann encodes none that is larger. */
  async function watch(codec) {
    const page = await browsers[0].page();
    await page.addInitScript(keepOffers);
    const [ann, bo] = await Promise.all([join(browsers[0], 'Ann', `${codec}?codec=${codec}`, page), join(browsers[1], 'Bo', codec)]);
    await bo.sees(ann);
    assert.notEqual((await offers(ann)).length, 0);
    for (const offer of await offers(ann)) assert.match(offer, /^a=extmap:\d+ .*dependency-descriptor/m, 'layers are told where no payload tells them');
    for (const [viewport, width] of [[SMALL, 320], [LARGE, 640]]) {
      await bo.page.setViewportSize(viewport);
      await until(bo, (arrives) => arrives.width === width && arrives.codec === `video/${codec}`);
      await encodesUpTo(ann, width);
    }
    const { framesReceived, framesDecoded } = await until(bo, (arrives) => arrives.framesDecoded >= PICTURES);
    assert.ok(framesReceived - framesDecoded <= UNDER_WAY, `${framesDecoded} of ${framesReceived} decoded`);
    await bo.sees(ann);
    return { ann, bo };
  }

  it('a camera in VP9 is seen in the size of its tile, smaller and larger, and every picture decodes', () => watch('vp9'));

  it('so is one in AV1, and Firefox sees it too', async () => {
    const { ann } = await watch('av1');
    const fox = await join(firefox, 'Fox', 'av1');
    await fox.seesMotion(ann);
    assert.ok((await codecs(fox)).includes('video/av1'));
  });

  it('so is one in H.264; who cannot decode it sees it in VP8, and whoever watched before sees no pause', async () => {
    const { ann, bo } = await watch('h264');
    const before = await offers(ann);
    const meets = join(firefox, 'Fox', 'h264').then((fox) => fox.seesMotion(ann).then(() => fox));
    const [fox] = await Promise.all([meets, bo.keepsSeeing(ann, { ms: 6000 })]);
    await fox.tile(ann).getByTestId('tile-note').waitFor({ state: 'hidden' });
    for (const viewer of [bo, fox]) assert.deepEqual(await codecs(viewer), ['video/vp8', 'video/vp8']);
    assert.deepEqual(await offers(ann), before, 'no offer was made for that');
  });

  it('whose browser cannot change its codec is not seen by those who cannot decode it, and they read why', async () => {
    const page = await browsers[0].page();
    await page.addInitScript(forgetCodecsOfEncodings);
    const [ann, fox] = await Promise.all([join(browsers[0], 'Ann', 'old?codec=h264', page), join(firefox, 'Fox', 'old')]);
    await fox.tile(ann).getByText('Ann’s browser sends a codec that this browser does not play').waitFor();
    assert.equal(await fox.picture(ann), null);
  });
});

describe('the colours of a camera', () => {
  const here = company(1);
  let green;

  before(async () => (green = await openChromium({ picture: null })));
  after(() => green?.close());

  for (const codec of ['vp8', 'vp9', 'av1', 'h264'])
    it(`are its own in ${codec.toUpperCase()}, in every size`, async () => {
      const [ann, bo] = await Promise.all([
        Person.join(green, here.server, { room: `${codec}?codec=${codec}`, name: 'Ann' }),
        Person.join(here.browsers[0], here.server, { room: codec, name: 'Bo' }),
      ]);
      here.people.push(ann, bo);
      for (const [viewport, ...widths] of [[SMALL, 320], [LARGE, 640, 1280]]) {
        await bo.page.setViewportSize(viewport);
        await until(bo, (arrives) => widths.includes(arrives.width) && arrives.codec === `video/${codec}`);
        await bo.seesColoursOf(ann);
      }
    });
});

/** Runs in the page before all else: keeps the offers that it makes. */
function keepOffers() {
  const create = RTCPeerConnection.prototype.createOffer;
  globalThis.offers = [];
  RTCPeerConnection.prototype.createOffer = async function (...options) {
    const offer = await create.apply(this, options);
    globalThis.offers.push(offer.sdp);
    return offer;
  };
}

/** What somebody has offered so far. */
const offers = ({ page }) => page.evaluate('offers');

/** Runs in the page before all else: makes it a browser that does not know the codec of an encoding. */
function forgetCodecsOfEncodings() {
  const add = RTCPeerConnection.prototype.addTransceiver;
  RTCPeerConnection.prototype.addTransceiver = function (kind, init) {
    const sendEncodings = init.sendEncodings?.map(({ codec: _, ...encoding }) => encoding);
    return add.call(this, kind, { ...init, ...(sendEncodings && { sendEncodings }) });
  };
}

/** Waits until what arrives of the one picture is as it should be, and says how it is then. */
async function until(viewer, holds) {
  const end = Date.now() + GROWN_WITHIN;
  let arrives;
  while (Date.now() < end) {
    [arrives] = await viewer.page.evaluate(arrivals);
    if (arrives && holds(arrives)) return arrives;
    await viewer.page.waitForTimeout(100);
  }
  return assert.fail(`what arrives is ${JSON.stringify(arrives)}`);
}

/** What pictures arrive as, one entry for each that does. */
async function codecs(viewer) {
  return (await viewer.page.evaluate(arrivals)).map(({ codec }) => codec);
}

/** Waits until the largest picture that somebody encodes is so wide. */
async function encodesUpTo(publisher, width) {
  const end = Date.now() + GROWN_WITHIN;
  let widths;
  while (Date.now() < end) {
    widths = await publisher.page.evaluate(encoded);
    if (Math.max(...widths) === width) return;
    await publisher.page.waitForTimeout(100);
  }
  assert.fail(`pictures of ${widths} are encoded`);
}

/** Runs in the page: how wide the pictures are that it has encoded in the last second. */
async function encoded() {
  const sent = async () => [...(await globalThis.parlor.room.stats()).values()].filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video');
  const before = new Map((await sent()).map(({ id, framesEncoded }) => [id, framesEncoded]));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return (await sent()).filter(({ id, framesEncoded }) => framesEncoded > (before.get(id) ?? 0)).map(({ frameWidth }) => frameWidth);
}

/** Runs in the page: the pictures that arrive. */
async function arrivals() {
  const reports = [...(await globalThis.parlor.room.stats()).values()];
  const arriving = reports.filter(({ type, kind, bytesReceived }) => type === 'inbound-rtp' && kind === 'video' && bytesReceived > 0);
  return arriving.map(({ codecId, frameWidth, framesReceived, framesDecoded }) => {
    const codec = reports.find(({ id }) => id === codecId)?.mimeType.toLowerCase();
    return { width: frameWidth, codec, framesReceived, framesDecoded };
  });
}
