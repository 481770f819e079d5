// Somebody who comes to a call that is under way, and how long until they see the others.
import { Person } from './person.mjs';

/** Who types fast. */
const KEY_STROKE_MS = 150;

/**
 * Joins from a page whose camera is ready, once the name is typed, and says how long after the click pictures of `count` others were there.
 * @returns {Promise<{ late: Person, took: number }>} `took` in milliseconds
 */
export async function joinLate(browser, server, { room, count }) {
  const late = new Person(browser, await browser.page(), 'Late');
  await late.page.goto(`${server.origin}/r/${room}`);
  await late.page.waitForFunction(() => document.querySelector('[data-testid=camera-toggle]')?.dataset.on === 'true');
  await late.element('name-input').clear();
  await late.element('name-input').pressSequentially(late.name, { delay: KEY_STROKE_MS });
  return { late, took: await late.page.evaluate(firstPictures, count) };
}

/** Runs in the page. */
async function firstPictures(count) {
  const start = performance.now();
  document.querySelector('[data-testid=join-button]').click();
  for (;;) {
    const videos = document.querySelectorAll('parlor-tile:not(.self) video');
    const seen = [...videos].filter((video) => globalThis.probe.picture(video)?.id);
    if (seen.length >= count || performance.now() - start > 10_000) return Math.round(performance.now() - start);
    await new Promise((done) => setTimeout(done, 15));
  }
}
