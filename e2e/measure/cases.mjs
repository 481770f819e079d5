// What costs.mjs measures: each case tells `note` its rows.
import { PinnedServer, tryLoad } from '../lib/pinned.mjs';

const us = (ns) => `${(ns / 1000).toFixed(2)} us`;
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const ms = (value) => `${value.toFixed(2)} ms`;
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const text = (text, target) => ({ text, target });

const PACED = ['--pace', '2.5'];
const AT_ONCE = ['--pace', '0'];
/** Many people cost the load tool less when it reads them now and then; the kernel notes when packets came. */
const MANY = ['--read-every', '10'];
const MEASURED = ['--warm-up', '3', '--duration', '10'];
const SHORT = ['--warm-up', '2', '--duration', '6'];
/** Shares of the server's processor at which delay is measured, and how near to them is near enough. */
const LOADS = [0.3, 0.5, 0.7];
const NEAR_LOAD = 0.04;
const LOAD_TRIES = 5;
/** More subscribers than this are in several rooms. */
const MOST_IN_ONE_ROOM = 400;
/** More than this one load tool does not carry. */
const MOST_SUBSCRIBERS = 4000;
/** A room holds so many, whatever it is told. */
const MOST_PEERS = 2500;
/** In so many seconds all watchers come, however many they are. */
const WATCHERS_COME_IN = 16;

const people = (publishers, subscribers, rooms = 1) => ['--rooms', `${rooms}`, '--publishers', `${publishers}`, '--subscribers', `${subscribers}`];
const media = (video_kbps, audio_kbps = 0) => ['--video-kbps', `${video_kbps}`, '--audio-kbps', `${audio_kbps}`];
const joining = (perSecond) => ['--joins-per-second', `${perSecond}`];

/** What charts and readers want of a report. */
function kept({ people, packets, server, picture_delay_ms, sound_delay_ms, reply_ms, connected_ms, first_media_ms, load_busy, load_cpu_ns_per_packet, stolen, overload, invalid, tries, seconds, cipher }) {
  return { tries, invalid, seconds, cipher, people, packets, server, picture_delay_ms, sound_delay_ms, reply_ms, connected_ms, first_media_ms, load_busy, load_cpu_ns_per_packet, stolen, overload };
}

/** One load as a row; a load that cannot be run is a row that says why. */
async function measure(note, what, args, figures, { server, ...more } = {}) {
  try {
    const report = await tryLoad(args, server);
    note({ what, args: args.join(' '), ...more, ...kept(report), figures: figures(report) });
    return report;
  } catch (error) {
    note({ what, args: args.join(' '), ...more, failed: error.message, figures: [] });
    return null;
  }
}

const delays = ({ picture_delay_ms: pictures, sound_delay_ms: sound }) => [pictures && ['pictures', pictures], sound && ['sound', sound]].filter(Boolean);
const perPacket = ({ server }, target) =>
  text(`${us(server.cpu_ns_per_packet)} of CPU (${us(server.user_ns_per_packet)} own, ${us(server.kernel_ns_per_packet)} kernel), ${percent(server.processors)} busy`, target && `${target} us`);
const late = (report, target) => text(delays(report).map(([name, { p50, p99 }]) => `${name} p50 ${ms(p50)}, p99 ${ms(p99)}`).join(', '), target && `p99 ${target} ms`);
const cost = (report) => [perPacket(report), late(report)];

const TARGETS = [
  { subscribers: 50, pace: 'paced', cpu: 2.8 },
  { subscribers: 100, pace: 'paced', cpu: 2.0, p99: 1.5 },
  { subscribers: 50, pace: 'at once', cpu: 1.8 },
  { subscribers: 100, pace: 'at once', cpu: 1.4 },
];

async function others(note) {
  for (const reads of [[], MANY]) {
    for (const { subscribers, pace, cpu, p99 } of TARGETS) {
      const args = [...people(1, subscribers), ...media(1500), ...(pace === 'paced' ? PACED : AT_ONCE), ...reads, ...MEASURED];
      const how = reads.length > 0 ? ', read every 10 ms' : '';
      await measure(note, `1.5 Mbit/s to ${subscribers}, ${pace}${how}`, args, (report) => [perPacket(report, cpu), late(report, p99)], { subscribers, pace, kbps: 1500, read_every: reads.length > 0 ? 10 : 0 });
    }
  }
}

async function growth(note) {
  for (const [kbps, counts] of [[1500, [10, 50, 100, 200]], [300, [10, 50, 200, 1000]]]) {
    for (const [pace, option] of [['paced', PACED], ['at once', AT_ONCE]]) {
      for (const subscribers of counts) {
        // A thousand joins while a camera runs ask for a thousand first pictures: a server may find itself too busy for that.
        const late = subscribers < 1000 ? [] : ['--cameras-last'];
        const args = [...people(1, subscribers), ...media(kbps), ...option, ...MANY, ...late, ...joining(Math.min(100, Math.max(50, subscribers / 5))), ...MEASURED];
        await measure(note, `${kbps / 1000} Mbit/s to ${subscribers}, ${pace}`, args, cost, { subscribers, pace, kbps });
      }
    }
  }
}

async function transports(note) {
  let udp;
  for (const [over, how] of [['udp', 'by UDP'], ['tcp', 'by TCP'], ['turn', 'through TURN by UDP'], ['turn-tcp', 'through TURN by TCP']]) {
    const args = [...people(1, 50), ...media(1500), ...PACED, '--over', over, ...MEASURED];
    const report = await measure(note, `1.5 Mbit/s to 50, all ${how}`, args, (report) => {
      const times = udp && text(`${(report.server.cpu_ns_per_packet / udp).toFixed(2)} times what it takes by UDP`);
      return [...cost(report), times].filter(Boolean);
    }, { over });
    udp ??= report?.server.cpu_ns_per_packet;
  }
}

async function meetings(note) {
  // Of fifty cameras each person here takes small pictures: 49 of 500 kbit/s to everybody are more than one processor sends or receives.
  for (const [count, kbps, fps] of [[5, 500, 30], [20, 500, 30], [50, 60, 10]]) {
    const args = [...people(count, 0), ...media(kbps, 40), '--fps', `${fps}`, '--speakers', '3', ...joining(25), ...MEASURED];
    await measure(note, `a meeting of ${count}, all with ${kbps} kbit/s at ${fps} pictures a second and sound, 3 speak`, args, cost, { people_count: count });
  }
}

async function audio(note) {
  // Three voices to five hundred are 75 000 packets a second: one thread may be too busy to take in all of them, and then says so.
  for (const count of [100, 500]) {
    const args = [...people(count, 0), ...media(0, 40), '--speakers', '3', ...joining(20), ...SHORT];
    await measure(note, `an audio room of ${count} microphones, 3 speak`, args, cost, { people_count: count });
  }
}

async function rooms(note) {
  for (const count of [1, 10, 100]) {
    const args = [...people(1, 10, count), ...media(300), ...MANY, ...joining(Math.max(50, 2 * count)), ...SHORT];
    await measure(note, `${count} rooms of 1 to 10, 0.3 Mbit/s`, args, cost, { rooms: count });
  }
}

/** Finds how many subscribers keep the server as busy as wanted, from what each costs at the last try; of valid runs the nearest is told. */
async function delay(note) {
  let each = 0.002;
  for (const load of LOADS) {
    const what = `delay at ${percent(load)} load`;
    const runs = [];
    try {
      while (runs.length < LOAD_TRIES && !runs.some(({ distance, invalid }) => distance < NEAR_LOAD && invalid.length === 0)) {
        const run = await underLoad(Math.max(1, Math.round(load / each)), load);
        each = run.load / run.subscribers;
        runs.push(run);
      }
    } catch (error) {
      note({ what, failed: error.message, figures: [] });
      continue;
    }
    runs.sort((a, b) => Math.sign(a.invalid.length) - Math.sign(b.invalid.length) || a.distance - b.distance);
    note({ what, ...runs[0], tries: runs.length });
  }
}

async function underLoad(wanted, load) {
  const most = Math.min(wanted, MOST_SUBSCRIBERS);
  const rooms = Math.ceil(most / MOST_IN_ONE_ROOM);
  const subscribers = rooms * Math.round(most / rooms);
  const args = [...people(1, subscribers / rooms, rooms), ...media(1500), ...PACED, ...MANY, '--cameras-last', ...joining(100), ...SHORT];
  const report = await tryLoad(args, undefined, 1);
  if (!report.picture_delay_ms) throw new Error('no pictures came');
  const { p50, p99 } = report.picture_delay_ms;
  const { processors } = report.server;
  const found = `${subscribers} subscribers in ${rooms} room${rooms > 1 ? 's' : ''}, ${percent(processors)} busy: p50 ${ms(p50)}, p99 ${ms(p99)}`;
  return { args: args.join(' '), distance: Math.abs(processors - load), load: processors, subscribers, ...kept(report), figures: [text(found, load === 0.7 ? 'p50 < 0.1 ms, p99 < 1 ms' : undefined)] };
}

/** Pairs of one who publishes and one who looks or listens, a hundred of them: what differs between two such loads is what a track takes. */
async function memory(note) {
  const each = ({ server }) => [text(`${kib(server.anonymous_per_subscriber ?? 0)} with each who joins, ${kib(server.anonymous_per_person)} for each when media flows (${mib(server.anonymous_before_joins)} before, ${mib(server.anonymous_after_joins)} after)`, '40 KiB')];
  await measure(note, 'memory of a subscriber, 1 to 500', [...people(1, 500), ...media(300), ...MANY, ...joining(100), '--warm-up', '3', '--duration', '3'], each);
  const pairs = async (what, args) => {
    const report = await tryLoad([...people(1, 1, 100), ...args, ...MANY, ...joining(50), '--warm-up', '3', '--duration', '3']);
    return { what, report, bytes: (report.server.anonymous_after_joins - report.server.anonymous_before_joins) / 100 };
  };
  try {
    const none = await pairs('no media', media(0));
    for (const { what, report, bytes } of [await pairs('a camera of 1.5 Mbit/s', media(1500)), await pairs('a microphone', media(0, 40))]) {
      const target = what === 'a microphone' ? '16 KiB for its ring' : '256 KiB for its ring';
      // A difference is as good as the worse of the two.
      const invalid = [...report.invalid, ...none.report.invalid.map((doubt) => `without media: ${doubt}`)];
      const tries = Math.max(report.tries, none.report.tries);
      note({ what: `memory of ${what}, its path to one subscriber included`, bytes: bytes - none.bytes, ...kept({ ...report, invalid, tries }), figures: [text(`${kib(bytes - none.bytes)} more than for ${kib(none.bytes)} of two people without media`, target)] });
    }
  } catch (error) {
    note({ what: 'memory of tracks', failed: error.message, figures: [] });
  }
}

async function idle(note) {
  const args = [...people(0, 1000), ...media(0), ...joining(200), '--warm-up', '4', '--duration', '10'];
  await measure(note, '1000 idle people', args, ({ server }) => [text(`${percent(server.processors)} of a processor, ${kib(server.anonymous_per_person)} each`, '1 %')]);
}

async function joins(note) {
  for (const perSecond of [50, 100, 200]) {
    const args = [...people(1, Math.min(MOST_PEERS - 1, 8 * perSecond)), ...media(300), ...joining(perSecond), '--warm-up', '1', '--duration', '2'];
    await measure(note, `${perSecond} joins a second`, args, ({ reply_ms, connected_ms, first_media_ms, server }) => [
      text(`reply p50 ${ms(reply_ms.p50)}, p99 ${ms(reply_ms.p99)}; connected p50 ${ms(connected_ms.p50)}, p99 ${ms(connected_ms.p99)}`),
      text(`first media p50 ${ms(first_media_ms.p50)}, p99 ${ms(first_media_ms.p99)}`, 'p50 400 ms, from the click'),
      text(`${ms(server.joining_cpu_ms_per_person)} of CPU each, media meanwhile included`),
    ], { per_second: perSecond });
  }
}

async function start(note) {
  const runs = [];
  for (let run = 0; run < 5; run++) {
    const server = await PinnedServer.start();
    await new Promise((done) => setTimeout(done, 1000));
    runs.push({ ms: server.startMs, ...server.memory() });
    await server.stop();
  }
  runs.sort((a, b) => a.ms - b.ms);
  const { ms: startMs, resident, anonymous } = runs[2];
  note({ what: 'an empty server', start_ms: startMs, resident, anonymous, figures: [text(`answers ${startMs.toFixed(0)} ms after its start (median of 5); ${mib(resident)}, ${mib(anonymous)} its own`)] });
}

/** The processor is the same, whether one thread has it or two: what a room on two takes more is what sharing it costs. */
async function threads(note) {
  for (const [subscribers, kbps, fps] of [[1000, 200, 15], [2000, 60, 10]]) {
    const args = [...people(1, subscribers), ...media(kbps), '--fps', `${fps}`, ...AT_ONCE, ...MANY, '--cameras-last', ...joining(80), ...MEASURED];
    let one;
    for (const count of [1, 2]) {
      const server = { threads: count, args: count > 1 ? ['--peers-per-thread-of-room', `${subscribers / count}`, '--udp-ports', `${count}`] : [] };
      const what = `${kbps} kbit/s to ${subscribers}, on ${count} thread${count > 1 ? 's' : ''} of one processor`;
      const report = await measure(note, what, args, (report) => {
        const times = one && text(`${(report.server.cpu_ns_per_packet / one).toFixed(2)} times what it takes on one`, '1.15 times');
        return [perPacket(report), late(report), times].filter(Boolean);
      }, { server, threads: count });
      one = report?.server.cpu_ns_per_packet;
    }
  }
}

async function presence(note) {
  for (const watchers of [500, 1000, 2000]) {
    const args = [...people(0, watchers), ...media(0), ...joining(watchers / WATCHERS_COME_IN), '--warm-up', '2', '--duration', '2'];
    await measure(note, `${watchers} watchers come in ${WATCHERS_COME_IN} s`, args, ({ server, reply_ms }) => [
      text(`${ms(server.joining_cpu_ms_per_person)} of CPU each, ${kib(server.anonymous_per_person)} each; reply p50 ${ms(reply_ms.p50)}, p99 ${ms(reply_ms.p99)}`, 'CPU each does not grow'),
    ], { server: { peers: Math.max(MOST_PEERS, watchers) }, watchers });
  }
}

export const CASES = {
  others: { about: 'the case that other servers were measured at: 1.5 Mbit/s to 50 and 100, paced and at once', run: others },
  growth: { about: 'one camera to 10, 50, 200 and 1000', run: growth },
  transports: { about: 'one camera to 50 by UDP, TCP, TURN, and TURN over TCP', run: transports },
  meetings: { about: 'meetings of 5, 20 and 50 who all publish', run: meetings },
  audio: { about: 'rooms of 100 and 500 microphones', run: audio },
  rooms: { about: '1, 10 and 100 rooms', run: rooms },
  delay: { about: 'delay when the server is busy for 30, 50 and 70 %', run: delay },
  memory: { about: 'memory of a subscriber and of a track', run: memory },
  idle: { about: 'a thousand people without media', run: idle },
  joins: { about: 'joining at 50, 100 and 200 a second', run: joins },
  start: { about: 'start-up and memory of an empty server', run: start },
  threads: { about: 'one camera to 1000 and 2000, on one media thread and on two', run: threads },
  presence: { about: '500 to 2000 watchers in one room', run: presence },
};
