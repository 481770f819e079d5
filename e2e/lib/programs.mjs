// Publishers by WHIP and a player by WHEP that are no browsers: GStreamer, FFmpeg and aiortc, driven by Python as their users would.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';

import { endsWithUs } from './children.mjs';
import { files, hertz } from './pattern.mjs';

const OUT = path.join(import.meta.dirname, '..', 'out');
/** Debian's, which has GStreamer's bindings. */
const SYSTEM_PYTHON = '/usr/bin/python3';
/** With aiortc, with FFmpeg 8, whose libraries PyAV brings, and with the program of FFmpeg 9: see ../requirements.txt. */
const FFMPEG_PYTHON = path.join(OUT, 'python', 'bin', 'python');
const GUIDE = path.join(import.meta.dirname, '..', '..', 'docs', 'whip.md');
/** Longer than a story takes. */
const FILM_SECONDS = 100;

/** Why FFmpeg and aiortc cannot be tried, or false. */
export const noFfmpeg = !existsSync(FFMPEG_PYTHON) && 'FFmpeg, PyAV and aiortc are not installed: ./test e2e does that';

/** Why GStreamer cannot be tried, or false. */
export const noGstreamer = (() => {
  try {
    execFileSync(SYSTEM_PYTHON, ['-c', "import gi; gi.require_version('GstWebRTC', '1.0'); from gi.repository import GstWebRTC"], { stdio: 'ignore' });
    return false;
  } catch {
    return 'GStreamer is not installed: ./test e2e does that';
  }
})();

/** A certificate on P-256, as WebRTC wants it; FFmpeg built with GnuTLS does not make it by itself. */
function certificate() {
  mkdirSync(OUT, { recursive: true });
  const [certificate, key] = ['whip-certificate.pem', 'whip-key.pem'].map((name) => path.join(OUT, name));
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  execFileSync('openssl', ['req', '-x509', ...curve, '-nodes', '-subj', '/CN=encoder', '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  return [certificate, key];
}

/** A film with the picture and the tone of an id. */
function film(ffmpeg, id) {
  const { video, audio } = files(id);
  const made = video.replace(/\.y4m$/, '.mp4');
  if (existsSync(made)) return made;
  const inputs = [video, audio].flatMap((file) => ['-stream_loop', '-1', '-i', file]);
  const coded = ['-t', `${FILM_SECONDS}`, '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-f', 'mp4'];
  execFileSync(ffmpeg, ['-y', ...inputs, ...coded, `${made}.part`], { stdio: 'ignore' });
  renameSync(`${made}.part`, made);
  return made;
}

/** The command line by which docs/whip.md publishes a film, with another film and another URL: the words of `ffmpeg`'s arguments. */
function documented(film, url) {
  const [line] = readFileSync(GUIDE, 'utf8').match(/^ffmpeg -re (?:.*\\\n)*.*-f whip .*$/m);
  const words = line.replaceAll('\\\n', ' ').split(/\s+/).slice(1);
  return words.map((word) => (word === 'film.mp4' ? film : word.startsWith("'http") ? url : word));
}

/** A program that shows the picture and plays the tone of an id, or one that says what it sees and hears. */
export class Program {
  static gstreamer = ({ url, id, codec }) => Program.#start(SYSTEM_PYTHON, 'gst-whip.py', [url, files(id).video, `${hertz(id)}`, codec], 'publishing');
  static pyav = ({ url, id }) => Program.#start(FFMPEG_PYTHON, 'ffmpeg-whip.py', [url, files(id).video, `${hertz(id)}`, ...certificate()], 'publishing');
  static ffmpeg = ({ url, id }) => {
    const ask = 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())';
    const ffmpeg = execFileSync(FFMPEG_PYTHON, ['-c', ask], { encoding: 'utf8' }).trim();
    return Program.#run(ffmpeg, documented(film(ffmpeg, id), url), 'frame=', 'q');
  };
  /** `asks`: it has the server offer. */
  static aiortc = ({ url, asks = false }) => Program.#start(FFMPEG_PYTHON, 'aiortc-whep.py', [url, ...(asks ? ['ask'] : [])], 'playing');

  static #start(python, script, given, begun) {
    return Program.#run(python, [path.join(import.meta.dirname, script), ...given], begun, '');
  }

  static async #run(command, given, begun, farewell) {
    const program = new Program(endsWithUs(spawn(command, given, { stdio: ['pipe', 'pipe', 'pipe'] })), farewell);
    await program.says(begun);
    return program;
  }

  #farewell;

  constructor(child, farewell) {
    this.child = child;
    this.#farewell = farewell;
    this.name = child.spawnargs.slice(0, 2).map((word) => path.basename(word)).join(' ');
    this.log = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (this.log += text));
  }

  /** Waits until it says something. */
  async says(word) {
    const end = Date.now() + 20_000;
    while (!this.log.includes(word)) {
      if (this.child.exitCode !== null || Date.now() > end) throw new Error(`${this.name} does not say ${word}:\n${this.log}`);
      await new Promise((done) => setTimeout(done, 30));
    }
  }

  /** Ends it as its user would, so that it says goodbye. */
  async stop() {
    const exit = once(this.child, 'exit');
    this.child.stdin.end(this.#farewell);
    await exit;
  }

  /** Ends it without a word. */
  async kill() {
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
  }
}
