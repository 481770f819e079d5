// A server behind a 1:1 NAT: namespaces for its clients, for the router and for itself. Needs root.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import { once } from 'node:events';
import path from 'node:path';

import { BINARY } from './server.mjs';

/** The address by which clients reach the server; its own is SERVER (RFC 5737 and RFC 1918). */
export const PUBLIC = '203.0.113.7';
const ROUTER_OUTSIDE = '203.0.113.1';
const CLIENTS = '203.0.113.2';
const ROUTER_INSIDE = '10.79.0.1';
const SERVER = '10.79.0.2';

const RULES = `table ip one_to_one {
  chain arriving {
    type nat hook prerouting priority -100;
    ip daddr ${PUBLIC} dnat to ${SERVER}
  }
  chain leaving {
    type nat hook postrouting priority 100;
    ip saddr ${SERVER} snat to ${PUBLIC}
  }
}
`;

const run = (command, input) => execFileSync(command[0], command.slice(1), { input, stdio: ['pipe', 'pipe', 'pipe'] });

/** Why namespaces cannot be made here; false when they can. */
export const unavailable = process.getuid() === 0 ? false : 'network namespaces need root: run it as root to see it';

/** Three namespaces in a row, taken down by `close`. */
export class Nat {
  static open() {
    const nat = new Nat();
    try {
      nat.#build();
    } catch (error) {
      nat.close();
      throw new Error(`network namespaces cannot be made; this story needs root and nftables\n${error.stderr ?? error}`);
    }
    return nat;
  }

  constructor() {
    const name = (role) => `parlor-${role}-${process.pid}`;
    this.clients = name('clients');
    this.router = name('router');
    this.server = name('server');
  }

  #build() {
    for (const namespace of [this.clients, this.router, this.server]) {
      run(['ip', 'netns', 'add', namespace]);
      // An address of IPv6 that appears a second later is a changed network to a browser.
      run(['ip', 'netns', 'exec', namespace, 'sysctl', '-q', 'net.ipv6.conf.all.disable_ipv6=1']);
      run(['ip', '-n', namespace, 'link', 'set', 'lo', 'up']);
    }
    this.#cable('outside', [this.clients, CLIENTS], ROUTER_OUTSIDE);
    this.#cable('inside', [this.server, SERVER], ROUTER_INSIDE);
    run(['ip', 'netns', 'exec', this.router, 'sysctl', '-q', 'net.ipv4.ip_forward=1']);
    // The router answers for the public address.
    run(['ip', '-n', this.router, 'address', 'add', `${PUBLIC}/32`, 'dev', 'outside']);
    run(['ip', 'netns', 'exec', this.router, 'nft', '-f', '-'], RULES);
  }

  /** Connects a namespace to the router, which is its way to everywhere. */
  #cable(side, [namespace, address], router) {
    run(['ip', '-n', this.router, 'link', 'add', side, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace]);
    run(['ip', '-n', this.router, 'address', 'add', `${router}/24`, 'dev', side]);
    run(['ip', '-n', this.router, 'link', 'set', side, 'up']);
    run(['ip', '-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'eth0']);
    run(['ip', '-n', namespace, 'link', 'set', 'eth0', 'up']);
    run(['ip', '-n', namespace, 'route', 'add', 'default', 'via', router]);
  }

  close() {
    for (const namespace of [this.clients, this.router, this.server]) {
      try {
        run(['ip', 'netns', 'delete', namespace]);
      } catch {
        // It was never made.
      }
    }
  }

  /** Starts the server inside, told of its public address; with a certificate, since browsers want one. */
  async startServer() {
    const state = mkdtempSync(path.join(os.tmpdir(), 'parlor-state-')); // not the certificate of whoever runs this
    const args = ['--listen', '0.0.0.0:4000', '--public-ip', PUBLIC, '--tls-self-signed', '--state-dir', state];
    const child = spawn('ip', ['netns', 'exec', this.server, BINARY, 'serve', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const exited = once(child, 'exit');
    let log = '';
    const ready = new Promise((resolve, reject) => {
      const hear = (text) => {
        log += text;
        if (log.includes('Parlor is open')) resolve();
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      exited.then(() => reject(new Error(`parlor ended at start:\n${log}`)));
    });
    await ready;
    const stop = async () => {
      child.kill('SIGTERM');
      await exited;
      rmSync(state, { recursive: true, force: true });
    };
    return { origin: `https://${PUBLIC}:4000`, log: () => log, stop };
  }
}
