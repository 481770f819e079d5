// How old the pictures of a person are when others see them, by the number that is drawn in each.
import { readFileSync } from 'node:fs';
import path from 'node:path';

const TIMECODE = readFileSync(path.join(import.meta.dirname, 'timecode.js'), 'utf8');

/** From camera to eye, for those who watch `person`: each on the clock of the machine that all are on. */
export class Delays {
  #person;
  #taken = [];

  /** Notes from now on what the camera of `person` takes, and what each of `viewers` sees of it. */
  static async of(person, viewers) {
    const own = person.page.locator('parlor-tile.self[data-source="camera"] video');
    const videos = [own, ...viewers.map((viewer) => viewer.tile(person).locator('video'))];
    await Promise.all([person, ...viewers].map(({ page }) => page.evaluate(`${TIMECODE}\ntimecode.take(), undefined`)));
    await Promise.all(videos.map((video) => video.evaluate((video) => globalThis.timecode.watch(video))));
    return new Delays(person);
  }

  constructor(person) {
    this.#person = person;
  }

  /** Of what `viewer` has seen since this was asked last, as "delay p50 90 ms, p95 130 ms of 180 pictures". */
  async summary(viewer) {
    this.#taken.push(...(await take(this.#person)));
    const delays = (await take(viewer)).map((seen) => this.#delay(seen)).filter((delay) => delay !== undefined).sort((a, b) => a - b);
    const quantile = (share) => Math.round(delays[Math.min(delays.length - 1, Math.floor(delays.length * share))]);
    return delays.length ? `delay p50 ${quantile(0.5)} ms, p95 ${quantile(0.95)} ms of ${delays.length} pictures` : 'no picture to tell a delay by';
  }

  /** The camera's film begins anew after some seconds: the latest picture with that number is meant. */
  #delay({ number, at }) {
    const taken = this.#taken.findLast((picture) => picture.number === number && picture.at <= at);
    return taken && at - taken.at;
  }
}

const take = ({ page }) => page.evaluate('timecode.take()');
