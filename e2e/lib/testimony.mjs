// What a page saw, sent and was told over a time, and the questions that stories have about it.
import { readFileSync } from 'node:fs';
import path from 'node:path';

const WITNESS = readFileSync(path.join(import.meta.dirname, 'witness.js'), 'utf8');

/** From now on the page notes what it sees; what it noted before is forgotten. */
export const beginTestimony = ({ page }) => page.evaluate(`${WITNESS}\nwitness.take(), undefined`);

/** What the page noted since it began, or since the last time. */
export const takeTestimony = async ({ page }) => new Testimony(await page.evaluate('witness.take()'));

/** What happens while something is done, as pages note it: one testimony for each of `people`. */
export async function witnessed(people, what) {
  await Promise.all(people.map(beginTestimony));
  await what();
  return Promise.all(people.map(takeTestimony));
}

/** Of a camera, smallest first. */
const LAYERS = ['l', 'm', 'h'];

/** A frame is counted as decoded this long before it is shown at most, and notes are that far apart. */
const SHOWN_AFTER_MS = 400;

export class Testimony {
  /** @param {any[]} notes  of witness.js */
  constructor(notes) {
    this.notes = notes;
  }

  get seconds() {
    return (this.notes.at(-1).at - this.notes[0].at) / 1000;
  }

  /** What was seen of another person's camera. */
  of(other) {
    const there = this.notes.filter(({ cameras }) => cameras[other.peer]);
    return new Sight(there.map(({ at, network, estimate_bps, cameras }) => ({ at, network, estimate_bps, ...cameras[other.peer] })));
  }

  /** How much sound was missing and made up, in milliseconds. */
  get concealed_ms() {
    return Math.max(0, this.notes.at(-1).concealed - this.notes[0].concealed) / 48;
  }

  /** What each layer cost and how many pictures a second it had, as "l 180p 15 fps 120 kbit/s", until when there was one, and what the browser took its way for. */
  layers() {
    const [first, last] = [this.notes[0].layers, this.notes.at(-1).layers];
    const grown = (rid, name) => Math.max(0, last[rid][name] - (first[rid]?.[name] ?? 0)); // an encoder that begins anew counts anew
    const rate = (rid) => `${Math.round(grown(rid, 'framesEncoded') / this.seconds)} fps ${Math.round((grown(rid, 'bytesSent') * 8) / 1000 / this.seconds)} kbit/s`;
    const until = (rid) => `until ${this.#after(this.#encodedAt(rid).at(-1))}`;
    const layer = (rid) => `${rid} ${last[rid].frameHeight}p ${rate(rid)} (${last[rid].qualityLimitationReason}) ${until(rid)}`;
    return `${LAYERS.filter((rid) => last[rid]).map(layer).join(', ')}; way out ${this.sendable}`;
  }

  /** What the browser took its way to the server for, in kbit/s, at a few moments. */
  get sendable() {
    const step = Math.ceil(this.notes.length / 6);
    return this.notes.filter((_, index) => index % step === 0).map(({ sendable_bps }) => Math.round(sendable_bps / 1000)).join(' ') + ' kbit/s';
  }

  /** When it encoded a picture of any layer last, in milliseconds of the clock; null if it never did. */
  get lastEncodedAt() {
    return LAYERS.flatMap((rid) => this.#encodedAt(rid)).sort((a, b) => a - b).at(-1) ?? null;
  }

  /** When there were more frames of a layer than in the note before. */
  #encodedAt(rid) {
    const frames = (note) => note?.layers[rid]?.framesEncoded ?? 0;
    return this.notes.filter((note, index) => index > 0 && frames(note) > frames(this.notes[index - 1])).map(({ at }) => at);
  }

  #after(at) {
    return at === undefined ? 'never' : `${((at - this.notes[0].at) / 1000).toFixed(1)} s`;
  }
}

/** One camera as one page saw it. */
class Sight {
  constructor(notes) {
    this.notes = notes;
  }

  #grown = (name) => (this.notes.at(-1)?.[name] ?? 0) - (this.notes[0]?.[name] ?? 0);

  get frames() {
    return this.#grown('framesDecoded');
  }

  get kbps() {
    return Math.round((this.#grown('bytesReceived') * 8) / Math.max(1, this.notes.at(-1).at - this.notes[0].at));
  }

  get freezes() {
    return this.#grown('freezeCount');
  }

  get frozen_ms() {
    return Math.round(this.#grown('totalFreezesDuration') * 1000);
  }

  /**
   * The longest time for which a picture that we were told to have stood still. The browser tells of a freeze when it is over; one that still goes on is
   * the time without a frame.
   */
  get longestFreeze_ms() {
    let longest = 0;
    let [before] = this.notes;
    let [moved, paused] = [before, before];
    for (const note of this.notes) {
      const ended_ms = (note.totalFreezesDuration - before.totalFreezesDuration) * 1000;
      if (note.told?.state !== 'live') paused = note;
      if (note.framesDecoded !== before.framesDecoded || note === paused) moved = note;
      // The end of a pause is the end of a freeze to the browser.
      const isOfPause = paused.told?.state !== 'live' && note.at - ended_ms - SHOWN_AFTER_MS < paused.at;
      longest = Math.max(longest, isOfPause ? 0 : ended_ms, note.at - moved.at);
      before = note;
    }
    return Math.round(longest);
  }

  /** How long we were told that there is no picture, in milliseconds. */
  get paused_ms() {
    let sum = 0;
    for (const [index, note] of this.notes.entries()) if (index > 0 && note.told?.state === 'paused') sum += note.at - this.notes[index - 1].at;
    return Math.round(sum);
  }

  /** The last note. */
  get last() {
    return this.notes.at(-1);
  }

  /** When a picture of at least this height was first shown; null if never. */
  firstAt(height) {
    let before;
    for (const note of this.notes) {
      if (before !== undefined && note.framesDecoded > before && note.frameHeight >= height) return note.at;
      before = note.framesDecoded;
    }
    return null;
  }

  /** The heights shown, over time. */
  heights() {
    return overTime(this.notes.map(({ at, frameHeight }) => ({ at, value: frameHeight ? `${frameHeight}p` : 'none' })));
  }

  /** What the server said of it, over time. */
  told() {
    return overTime(this.notes.map(({ at, told }) => ({ at, value: told ? (told.reason ?? `${told.layer}${told.temporal}`) : 'unknown' })));
  }

  networks() {
    return overTime(this.notes.map(({ at, network }) => ({ at, value: network })));
  }

  /** From what to what the server's estimate was, in kbit/s. */
  get estimates() {
    const known = this.notes.map(({ estimate_bps }) => estimate_bps).filter((bps) => bps !== null).map((bps) => Math.round(bps / 1000));
    return known.length ? `${Math.min(...known)} to ${Math.max(...known)}, last ${known.at(-1)}` : 'unknown';
  }

  /** All of it in a line. */
  summary() {
    const lost = `lost ${this.#grown('packetsLost')} of ${this.#grown('packetsReceived')}, nack ${this.#grown('nackCount')}, pli ${this.#grown('pliCount')}`;
    return `${this.frames} frames, ${this.kbps} kbit/s, ${this.freezes} freezes (${this.frozen_ms} ms; longest while live ${this.longestFreeze_ms} ms), paused ${this.paused_ms} ms; ` +
      `${this.heights()}; told ${this.told()}; network ${this.networks()}; estimate kbit/s ${this.estimates}; ${lost}`;
  }
}

/** What a value was and from when on, as "180p 0.0 s, 720p 2.4 s". */
function overTime(samples) {
  const start = samples[0]?.at;
  const changes = samples.filter(({ value }, index) => value !== samples[index - 1]?.value);
  return changes.map(({ at, value }) => `${value} ${((at - start) / 1000).toFixed(1)} s`).join(', ');
}
