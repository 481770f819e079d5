// Chromium with fake devices of an id's own, and Firefox with a page's own picture and tone.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import os from 'node:os';
import path from 'node:path';
import { chromium, firefox } from 'playwright-core';

import { trust } from './authority.mjs';
import { files, hertz, hue, CELL, FPS, HEIGHT, WIDTH } from './pattern.mjs';

const PROBE = readFileSync(path.join(import.meta.dirname, 'probe.js'), 'utf8');
const IN_NAMESPACE = path.join(import.meta.dirname, 'chromium-in-namespace.sh');
const FIREFOX_IN_NAMESPACE = path.join(import.meta.dirname, 'firefox-in-namespace.mjs');
const STUDIO = readFileSync(path.join(import.meta.dirname, 'studio.js'), 'utf8');

/** Echo and noise filters cost a tenth of a small machine per page, and take a steady tone for noise. */
const QUICK_SOUND = "if (location.protocol.startsWith('http')) localStorage.setItem('parlor.original_sound', 'on');";

/** Nothing leaves this machine: no updates, no look-ups, no name but ours. */
const QUIET = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

/** No name and no address but these. */
const only = (hosts) => `--host-resolver-rules=${['MAP * ~NOTFOUND', ...hosts.map((host) => `EXCLUDE ${host}`)].join(' , ')}`;

/**
 * A Chromium of its own: fake devices belong to the process, so each person has one.
 * @param {{ id?: number, picture?: typeof WIDE | null, devices?: boolean, permission?: boolean, autoplay?: boolean, shares?: string, hosts?: string[], namespace?: string, niceness?: number, trusts?: string, args?: string[] }} options
 *   `id`: whose picture and tone the devices give; `picture`: what it is like, plain by default, or `null` for Chromium's own (how colours
 *   of files are meant Chromium says wrongly); `devices`: whether there are any;
 *   `permission`: whether the page gets them unasked; `autoplay`: whether sound may start without a click;
 *   `shares`: the title of the tab that is chosen when somebody shares their screen; `hosts`: what it may reach beside this machine;
 *   `namespace`: the network namespace it is in; `niceness`: there, less than 0 before others have a processor;
 *   `trusts`: the certificate file of an authority: `ignoreHTTPSErrors` of a page says nothing of TURN
 */
export async function openChromium({ id = 1, picture, devices = true, permission = true, autoplay = true, shares, hosts = [], namespace, niceness = 0, trusts, args = [] } = {}) {
  const { video, audio } = files(id, picture);
  const flags = [...QUIET, only(['localhost', '127.0.0.1', ...hosts]), ...args];
  if (devices) flags.push(`--use-fake-device-for-media-stream=fps=${FPS}`, `--use-file-for-fake-audio-capture=${audio}`);
  if (devices && picture !== null) flags.push(`--use-file-for-fake-video-capture=${video}`);
  // The fake dialogue would choose a fake screen; with a tab to share, the profile's permissions do without it.
  if (shares) flags.push(`--auto-select-tab-capture-source-by-title=${shares}`);
  else if (permission) flags.push('--use-fake-ui-for-media-stream');
  if (autoplay) flags.push('--autoplay-policy=no-user-gesture-required');
  const home = trusts ? homeThatTrusts(trusts) : null;
  const browser = await chromium.launch({
    executablePath: namespace ? IN_NAMESPACE : '/usr/bin/chromium',
    env: { ...process.env, ...(namespace && { NAMESPACE: namespace, NICENESS: `${niceness}` }), ...(home && { HOME: home }) },
    headless: true,
    chromiumSandbox: false,
    args: flags,
    ignoreDefaultArgs: shares ? ['--mute-audio'] : [], // muted, a tab is captured without its sound
  });
  return new Browser(browser, 'chromium', id, { permissions: shares && permission ? ['camera', 'microphone'] : undefined, home });
}

/** A home directory where Chromium finds an authority that it trusts. */
function homeThatTrusts(root) {
  const home = mkdtempSync(path.join(os.tmpdir(), 'parlor-home-'));
  trust(path.join(home, '.pki', 'nssdb'), root);
  return home;
}

/**
 * A Firefox. It has no file devices, so the page's camera and microphone are drawn and played by a script.
 * @param {{ id?: number, namespace?: string, trusts?: string }} options  as of `openChromium`; the last in a namespace only
 */
export async function openFirefox({ id = 1, namespace, trusts } = {}) {
  const sound = await SoundServer.start();
  const browser = await firefox.launch({
    executablePath: namespace ? FIREFOX_IN_NAMESPACE : '/usr/bin/firefox-esr',
    channel: 'moz-firefox',
    headless: true,
    env: { ...process.env, PULSE_SERVER: sound.address, ...(namespace && { NAMESPACE: namespace }), ...(trusts && { TRUSTS: trusts }) },
    firefoxUserPrefs: {
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
      'media.autoplay.default': 0,
      'media.autoplay.blocking_policy': 0,
      'media.peerconnection.ice.obfuscate_host_addresses': false,
      'media.peerconnection.ice.loopback': true,
    },
  });
  return new Browser(browser, 'firefox', id, { sound });
}

const person = (id) => ({ id, hue: hue(id), hertz: hertz(id) });

function studioScript() {
  return `globalThis.studioSettings = ${JSON.stringify({ width: WIDTH, height: HEIGHT, cell: CELL, fps: FPS })};\n${STUDIO}`;
}

/** One browser process and whose picture its devices show. */
export class Browser {
  #permissions;
  #sound;
  #home;

  constructor(browser, name, id, { permissions, sound, home } = {}) {
    this.browser = browser;
    this.name = name;
    this.id = id;
    this.#permissions = permissions;
    this.#sound = sound;
    this.#home = home;
  }

  /**
   * A fresh profile with one page: what other tests did is not remembered.
   * @param {{ studio?: number[] }} options  `studio`: whose cameras and microphones are plugged in, in place of the browser's
   */
  async page({ studio = this.name === 'firefox' ? [this.id] : null, ...options } = {}) {
    const context = await this.browser.newContext({ viewport: { width: 960, height: 640 }, permissions: this.#permissions, ...options });
    const page = await context.newPage();
    await this.prepare(page, { studio });
    return page;
  }

  /** Gives a page the probe, and devices if it has to bring its own. */
  async prepare(page, { studio = null } = {}) {
    page.problems = [];
    page.on('pageerror', (error) => page.problems.push(String(error)));
    await page.addInitScript(PROBE);
    await page.addInitScript(QUICK_SOUND);
    if (studio) await page.addInitScript(`${studioScript()}\nstudio.plugIn(${JSON.stringify(studio.map(person))});`);
  }

  /** A tab beside `page` that shows and plays `id`, to be shared: see `shares`. */
  async openTab(page, { title, id }) {
    const tab = await page.context().newPage();
    await tab.setViewportSize({ width: 640, height: 360 });
    await tab.setContent(`<!doctype html><title>${title}</title>`);
    await tab.evaluate(`${studioScript()}\nstudio.perform(${JSON.stringify(person(id))});`);
    await page.bringToFront();
    return tab;
  }

  /** Ends the process without a word to anyone. */
  async kill() {
    const session = await this.browser.newBrowserCDPSession();
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    const own = processInfo.find((process) => process.type === 'browser');
    process.kill(own.id, 'SIGKILL');
  }

  async close() {
    await this.browser.close();
    await this.#sound?.stop();
    if (this.#home) rmSync(this.#home, { recursive: true, force: true });
  }
}

/** Firefox keeps no audio clock without a sound card: this is one that nobody hears. */
class SoundServer {
  static async start() {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'parlor-sound-'));
    const socket = path.join(directory, 'pulse.sock');
    const child = spawn('pulseaudio', [
      '-n', '--exit-idle-time=-1', '--disallow-exit', '--use-pid-file=no', '--daemonize=no',
      '-L', 'module-null-sink sink_name=null', '-L', `module-native-protocol-unix socket=${socket} auth-anonymous=1`,
    ], { stdio: 'ignore', env: { ...process.env, XDG_RUNTIME_DIR: directory, HOME: directory } });
    return new SoundServer(child, directory, `unix:${socket}`);
  }

  constructor(child, directory, address) {
    this.child = child;
    this.directory = directory;
    this.address = address;
  }

  async stop() {
    if (this.child.exitCode === null) {
      this.child.kill('SIGTERM');
      await once(this.child, 'exit');
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}
