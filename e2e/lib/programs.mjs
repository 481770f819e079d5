// Publishers by WHIP and a player by WHEP that are no browsers: GStreamer, FFmpeg and aiortc, driven by Python as their users would.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';

import { endsWithUs } from './children.mjs';
import { files, hertz } from './pattern.mjs';

const OUT = path.join(import.meta.dirname, '..', 'out');
/** Debian's, which has GStreamer's bindings. */
const SYSTEM_PYTHON = '/usr/bin/python3';
/** With FFmpeg 8, whose libraries PyAV brings, and aiortc: see ../requirements.txt. */
const FFMPEG_PYTHON = path.join(OUT, 'python', 'bin', 'python');

/** Why FFmpeg and aiortc cannot be tried, or false. */
export const noFfmpeg = !existsSync(FFMPEG_PYTHON) && 'PyAV and aiortc are not installed: ./test e2e does that';

/** Why GStreamer cannot be tried, or false. */
export const noGstreamer = (() => {
  try {
    execFileSync(SYSTEM_PYTHON, ['-c', "import gi; gi.require_version('GstWebRTC', '1.0'); from gi.repository import GstWebRTC"], { stdio: 'ignore' });
    return false;
  } catch {
    return 'GStreamer is not installed: ./test e2e does that';
  }
})();

/** A certificate on P-256, as WebRTC wants it and these programs do not make it by themselves. */
function certificate() {
  mkdirSync(OUT, { recursive: true });
  const [certificate, key] = ['whip-certificate.pem', 'whip-key.pem'].map((name) => path.join(OUT, name));
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  execFileSync('openssl', ['req', '-x509', ...curve, '-nodes', '-subj', '/CN=encoder', '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  return [certificate, key];
}

/** A program that shows the picture and plays the tone of an id, or one that says what it sees and hears. */
export class Program {
  static gstreamer = (options) => Program.#publish(SYSTEM_PYTHON, 'gst-whip.py', options);
  static ffmpeg = (options) => Program.#publish(FFMPEG_PYTHON, 'ffmpeg-whip.py', options);
  /** `asks`: it has the server offer. */
  static aiortc = ({ url, asks = false }) => Program.#start(FFMPEG_PYTHON, 'aiortc-whep.py', [url, ...(asks ? ['ask'] : [])], 'playing');

  static #publish(python, script, { url, id, codec }) {
    const { video } = files(id);
    const given = [url, video, `${hertz(id)}`, ...certificate(), ...(codec ? [codec] : [])];
    return Program.#start(python, script, given, 'publishing');
  }

  static async #start(python, script, given, begun) {
    const child = endsWithUs(spawn(python, [path.join(import.meta.dirname, script), ...given], { stdio: ['pipe', 'pipe', 'pipe'] }));
    const program = new Program(child);
    await program.says(begun);
    return program;
  }

  constructor(child) {
    this.child = child;
    this.name = path.basename(child.spawnargs[1], '.py');
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
    this.child.stdin.end();
    await exit;
  }

  /** Ends it without a word. */
  async kill() {
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
  }
}
