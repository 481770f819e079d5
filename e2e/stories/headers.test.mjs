// The headers of every answer: pages do all that they do within them, and what is not theirs does nothing.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';

import { company } from '../lib/company.mjs';
import { assertAllMeet, Person } from '../lib/person.mjs';

/** Tells of whatever the policy of a page has kept from happening. */
const WITNESS = `
  globalThis.violations = [];
  document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sourceFile, lineNumber }) =>
    violations.push(violatedDirective + ' ' + blockedURI + ' ' + sourceFile + ':' + lineNumber));
`;

describe('the headers of a page', () => {
  const here = company(2);

  async function witnessed(index) {
    const page = await here.browsers[index].page();
    await page.addInitScript(WITNESS);
    return page;
  }

  const violations = (page) => page.evaluate(() => globalThis.violations);

  for (const path of ['/', '/r/policy', '/check', '/example/', '/no-such-page']) {
    it(`${path} does nothing that its own policy forbids`, async () => {
      const page = await witnessed(0);
      await page.goto(here.server.origin + path, { waitUntil: 'networkidle' });
      assert.deepEqual(await violations(page), []);
      await page.context().close();
    });
  }

  it('nor does a call with all its menus and panels', async () => {
    const people = [];
    for (const index of [0, 1]) {
      people.push(await Person.join(here.browsers[index], here.server, { room: 'policy', page: await witnessed(index) }));
    }
    here.people.push(...people);
    await assertAllMeet(people);
    const [ann, bo] = people;
    for (const button of ['devices-button', 'network']) {
      await ann.element(button).click();
      await ann.page.waitForTimeout(300);
      await ann.page.keyboard.press('Escape');
    }
    await ann.tile(bo).hover();
    await ann.page.keyboard.press('i');
    await ann.page.waitForTimeout(1500);
    for (const person of people) assert.deepEqual(await violations(person.page), [], person.name);
  });

  it('what is not the page’s own does not run in it, is not loaded by it, and cannot show it in a frame', async () => {
    const page = await witnessed(0);
    await page.goto(here.server.origin);
    const ran = await page.evaluate(async () => {
      const inline = document.createElement('script');
      inline.textContent = 'globalThis.intruded = true';
      document.body.append(inline);
      const elsewhere = await fetch('http://127.0.0.1:9/').then(() => true, () => false);
      return { inline: globalThis.intruded === true, elsewhere };
    });
    assert.deepEqual(ran, { inline: false, elsewhere: false });
    const found = await violations(page);
    assert.ok(found.some((line) => line.startsWith('script-src')), found.join('\n'));
    assert.ok(found.some((line) => line.startsWith('connect-src')), found.join('\n'));

    const framer = await page.context().newPage();
    await framer.setContent(`<iframe src="${here.server.origin}/"></iframe>`);
    await framer.waitForTimeout(1000);
    const frame = framer.frames().find((frame) => frame !== framer.mainFrame());
    const title = await frame.title().catch(() => '');
    assert.notEqual(title, 'Parlor', 'the page is shown in a frame of another');
    await page.context().close();
  });
});
