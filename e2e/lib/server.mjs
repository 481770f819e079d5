// The real binary on free ports, started and stopped by its process.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import dgram from 'node:dgram';
import net from 'node:net';
import path from 'node:path';

export const BINARY =
  process.env.PARLOR_BINARY ?? path.join(import.meta.dirname, '..', '..', 'target', 'release', 'parlor');

/** A port that is free for TCP and UDP at this moment. */
export async function freePort() {
  const tcp = net.createServer().listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address();
  const udp = dgram.createSocket('udp4').bind(port, '127.0.0.1');
  const free = await Promise.race([once(udp, 'listening').then(() => true), once(udp, 'error').then(() => false)]);
  if (free) udp.close();
  tcp.close();
  return free ? port : freePort();
}

/** A running `parlor serve`. */
export class Server {
  static async start({ args = [], port, host = '127.0.0.1' } = {}) {
    const chosen = port ?? (await freePort());
    const child = spawn(BINARY, ['serve', '--listen', `${host}:${chosen}`, '--udp-port', `${chosen}`, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PARLOR_LOG_LEVEL: process.env.PARLOR_LOG_LEVEL ?? 'info' },
    });
    const server = new Server(child, chosen, args.some((arg) => arg.startsWith('--tls-')) ? 'https' : 'http');
    await server.#ready();
    return server;
  }

  constructor(child, port, scheme) {
    this.child = child;
    this.port = port;
    this.origin = `${scheme}://localhost:${port}`;
    this.log = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (this.log += text));
    this.exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
  }

  async #ready() {
    const deadline = Date.now() + 10_000;
    while (Date.now() < deadline) {
      if (this.child.exitCode !== null) throw new Error(`parlor ended at start:\n${this.log}`);
      // An encrypted one sends who asks in the clear on to https, and that to itself would trust no certificate of its own.
      const answer = await fetch(`http://localhost:${this.port}/healthz`, { redirect: 'manual' }).catch(() => null);
      const healthy = answer?.ok || answer?.status === 307;
      if (healthy) return;
      await new Promise((done) => setTimeout(done, 30));
    }
    throw new Error(`parlor did not become healthy:\n${this.log}`);
  }

  /** Asks it to stop, as an operator does, and says how it ended and how long it took. */
  async stop() {
    const start = Date.now();
    if (this.child.exitCode === null) this.child.kill('SIGTERM');
    const ended = await this.exited;
    return { ...ended, ms: Date.now() - start };
  }

  /** One metric's value, summed over its labels. */
  async metric(name) {
    const text = await fetch(`${this.origin}/metrics`).then((r) => r.text());
    const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    if (lines.length === 0) throw new Error(`no metric ${name} in:\n${text}`);
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}
