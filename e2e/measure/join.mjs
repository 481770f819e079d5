// How long a late joiner waits, from the click to the pictures of the two who are there: node measure/join.mjs [JOINS]
import { openChromium } from '../lib/browsers.mjs';
import { joinLate } from '../lib/late-joiner.mjs';
import { assertAllMeet, Person } from '../lib/person.mjs';
import { Server } from '../lib/server.mjs';

const joins = Number(process.argv[2] ?? 20);
const server = await Server.start();
const browsers = await Promise.all([1, 2, 3].map((id) => openChromium({ id })));
try {
  await assertAllMeet(await Promise.all(browsers.slice(0, 2).map((browser) => Person.join(browser, server))));
  const times = [];
  for (let n = 0; n < joins; n++) {
    const { late, took } = await joinLate(browsers[2], server, { room: 'tea', count: 2 });
    times.push(took);
    await late.page.context().close();
  }
  times.sort((a, b) => a - b);
  const at = (part) => times[Math.min(times.length - 1, Math.floor(times.length * part))];
  console.log(`click to both pictures, ${joins} joins: p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, longest ${times.at(-1)} ms`);
} finally {
  for (const browser of browsers) await browser.close();
  await server.stop();
}
