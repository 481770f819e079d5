// Pages on Membrane's client and who looks at them: a server, the pages' own one, and browsers of both makers, for all stories of a file.
import { after, afterEach, before } from 'node:test';
import os from 'node:os';

import { openChromium, openFirefox } from './browsers.mjs';
import { MembranePerson } from './membrane-person.mjs';
import { Pages } from './pages.mjs';
import { WIDE } from './pattern.mjs';
import { Server } from './server.mjs';

/** An address of this machine that is not its loopback: Firefox uses no TURN there. */
const address = Object.values(os.networkInterfaces()).flat().find((one) => one.family === 'IPv4' && !one.internal)?.address;

/** Why stories are skipped where Firefox is asked for, if they are. */
const noFirefox = address ? false : 'Firefox uses no TURN on loopback, and there is no other address';

/**
 * The browsers that stories are told of, and how tall a picture has three encodings in each: Chromium leaves out the largest of three below
 * 960x540, Firefox does not.
 */
export const KINDS = [
  { kind: 'Chromium', skip: false, height: WIDE.height },
  { kind: 'Firefox', skip: noFirefox, height: 360 },
];

/** Someone else in the same Firefox: there, devices belong to pages. */
const beside = (browser, id) => ({ id, page: () => browser.page({ studio: [id] }) });

/**
 * To be called inside `describe`. Once its stories run, `server`, `pages` and `pair` are there: the last gives two people's browsers of a
 * kind. What is pushed to `people` is closed behind each story, whose pages had no problems; `spoken` has the kinds of media events that
 * went each way in those on Membrane's client.
 * @param {{ args?: string[], simulcast?: boolean }} options  `args`: further ones of the server; `simulcast`: the first person's camera is large
 *   enough for three encodings, which costs processors
 */
export function membraneCompany({ args = [], simulcast = false } = {}) {
  const here = { server: null, pages: null, people: [], spoken: { said: new Set(), heard: new Set() } };
  const browsers = [];
  const pairs = {};

  before(async () => {
    here.pages = await Pages.start();
    here.start = (more = [], port) => Server.start({
      port,
      host: address ? '0.0.0.0' : undefined,
      args: ['--origin', here.pages.origin, ...(address ? ['--public-ip', address] : []), ...more],
    });
    here.server = await here.start(args);
    const hosts = address ? [address] : [];
    const opened = [openChromium({ id: 1, picture: simulcast ? WIDE : undefined, hosts }), openChromium({ id: 2, hosts }), ...(address ? [openFirefox({ id: 3 })] : [])];
    browsers.push(...(await Promise.all(opened)));
    const [ann, bo, fox] = browsers;
    Object.assign(pairs, { Chromium: [ann, bo], Firefox: fox && [fox, beside(fox, 4)] });
  });

  afterEach(async () => {
    const people = here.people.splice(0);
    for (const person of people.filter((one) => one instanceof MembranePerson)) {
      const { said, heard } = await person.spoken();
      said.forEach((kind) => here.spoken.said.add(kind));
      heard.forEach((kind) => here.spoken.heard.add(kind));
    }
    await Promise.all(people.map((person) => person.page.context().close()));
    for (const person of people) person.assertNoProblems();
  });

  after(async () => {
    await Promise.all(browsers.map((browser) => browser.close()));
    await here.server?.stop();
    await here.pages?.stop();
  });

  here.pair = (kind) => pairs[kind];
  return here;
}
