// One participant in a page built on Membrane's client library, and what it shows and plays of others.
import assert from 'node:assert/strict';

import { hertz } from './pattern.mjs';

const TONE_TOLERANCE = 14;

export class MembranePerson {
  constructor(browser, page, name) {
    Object.assign(this, { browser, page, name, id: browser.id });
  }

  /** Opens the page, and does no more. `through`: the port of a cable to the server, if there is one. */
  static async open(browser, server, url, { room = 'tea', name = 'Guest', simulcast = false, through = server.port } = {}) {
    const person = new MembranePerson(browser, await browser.page(), name);
    const query = new URLSearchParams({ server: `ws://localhost:${through}/socket`, room, simulcast });
    person.page.on('console', (message) => message.type() === 'error' && person.page.problems.push(message.text()));
    await person.page.goto(`${url}?${query}`);
    await person.page.waitForFunction(() => globalThis.room);
    return person;
  }

  /** Opens the page, joins and publishes. */
  static async join(browser, server, url, { publish = true, ...options } = {}) {
    const person = await MembranePerson.open(browser, server, url, options);
    await person.enter();
    if (publish) await person.publish();
    return person;
  }

  /** Waits until its library, after so many events, has dropped what it had and is in again; learns who it is now. */
  async comesBack(since, within = 20_000) {
    const isBack = (since) => {
      const kinds = globalThis.events.slice(since).map(({ type }) => type);
      return kinds.lastIndexOf('disconnected') >= 0 && kinds.lastIndexOf('connected') > kinds.lastIndexOf('disconnected');
    };
    await this.#within(within, 'coming back', this.page.waitForFunction(isBack, since, { timeout: 0 }));
    this.peer = await this.page.evaluate(() => globalThis.room.id);
  }

  async enter() {
    this.peer = await this.page.evaluate((name) => globalThis.room.join(name), this.name);
  }

  publish(options) {
    return this.#within(20_000, 'publish', this.page.evaluate((options) => globalThis.room.publish(options), options));
  }

  async #within(ms, what, promise) {
    let timer;
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms); });
    try {
      return await Promise.race([promise, late]);
    } catch (error) {
      error.message += `\n${await this.account()}`;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** What happened in the page, for failures. */
  async account() {
    const { events, states } = await this.page.evaluate(() => {
      const { connection } = globalThis.room.webrtc;
      const states = connection && [connection.connectionState, connection.iceConnectionState, connection.signalingState];
      return { events: globalThis.events, states };
    });
    return [JSON.stringify(states), ...events.map((event) => JSON.stringify(event)), ...this.page.problems].join('\n');
  }

  /** Events of a type after the first `since` ones, each as the list of its details. */
  async told(type, since = 0) {
    const events = await this.page.evaluate((since) => globalThis.events.slice(since), since);
    return events.filter((event) => event.type === type).map((event) => event.details);
  }

  /** How many events have come so far. */
  heard() {
    return this.page.evaluate(() => globalThis.events.length);
  }

  /** Waits until an event has come, after the first `since` ones, and returns its details. */
  async hearsOf(type, fits = () => true, { since = 0, within = 10_000 } = {}) {
    for (const end = Date.now() + within; Date.now() < end; await this.page.waitForTimeout(50)) {
      const found = (await this.told(type, since)).find((details) => fits(...details));
      if (found) return found;
    }
    assert.fail(`${this.name} is not told of ${type} after the first ${since} events, as ${fits}\n${await this.account()}`);
  }

  video(other, type = 'camera') {
    return this.page.locator(`video[data-endpoint="${other.peer}"][data-type="${type}"]`);
  }

  async picture(other, type = 'camera') {
    const video = this.video(other, type);
    return (await video.count()) ? video.first().evaluate((element) => globalThis.probe.picture(element)) : null;
  }

  async sees(other, { type = 'camera', within = 15_000 } = {}) {
    let last;
    for (const end = Date.now() + within; Date.now() < end; await this.page.waitForTimeout(50)) {
      last = await this.picture(other, type).catch(() => null);
      if (last?.id === other.id) return;
    }
    assert.fail(`${this.name} does not see ${other.name}; last: ${JSON.stringify(last)}\n${await this.account()}`);
  }

  async seesMotion(other, { fps = 4, within = 15_000 } = {}) {
    await this.sees(other, { within });
    let seen;
    for (const end = Date.now() + within; Date.now() < end; ) {
      seen = await this.video(other).first().evaluate((element) => globalThis.probe.watch(element, 1000));
      assert.deepEqual(seen.ids, [other.id], `${this.name} sees only ${other.name} there`);
      if (seen.frames >= fps) return;
    }
    assert.fail(`${this.name} sees ${seen.frames} frames of ${other.name} in a second\n${await this.account()}`);
  }

  /** Waits until the other's screen is shown, all of one colour: the strongest of red, green and blue. */
  showsScreenOf(other, strongest) {
    const isThere = ({ peer, strongest }) => {
      const colour = globalThis.probe.colour(document.querySelector(`video[data-endpoint="${peer}"][data-type="screensharing"]`));
      return colour && Math.max(...colour) > 150 && colour.indexOf(Math.max(...colour)) === ['red', 'green', 'blue'].indexOf(strongest);
    };
    return this.page.waitForFunction(isThere, { peer: other.peer, strongest });
  }

  /** The kinds of media events that went each way so far. */
  spoken() {
    return this.page.evaluate(() => ({ said: [...globalThis.spoken.said], heard: [...globalThis.spoken.heard] }));
  }

  /** What its library calls a track of its own. */
  own(type) {
    return this.page.evaluate((type) => globalThis.room.own.get(type), type);
  }

  async seesHeightOf(other, willDo, within = 30_000) {
    let height;
    for (const end = Date.now() + within; Date.now() < end; await this.page.waitForTimeout(100)) {
      height = await this.video(other).first().evaluate((video) => video.videoHeight);
      if (willDo(height)) return;
    }
    assert.fail(`${this.name} sees ${other.name} ${height} pixels high\n${await this.account()}`);
  }

  async hears(other, { within = 15_000 } = {}) {
    let last;
    for (const end = Date.now() + within; Date.now() < end; ) {
      last = await this.page.evaluate(async (peer) => {
        const tracks = [...globalThis.room.tracks.values()];
        const track = tracks.find((one) => one.endpoint.id === peer && one.track.kind === 'audio');
        return track ? (await globalThis.probe.tone(track.track)).hertz : null;
      }, other.peer);
      if (last !== null && Math.abs(last - hertz(other.id)) <= TONE_TOLERANCE) return;
      await this.page.waitForTimeout(50);
    }
    assert.fail(`${this.name} does not hear ${other.name}; last: ${last}\n${await this.account()}`);
  }

  /** Sound and pictures of somebody come in one stream: pages play the last one they are handed, and would lose the other. */
  async hasOneStreamOf(other) {
    const streams = await this.page.evaluate((peer) => {
      const tracks = [...globalThis.room.tracks.values()].filter((track) => track.endpoint.id === peer);
      return tracks.map(({ track, stream }) => ({
        kind: track.kind,
        stream: stream?.id,
        isFirst: stream === tracks[0].stream,
        plays: (stream?.getTracks() ?? []).map((one) => one.kind).sort(),
      }));
    }, other.peer);
    assert.deepEqual(streams.map(({ kind }) => kind).sort(), ['audio', 'video'], `${this.name} has both tracks of ${other.name}`);
    for (const { stream, isFirst, plays } of streams) {
      assert.ok(stream && isFirst, `they come in one stream: ${JSON.stringify(streams)}`);
      assert.deepEqual(plays, ['audio', 'video']);
    }
  }

  /** Chooses the best encoding of another one's camera that is to be sent here. */
  chooses(other, encoding) {
    const choose = (room, { peer, encoding }) => {
      const track = [...room.tracks.values()].find((one) => one.endpoint.id === peer && one.track.kind === 'video');
      room.webrtc.setTargetTrackEncoding(track.trackId, encoding);
    };
    return this.act(choose, { peer: other.peer, encoding });
  }

  async misses(other, within = 10_000) {
    await this.page.waitForFunction((peer) => !globalThis.room.endpoints.has(peer), other.peer, { timeout: within });
    assert.equal(await this.video(other).count(), 0, 'its pictures went with it');
  }

  /** How its media travels: the kinds of the candidates of the pair that is in use. */
  async way() {
    return this.page.evaluate(async () => {
      const reports = [...(await globalThis.room.webrtc.connection.getStats()).values()];
      const pairs = reports.filter((report) => report.type === 'candidate-pair' && (report.selected || report.nominated) && report.state === 'succeeded');
      const kind = (id) => reports.find((report) => report.id === id)?.candidateType;
      return pairs.map((pair) => [kind(pair.localCandidateId), kind(pair.remoteCandidateId)]);
    });
  }

  /** Waits until the newest numbers of the channel `stats` are as `check` wants, which throws otherwise. */
  async readsNumbers(check, within = 20_000) {
    let last, stats;
    for (const end = Date.now() + within; Date.now() < end; await this.page.waitForTimeout(200)) {
      try {
        stats = await this.page.evaluate(() => globalThis.room.stats);
        return await check(stats);
      } catch (error) {
        last = error;
      }
    }
    last.message += `\n${JSON.stringify(stats)}\n${await this.account()}`;
    throw last;
  }

  /** How another one's camera arrives, as this browser says it. */
  receives(other) {
    return this.page.evaluate(async (peer) => {
      const { track } = [...globalThis.room.tracks.values()].find((one) => one.endpoint.id === peer && one.track.kind === 'video');
      const reports = [...(await globalThis.room.webrtc.connection.getStats(track)).values()];
      const { frameWidth, frameHeight, framesPerSecond } = reports.find((report) => report.type === 'inbound-rtp');
      return { width: frameWidth, height: frameHeight, framesPerSecond };
    }, other.peer);
  }

  /** Runs something in the page's room. */
  act(act, argument) {
    return this.#within(20_000, String(act), this.page.evaluate(`(${act})(globalThis.room, ${JSON.stringify(argument)})`));
  }

  async leave() {
    await this.page.evaluate(() => globalThis.room.leave());
  }

  /** Nothing in the page failed behind the scenes. Of a socket that it loses browsers complain, so `but` may be said of that. */
  assertNoProblems(but = null) {
    const problems = this.page.problems.filter((text) => !but?.test(text));
    assert.deepEqual(problems, [], `${this.name}'s page`);
  }
}
