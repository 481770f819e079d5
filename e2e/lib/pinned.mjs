// The real binary on one processor, people of parlor-load on another: what is measured is the server and not who happens to run beside it.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { endsWithUs } from './children.mjs';
import { byThread } from './metrics.mjs';
import { BINARY, freePort } from './server.mjs';

const LOAD = process.env.PARLOR_LOAD ?? path.join(path.dirname(BINARY), 'parlor-load');
const [SERVER_CORE, LOAD_CORE] = (process.env.CORES ?? '0,1').split(',');
const START_MS = 10_000;
/** Looks for the first answer so often: start-up takes some ten milliseconds. */
const LOOK_MS = 2;
/** The server counts anew for /metrics about once a second: after so long it tells all of a load. */
const TOLD_MS = 1500;
/** As many as a room can hold: only what is measured is to end a load. */
const MOST_PEERS = 2500;
/** A run with which something is wrong that the next may not have is run so often at most. */
const MOST_TRIES = Number(process.env.TRIES ?? 4);

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/** `taskset` becomes the program that it starts: its process is the program's. It ends with this one. */
const pinned = (core, program, args) => endsWithUs(spawn('taskset', ['-c', core, program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }));

/** A server on a processor of its own, with rooms as large as they get. */
export class PinnedServer {
  /** @param {{ peers?: number, threads?: number, args?: string[] }} options  `peers`: how many a room has to hold; `threads`: media threads */
  static async start({ peers = MOST_PEERS, threads = 1, args = [] } = {}) {
    const port = await freePort();
    const begun = performance.now();
    // One that HTTP reaches from this machine alone announces no TCP for media.
    const all = ['serve', '--listen', `0.0.0.0:${port}`, '--udp-port', `${port}`, '--threads', `${threads}`, '--max-peers-per-room', `${peers}`, ...args];
    const server = new PinnedServer(pinned(SERVER_CORE, BINARY, all), port);
    while (!(await fetch(`${server.origin}/healthz`).then((reply) => reply.ok, () => false))) {
      if (server.child.exitCode !== null) throw new Error(server.log.trim().split('\n').at(-1) || 'the server ended at its start');
      if (performance.now() > begun + START_MS) {
        await server.stop();
        throw new Error('the server does not answer');
      }
      await wait(LOOK_MS);
    }
    server.startMs = performance.now() - begun;
    return server;
  }

  constructor(child, port) {
    this.child = child;
    this.origin = `http://127.0.0.1:${port}`;
    this.log = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (this.log = (this.log + text).slice(-10_000)));
    this.exited = once(child, 'exit');
  }

  /** Bytes of memory: all, and its own. */
  memory() {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    const bytes = (name) => 1024 * Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]);
    return { resident: bytes('VmRSS'), anonymous: bytes('RssAnon') };
  }

  /** One run of parlor-load against it: its report, in which `invalid` also says what people missed, and `overload` whether the server had too much to do. */
  async load(args) {
    const child = pinned(LOAD_CORE, LOAD, [this.origin, '--json', '--quiet', '--pid', `${this.child.pid}`, ...args]);
    const output = { stdout: [], stderr: [] };
    for (const name of ['stdout', 'stderr']) child[name].on('data', (bytes) => output[name].push(bytes));
    const [code, signal] = await once(child, 'close');
    const text = Buffer.concat(output.stdout).toString();
    if (!text) throw new Error(Buffer.concat(output.stderr).toString().trim() || 'parlor-load says nothing');
    const report = JSON.parse(text);
    report.overload = await this.#overload();
    report.invalid.push(...doubts(report, code ?? signal));
    return report;
  }

  /** Whether it had too much to do: its level when a load has just ended, and how often it has left out pictures. None of one that has ended. */
  async #overload() {
    const highest = async (name) => Math.max(...(await byThread(this.origin, name)).values());
    try {
      const level = await highest('parlor_thread_level');
      await wait(TOLD_MS);
      return { level, pictures_left_out: await highest('parlor_pictures_shed_total') };
    } catch {
      return null;
    }
  }

  async stop() {
    if (this.child.exitCode === null) this.child.kill('SIGTERM');
    await this.exited;
  }
}

/**
 * Why the numbers of a load are not those of people who all got what they came for; parlor-load tells what it knows of costs and delays by itself.
 * @param {any} report  of parlor-load, with `overload`
 * @param {number | string} ending  parlor-load's exit code, or the signal that ended it
 * @returns {string[]}
 */
export function doubts({ people, packets, overload }, ending) {
  const wrong = [[people.starved, 'people starved'], [packets.forged, 'packets were not authentic'], [packets.disordered, 'packets out of order'], [packets.of_others, 'packets of the wrong person']];
  const found = wrong.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  if (ending !== 0) found.push(`parlor-load ended with ${ending}`);
  if (!overload) found.push('the server does not say whether it left out pictures');
  else if (overload.pictures_left_out > 0) found.push(`the server had too much to do and left out pictures ${overload.pictures_left_out} times (level ${overload.level} at the end)`);
  return found;
}

/**
 * A load against a server that is new each time, until one is valid or there were enough: the report, and how often it was tried. Among
 * several that are not the one with the fewest doubts.
 * @param {string[]} args  of parlor-load
 * @param {{ peers?: number, threads?: number, args?: string[] }} [server]
 * @param {number} [mostTries]
 */
export async function tryLoad(args, server, mostTries = MOST_TRIES) {
  let best;
  for (let tries = 1; tries <= mostTries; tries++) {
    const running = await PinnedServer.start(server);
    let report;
    try {
      report = await running.load(args);
    } finally {
      await running.stop();
    }
    report.invalid.push(...report.failures.slice(0, 3));
    if (!best || report.invalid.length < best.invalid.length) best = report;
    if (best.invalid.length === 0) return { ...best, tries };
  }
  return { ...best, tries: mostTries };
}

/** What the numbers were taken on. */
export function machine() {
  const cpu = /model name\s*:\s*(.+)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown';
  const kernel = execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim();
  return { cpu, kernel, server_core: SERVER_CORE, load_core: LOAD_CORE, at: new Date().toISOString() };
}
