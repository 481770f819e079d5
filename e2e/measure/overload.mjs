// A server that is offered twice what its core can do: node measure/overload.mjs [SECONDS]
//
// The server has one core and the load another (taskset). At how many it refuses, and what these take, is measured first: so many
// are let in while cameras run. Then as many as would take two cores are let in before cameras run. Last, two media threads that
// share the core, of which one has twice those at which it refuses and the other a small room.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

import { endsWithUs } from '../lib/children.mjs';
import { byThread } from '../lib/metrics.mjs';
import { BINARY, Server } from '../lib/server.mjs';

const LOAD = process.env.PARLOR_LOAD ?? path.join(path.dirname(BINARY), 'parlor-load');
const seconds = Number(process.argv[2] ?? 20);
const SERVERS_CORE = '0';
const LOADS_CORE = '1';
/** Most that sound may be late, of 99 packets in 100, in milliseconds. */
const LATEST_MS = 50;
/** A room holds so many, whatever it is told; two of them are those who speak. */
const MOST_PEERS = 2500;
const MOST_VIEWERS = MOST_PEERS - 2;
/** Looks at the metrics so often, in milliseconds: each thread tells them once a second. */
const LOOK_MS = 500;
/** Once nothing changes any more, all threads have told it after so long. */
const TOLD_MS = 2500;
const JOINS_PER_SECOND = 50;
/** Cores' worth of work that is offered to one. */
const OFFERED = 2;
/** The level of a thread that takes nobody new and still sends all that is asked for; above it each is one step more of pictures left out. */
const NEAR = 1;
/** Two who speak, and others who watch and listen. */
const CALL = ['--publishers', '2', '--audio-kbps', '40', '--video-kbps', '1500', '--sizes', '3'];

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/** A server on one core. */
async function start(...args) {
  const server = await Server.start({ args: ['--max-peers-per-room', String(MOST_PEERS), ...args] });
  endsWithUs(server.child);
  await pin(server.child.pid, SERVERS_CORE);
  return server;
}

/** All threads of a process. */
async function pin(pid, core) {
  const [code] = await once(spawn('taskset', ['-a', '-c', '-p', core, String(pid)], { stdio: 'ignore' }), 'exit');
  assert.equal(code, 0, 'taskset is needed');
}

/**
 * Runs a load to its end; keeps of each thread the most that it told meanwhile of its level and its people.
 * @returns {Promise<any>}  the report, with `levels` and `peers`: thread -> most
 */
async function load(server, args, { length = seconds } = {}) {
  const child = endsWithUs(spawn('taskset', ['-c', LOADS_CORE, LOAD, server.origin, '--pid', String(server.child.pid), '--duration', String(length), '--joins-per-second', String(JOINS_PER_SECOND), '--json', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  }));
  const output = [];
  let said = '';
  child.stdout.on('data', (bytes) => output.push(bytes));
  child.stderr.on('data', (bytes) => (said += bytes));
  const levels = new Map();
  const peers = new Map();
  const keep = async (most, name) => {
    // One that has just ended says nothing more.
    const told = await byThread(server.origin, name).catch(() => new Map());
    for (const [thread, value] of told) most.set(thread, Math.max(most.get(thread) ?? 0, value));
  };
  const look = setInterval(() => Promise.all([keep(levels, 'parlor_thread_level'), keep(peers, 'parlor_thread_peers')]), LOOK_MS);
  await once(child, 'close');
  clearInterval(look);
  assert.ok(output.length > 0, said);
  return { ...JSON.parse(Buffer.concat(output).toString()), levels, peers };
}

/** Steps of pictures that a thread leaves out at a level. */
const steps = (level) => Math.max(0, level - NEAR);

/** Sum over threads. */
const sum = (values) => [...values.values()].reduce((sum, value) => sum + value, 0);

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
  assert.ok(sound, `${what}: nobody hears anything`);
  const shed = sum(await byThread(server.origin, 'parlor_pictures_shed_total'));
  const worst = Math.max(...report.levels.values());
  console.log(
    `${what}: ${people} people knock, ${connected} are in and ${busy} were told that the server is busy; sound p50 ${sound.p50.toFixed(1)}, ` +
      `p99 ${sound.p99.toFixed(1)} ms; pictures ${pictures ? `p50 ${pictures.p50.toFixed(1)}, p99 ${pictures.p99.toFixed(1)} ms` : 'none'}; ` +
      `${steps(worst)} steps at most, pictures were left out ${shed} times; ${report.packets.lost} packets lost; the server had ${report.server.processors.toFixed(2)} cores, ` +
      `and others had it for ${(report.server.starved * 100).toFixed(0)} % of the time while it waited`,
  );
  for (const doubt of report.invalid) console.log(`  in doubt: ${doubt}`);
  assert.deepEqual(others, [], 'nobody is lost, and who is refused is told why');
  assert.equal(connected + busy, people);
  assert.equal(starved, 0);
  assert.ok(sound.p99 < LATEST_MS, `sound is late by ${sound.p99} ms`);
  return { busy, worst };
}

// What one viewer costs, and so about how many fit.
let server = await start('--threads', '1');
const small = await load(server, [...CALL, '--subscribers', '20'], { length: 8 });
await server.stop();
const guess = Math.round((20 * 0.9) / small.server.processors);
console.log(`20 viewers take ${small.server.processors.toFixed(2)} cores: at least ${guess} fit`);

// Three times as many knock, one after another. Batches make many cheaper than few: at how many it refuses is seen, not reckoned.
server = await start('--threads', '1');
const knocking = Math.min(3 * guess, MOST_VIEWERS);
const crowd = await load(server, [...CALL, '--subscribers', String(knocking), '--warm-up', '5']);
const first = await judge('more than are let in', server, crowd, { people: knocking + 2 });
assert.ok(first.busy > 0, 'all were let in: that says nothing');
await server.stop();
const letIn = knocking - first.busy;
// At what each of those took: twice what its one core can do.
const many = Math.min(Math.ceil((OFFERED * letIn) / crowd.server.processors), MOST_VIEWERS);
const multiple = many / letIn;
console.log(
  `it refuses at ${letIn} viewers, for whom it had ${crowd.server.processors.toFixed(2)} cores; ${many} are ${multiple.toFixed(2)} times as many: ` +
    `at what each of those took, ${(multiple * crowd.server.processors).toFixed(2)} cores' work is offered to one`,
);

// They are all in, and then their cameras begin.
server = await start('--threads', '1');
const late = await load(server, [...CALL, '--subscribers', String(many), '--cameras-last', '--warm-up', '0']);
const second = await judge(`${multiple.toFixed(2)} times the number at which it refuses`, server, late, { people: many + 2 });
assert.equal(second.busy, 0);
assert.ok(steps(second.worst) > 0, 'it was never too much: that says nothing');
await server.stop();

// Of two threads one has too much to do; a room on the other does not notice. No room is large enough to have people on both.
server = await start('--threads', '2', '--peers-per-thread-of-room', String(MOST_PEERS));
const quietViewers = 4;
// So many that its thread has too much to do once cameras run, and not yet while they all join: then some would be let in on the other.
const beside = Math.min(2 * letIn, MOST_VIEWERS);
// It is measured while the cameras of the loud one run, which begin when all its people are in.
const before = Math.ceil(TOLD_MS / 1000 + beside / JOINS_PER_SECOND);
const quiet = load(server, [...CALL, '--subscribers', String(quietViewers), '--warm-up', String(before), '--room', 'quiet']);
await wait(TOLD_MS);
const seated = [...(await byThread(server.origin, 'parlor_thread_peers'))].filter(([, peers]) => peers > 0);
assert.deepEqual(seated.map(([, peers]) => peers), [quietViewers + 2], 'the small room is on one thread');
const [[quietThread]] = seated;
const loud = await load(server, [...CALL, '--subscribers', String(beside), '--cameras-last', '--warm-up', '0', '--room', 'loud']);
const third = await judge('its neighbour', server, loud, { people: beside + 2 });
const neighbour = await quiet;
assert.ok(neighbour.sound_delay_ms, 'nobody hears anything in the small room');
await wait(TOLD_MS);
const shed = (await byThread(server.origin, 'parlor_pictures_shed_total')).get(quietThread);
const { p50, p99 } = neighbour.sound_delay_ms;
const level = Math.max(loud.levels.get(quietThread), neighbour.levels.get(quietThread));
console.log(
  `a small room on the other thread: sound p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)} ms, ${neighbour.packets.lost} packets lost; ` +
    `at most ${loud.peers.get(quietThread)} people on its thread, whose level was ${level} at most; it left out pictures ${shed} times`,
);
assert.equal(loud.peers.get(quietThread), quietViewers + 2, 'nobody of the loud room is on the thread of the quiet one');
assert.ok(steps(third.worst) > 0, 'it was never too much for the loud one: that says nothing');
assert.ok(level <= NEAR, `the quiet thread is at level ${level}`);
assert.equal(shed, 0, 'the quiet thread leaves out no picture');
assert.ok(p99 < LATEST_MS && failures(neighbour).others.length === 0);
await server.stop();
