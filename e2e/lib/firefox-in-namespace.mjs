#!/usr/bin/env node
// Firefox in the network namespace NAMESPACE, trusting the authority TRUSTS if there is one, driven from outside: what drives it connects to a port of loopback, and each namespace has a
// loopback of its own, so that port is carried from the one to the other.
import { spawn } from 'node:child_process';
import net from 'node:net';

import { trust } from './authority.mjs';

const inNamespace = (command, args, stdio) => spawn('ip', ['netns', 'exec', process.env.NAMESPACE, command, ...args], { stdio });
const CARRY = 'const s = require("net").connect(Number(process.argv[1]), "127.0.0.1"); process.stdin.pipe(s).pipe(process.stdout); s.on("close", () => process.exit()).on("error", () => process.exit());';
const READY = /WebDriver BiDi listening on ws:\/\/127\.0\.0\.1:(\d+)/;

// The profile is made by who starts us.
if (process.env.TRUSTS) trust(process.argv[process.argv.findIndex((word) => /^--?profile$/.test(word)) + 1], process.env.TRUSTS);
const firefox = inNamespace('/usr/bin/firefox-esr', process.argv.slice(2), ['inherit', 'inherit', 'pipe']);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => firefox.kill(signal));
firefox.on('exit', (code) => process.exit(code ?? 1));

let said = '';
firefox.stderr.on('data', async (text) => {
  said = (said + text).slice(-4096);
  const port = READY.exec(said)?.[1];
  if (port) {
    said = '';
    await carry(port);
  }
  process.stderr.write(text);
});

/** Every connection to `port` out here becomes one to the same port in there. */
function carry(port) {
  const outside = net.createServer((socket) => {
    const carrier = inNamespace(process.execPath, ['-e', CARRY, port], ['pipe', 'pipe', 'inherit']);
    socket.pipe(carrier.stdin);
    carrier.stdout.pipe(socket);
    socket.on('error', () => carrier.kill());
    carrier.on('exit', () => socket.destroy());
    carrier.stdin.on('error', () => socket.destroy());
  });
  return new Promise((resolve) => outside.listen(Number(port), '127.0.0.1', resolve));
}
