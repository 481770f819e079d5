// A server that is offered twice what it can do: node measure/overload.mjs [SECONDS]
//
// The server has one core and the load another (taskset). How many fit is measured first: so many are let in while cameras
// run. Then twice as many are let in before cameras run. Last, two media threads, of which one is overloaded and the other
// has a small room.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

import { BINARY, Server } from '../lib/server.mjs';

const LOAD = process.env.PARLOR_LOAD ?? path.join(path.dirname(BINARY), 'parlor-load');
const seconds = Number(process.argv[2] ?? 20);
const SERVERS_CORE = '0';
const LOADS_CORE = '1';
/** Most that sound may be late, of 99 packets in 100, in milliseconds. */
const LATEST_MS = 50;
/** Two who speak, and others who watch and listen. */
const CALL = ['--publishers', '2', '--audio-kbps', '40', '--video-kbps', '1500', '--sizes', '3'];

/** Servers that are to end with this program. */
const running = new Set();
process.on('exit', () => running.forEach((server) => server.child.kill()));

/** A server on one core. */
async function start(...args) {
  const server = await Server.start({ args: ['--max-peers-per-room', '1000', ...args] });
  running.add(server);
  server.exited.then(() => running.delete(server));
  await pin(server.child.pid, SERVERS_CORE);
  return server;
}

/** All threads of a process. */
async function pin(pid, core) {
  const [code] = await once(spawn('taskset', ['-a', '-c', '-p', core, String(pid)], { stdio: 'ignore' }), 'exit');
  assert.equal(code, 0, 'taskset is needed');
}

/** Runs a load to its end; keeps the highest level of any thread meanwhile. */
async function load(server, args, { length = seconds } = {}) {
  const child = spawn('taskset', ['-c', LOADS_CORE, LOAD, server.origin, '--pid', String(server.child.pid), '--duration', String(length), '--json', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = [];
  let said = '';
  child.stdout.on('data', (bytes) => output.push(bytes));
  child.stderr.on('data', (bytes) => (said += bytes));
  let worst = 0;
  // One that has just ended says nothing more.
  const level = () => server.metric('parlor_thread_level').catch(() => 0);
  const look = setInterval(async () => (worst = Math.max(worst, await level())), 500);
  await once(child, 'close');
  clearInterval(look);
  assert.ok(output.length > 0, said);
  return { ...JSON.parse(Buffer.concat(output).toString()), worst };
}

/** Joins that were refused because the server was busy, and everything else that went wrong. */
function failures(report) {
  const busy = report.failures.filter((failure) => failure.startsWith('server_busy'));
  const missing = (failure) => /people were not connected at the end/.test(failure);
  return { busy: busy.length, others: report.failures.filter((failure) => !failure.startsWith('server_busy') && !missing(failure)) };
}

/** What is asserted of everybody who is in. */
async function judge(what, server, report, { people }) {
  const { busy, others } = failures(report);
  const { connected, starved } = report.people;
  const sound = report.sound_delay_ms;
  const pictures = report.picture_delay_ms;
  const shed = await server.metric('parlor_pictures_shed_total');
  console.log(
    `${what}: ${people} people knock, ${connected} are in and ${busy} were told that the server is busy; sound p50 ${sound.p50.toFixed(1)}, ` +
      `p99 ${sound.p99.toFixed(1)} ms; pictures ${pictures ? `p50 ${pictures.p50.toFixed(1)}, p99 ${pictures.p99.toFixed(1)} ms` : 'none'}; ` +
      `the highest level was ${report.worst}, ${shed} pictures left out; ${report.packets.lost} packets lost; the server had ${report.server.processors.toFixed(2)} cores, ` +
      `and waited for one for ${(report.server.waited * 100).toFixed(0)} % of the time`,
  );
  for (const doubt of report.invalid) console.log(`  in doubt: ${doubt}`);
  assert.deepEqual(others, [], 'nobody is lost, and who is refused is told why');
  assert.equal(connected + busy, people);
  assert.equal(starved, 0);
  assert.ok(sound.p99 < LATEST_MS, `sound is late by ${sound.p99} ms`);
  return { busy, worst: report.worst };
}

// What one viewer costs, and so about how many fit.
let server = await start('--threads', '1');
const small = await load(server, [...CALL, '--subscribers', '20'], { length: 8 });
await server.stop();
const guess = Math.round((20 * 0.9) / small.server.processors);
console.log(`20 viewers take ${small.server.processors.toFixed(2)} cores: at least ${guess} fit`);

// Three times as many knock, at fifty a second. Batches make many cheaper than few: who is in is what fits.
server = await start('--threads', '1');
const knocking = Math.min(3 * guess, 990);
const crowd = await load(server, [...CALL, '--subscribers', String(knocking), '--warm-up', '5']);
const first = await judge('more than fit', server, crowd, { people: knocking + 2 });
assert.ok(first.busy > 0, 'all fit: that says nothing');
await server.stop();
const many = Math.min(2 * (knocking - first.busy), 990);

// They are all in, and then their cameras begin.
server = await start('--threads', '1');
const late = await load(server, [...CALL, '--subscribers', String(many), '--joins-per-second', '50', '--cameras-last', '--warm-up', '0']);
const second = await judge('twice as much as it can do', server, late, { people: many + 2 });
assert.equal(second.busy, 0);
assert.ok(second.worst > 1, 'it was never too much: that says nothing');
await server.stop();

// Of two threads one has too much to do; a room on the other does not notice.
server = await start('--threads', '2');
const quiet = load(server, [...CALL, '--subscribers', '4', '--warm-up', '12', '--room', 'quiet'], { length: seconds });
await new Promise((done) => setTimeout(done, 2000));
const loud = await load(server, [...CALL, '--subscribers', String(many), '--cameras-last', '--warm-up', '0', '--room', 'loud']);
await judge('its neighbour', server, loud, { people: many + 2 });
const neighbour = await quiet;
const { p50, p99 } = neighbour.sound_delay_ms;
console.log(`a small room on the other thread: sound p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)} ms, ${neighbour.packets.lost} packets lost`);
assert.ok(p99 < LATEST_MS && failures(neighbour).others.length === 0);
await server.stop();
