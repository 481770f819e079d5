// Network namespaces, and a server in one. They need root.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { once } from 'node:events';
import path from 'node:path';

import { BINARY } from './server.mjs';

/** @param {string[]} command */
export const run = (command, input) => execFileSync(command[0], command.slice(1), { input, stdio: ['pipe', 'pipe', 'pipe'] });

/** Why namespaces cannot be made here; false when they can. */
export const unavailable = whyUnavailable();

function whyUnavailable() {
  if (process.getuid() !== 0) return 'network namespaces need root: run it as root to see it';
  const trial = `parlor-trial-${process.pid}`;
  try {
    run(['ip', 'netns', 'add', trial]); // root of a container may not be allowed to
    return false;
  } catch (error) {
    return `network namespaces are not permitted here: ${String(error.stderr ?? error).trim()}`;
  } finally {
    deleteNamespaces([trial]);
  }
}

/** Makes a namespace with nothing but its loopback. */
export function addNamespace(name, { ipv6 = false } = {}) {
  run(['ip', 'netns', 'add', name]);
  // An address of IPv6 that appears a second later is a changed network to a browser.
  const settings = ipv6 ? ['net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.default.accept_ra=0'] : ['net.ipv6.conf.all.disable_ipv6=1'];
  run(['ip', 'netns', 'exec', name, 'sysctl', '-q', ...settings]);
  run(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
}

/** Programs in a namespace find an address by this name. */
export function nameHost(namespace, name, address) {
  const directory = etcOf(namespace);
  mkdirSync(directory, { recursive: true });
  writeFileSync(path.join(directory, 'hosts'), `127.0.0.1 localhost\n${address} ${name}\n`);
}

/** What `ip netns exec` puts in the place of files of /etc. */
function etcOf(namespace) {
  return path.join('/etc/netns', namespace);
}

/** Those that were never made are passed over. */
export function deleteNamespaces(names) {
  for (const name of names) {
    rmSync(etcOf(name), { recursive: true, force: true });
    try {
      run(['ip', 'netns', 'delete', name]);
    } catch {
      // It was never made.
    }
  }
}

/**
 * Starts a server in a namespace, to be reached by `address`; with a certificate, since browsers want one: its own, or one of an `authority`. `niceness`:
 * less than 0 before others have a processor; `name`: by which pages reach it.
 * @param {{ niceness?: number, listen?: string, port?: number, name?: string, authority?: import('./authority.mjs').Authority }} options
 */
export async function startServer(namespace, address, { niceness = 0, listen = '0.0.0.0', port = 4000, name = address, authority } = {}) {
  const state = mkdtempSync(path.join(os.tmpdir(), 'parlor-state-')); // not the certificate of whoever runs this
  const args = ['--listen', `${listen}:${port}`, '--public-ip', address, '--state-dir', state];
  args.push(...(authority ? ['--tls-cert', authority.certificate, '--tls-key', authority.key] : ['--tls-self-signed']));
  const child = spawn('ip', ['netns', 'exec', namespace, 'nice', '-n', `${niceness}`, BINARY, 'serve', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
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
  const host = name.includes(':') ? `[${name}]` : name;
  return { origin: `https://${host}${port === 443 ? '' : `:${port}`}`, log: () => log, stop };
}
