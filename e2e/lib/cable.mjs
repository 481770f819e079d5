// A server and its clients, each at the end of a cable of its own: slow, long or lossy, and another one at any time. Needs root.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';
import readline from 'node:readline';

import { addNamespace, deleteNamespaces, startServer, unavailable as noNamespaces } from './namespace.mjs';

/** The address of the server at the end of every cable; clients have the ones after it (RFC 1918). */
export const HUB = '10.80.0.1';
const CABLES = path.join(import.meta.dirname, 'cable.py');

/**
 * Everybody has a machine of their own. On this one, who sends would take the start of another browser for a slow way, and keep to that for half a
 * minute: they have a processor before those who only watch.
 */
export const PUNCTUAL = -10;

/** A good home connection, both ways. */
export const GOOD = { kbps: 5000, queue_ms: 100, delay_ms: 20, loss_percent: 0 };

/** Why there can be no cables here; false when there can. */
export const unavailable = noNamespaces || (existsSync('/dev/net/tun') ? false : 'cables are made of /dev/net/tun, which is not there');

/**
 * One direction of a cable: `kbps` 0 is as fast as it goes; `queue_ms` is how much waits before packets are dropped.
 * @typedef {{ kbps?: number, queue_ms?: number, delay_ms?: number, loss_percent?: number }} Way
 */

export class Cables {
  #child;
  #answers;

  /** @param {string[]} names  of those at the other ends */
  static async open(names) {
    const cables = new Cables(names);
    try {
      await cables.#build(names);
    } catch (error) {
      await cables.close();
      throw new Error(`cables cannot be made; they need root, python3 and /dev/net/tun\n${error.stderr ?? error}`);
    }
    return cables;
  }

  constructor(names) {
    this.hub = `parlor-hub-${process.pid}`;
    this.namespaces = Object.fromEntries(names.map((name) => [name, `parlor-${name}-${process.pid}`]));
  }

  async #build(names) {
    const ends = names.map((name, index) => `${this.namespaces[name]}=10.80.0.${index + 2}`);
    for (const namespace of [this.hub, ...Object.values(this.namespaces)]) addNamespace(namespace);
    this.#child = spawn('/usr/bin/python3', [CABLES, this.hub, HUB, ...ends], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#answers = readline.createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    if ((await this.#answers.next()).value !== 'ready') throw new Error('the cables ended at start');
  }

  /**
   * Changes what a cable is like from now on; what is not named stays.
   * @param {string} name
   * @param {{ down?: Way, up?: Way }} ways  `down`: from the server
   */
  async set(name, ways) {
    await this.#tell({ [this.namespaces[name]]: ways });
  }

  /** What a cable carried since the last word to any of them, by direction. */
  async counts(name) {
    return (await this.#tell({}))[this.namespaces[name]];
  }

  async #tell(settings) {
    this.#child.stdin.write(`${JSON.stringify(settings)}\n`);
    return JSON.parse((await this.#answers.next()).value);
  }

  startServer() {
    return startServer(this.hub, HUB, { niceness: PUNCTUAL });
  }

  async close() {
    if (this.#child && this.#child.exitCode === null) {
      this.#child.stdin.end();
      await once(this.#child, 'exit');
    }
    deleteNamespaces([this.hub, ...Object.values(this.namespaces)]);
  }
}
