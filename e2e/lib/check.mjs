// The page of the connection test, opened and read.

/** What it tests, in its order. */
export const SUBJECTS = ['websocket', 'udp', 'tcp', 'turn-udp', 'turn-tcp', 'turn-tls', 'microphone', 'camera'];

/** Waits until it is done. */
export const done = (page) => page.locator('[data-testid=check][data-state=done]').waitFor({ timeout: 60_000 });

/** Opens the test and waits until it is done; what it found of each subject. */
export async function check(browser, origin, options = {}) {
  const page = await browser.page(options);
  await page.goto(`${origin}/check`);
  await done(page);
  const outcomes = {};
  for (const subject of SUBJECTS) outcomes[subject] = await page.getByTestId(`check-${subject}`).getAttribute('data-outcome');
  const report = await page.getByTestId('check-report').inputValue();
  const summary = await page.getByTestId('check-summary').textContent();
  return { page, outcomes, report, summary };
}
