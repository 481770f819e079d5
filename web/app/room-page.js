/** The room: tiles, controls, and what happens in it. */

import { ConnectionPanel } from "./connection-panel.js";
import { ParlorDeviceMenu } from "./device-menu.js";
import { h, icon, iconButton, relabel } from "./dom.js";
import { showSwitch } from "./join-page.js";
import { keepAwake } from "./keep-awake.js";
import { NetworkNews } from "./network.js";
import { Notices, announce } from "./notices.js";
import { Overlays } from "./overlays.js";
import { panel } from "./panel.js";
import { Sound } from "./sound.js";
import { SpeakingMarks } from "./speaking.js";
import { themeButton } from "./theme-button.js";
import { TileMenu } from "./tile-menu.js";
import { Tiles } from "./tiles.js";
import { companyWords, departureWords, lostDeviceWords, pauseWords, stageWords } from "./words.js";

/** @import { Room } from "../sdk/index.js" */
/** @import { ViewedTrack } from "../wire.d.ts" */
/** @import { RemotePeer } from "../sdk/roster.js" */
/** @import { Stage } from "../sdk/next-step.js" */
/** @import { Me } from "./me.js" */
/** @import { Saving } from "./saving.js" */
/** @import { ParlorTile } from "./tile.js" */

export class RoomPage {
  #room;
  #me;
  #saving;
  #link;
  #lifetime = new AbortController();
  #notices = new Notices();
  #news = new NetworkNews((sentence) => this.#notices.say(sentence));
  #sound;
  #tiles;
  #marks;
  #overlays;
  #connection;
  #menu = new TileMenu({ volumeOf: (peer) => this.#sound.volumeOf(peer), setVolume: (peer, volume) => this.#sound.setVolume(peer, volume) });
  /** What is on the screen. @type {readonly ViewedTrack[]} */
  #shown = [];
  /** What the server said of it, while we are out. */
  #refusal = "";

  #title = h("h1", { class: "room-name", tabindex: "-1", "data-testid": "room-name" });
  #count = h("span", { class: "count", "data-testid": "people-count" });
  #banner = h("div", { class: "banner", role: "status", "data-testid": "banner", hidden: true });
  #alone = h("div", { class: "alone", "data-testid": "alone" });
  #unblock = h("button", { type: "button", class: "sound-button", "data-testid": "sound-button", hidden: true, onclick: () => void this.#sound.unblock() },
    icon("sound"), "Turn on sound");
  #microphone = iconButton("mic", "", { class: "round", "data-testid": "mic-toggle", onclick: () => void this.#me.toggle("microphone") });
  #camera = iconButton("camera", "", { class: "round", "data-testid": "camera-toggle", onclick: () => void this.#me.toggle("camera") });
  #screen = iconButton("screen", "", { class: "round", "data-testid": "screen-toggle", onclick: () => void this.#toggleScreen() });

  /**
   * @param {Room} room  joined
   * @param {Me} me
   * @param {Saving} saving
   * @param {{ title: string, link: string, onLeave: () => void }} options
   */
  constructor(room, me, saving, { title, link, onLeave }) {
    this.#room = room;
    this.#me = me;
    this.#saving = saving;
    this.#link = link;
    this.#sound = new Sound(this.#loudspeaker());
    this.#tiles = new Tiles({ view: (tracks) => this.#view(tracks), menu: (tile, button) => this.#menu.open(tile, button) });
    this.#marks = new SpeakingMarks((peers) => this.#tiles.showSpeakers(peers));
    this.#overlays = new Overlays(room, this.#tiles);
    this.#connection = new ConnectionPanel(room, this.#overlays);
    this.#title.append(title);
    this.element = this.#build(onLeave);
    this.#listen();
    this.#showOwn();
    for (const peer of room.peers.values()) this.#showPeer(peer);
    this.#showSpeakers(room.speakers);
    this.#news.heard(room.quality.network);
    room.limitCamera(saving.limitsCamera);
    this.#showCompany();
    this.#showStage(room.stage);
  }

  stop() {
    this.#lifetime.abort();
    this.#news.stop();
    this.#marks.clear();
    this.#overlays.stop();
    this.#connection.stop();
    this.#sound.stop();
    this.#tiles.stop();
  }

  /** Where screen readers should go on reading. */
  focus() {
    this.#title.focus();
  }

  /** @param {() => void} onLeave */
  #build(onLeave) {
    const copy = () => void this.#copyLink();
    this.#alone.append(
      h("p", {}, "Nobody else is here."),
      h("button", { type: "button", class: "primary", onclick: copy }, icon("link"), "Copy the link"));
    this.#screen.hidden = !this.#me.devices.canShareScreen;
    return h("main", { class: "room" },
      h("header", { class: "room-head" },
        h("span", { class: "brand", "aria-hidden": "true" }, "Parlor"),
        this.#title,
        this.#count,
        h("span", { class: "spring" }),
        this.#connection.button,
        h("button", { type: "button", class: "quiet-button labelled", "data-testid": "copy-link", onclick: copy }, icon("link"), h("span", {}, "Copy link")),
        themeButton()),
      this.#banner,
      this.#controls(onLeave), // before the tiles: however many people there are, the keyboard is soon at the microphone
      this.#tiles.element,
      this.#alone,
      this.#unblock,
      this.#notices.element,
      this.#connection.element,
      this.#menu.element,
      this.#sound.element);
  }

  /** @param {() => void} onLeave */
  #controls(onLeave) {
    const menu = new ParlorDeviceMenu();
    menu.attach(this.#me, this.#saving, { onLoudspeaker: (id) => void this.#sound.choose(id) });
    return h("footer", { class: "controls", role: "group", "aria-label": "Call" },
      this.#microphone, this.#camera, this.#screen,
      iconButton("settings", "Settings", { class: "round plain", popovertarget: "device-panel", "data-testid": "devices-button" }),
      iconButton("leave", "Leave", { class: "round leave", "data-testid": "leave", onclick: onLeave }),
      panel({ id: "device-panel", title: "Settings" }, menu));
  }

  #listen() {
    const { signal } = this.#lifetime;
    const room = this.#room;
    room.on("peer-joined", (peer) => {
      this.#showPeer(peer);
      this.#notices.say(`${peer.name} joined`);
      this.#showCompany();
    }, { signal });
    room.on("peer-changed", (peer) => this.#showPeer(peer), { signal });
    room.on("peer-left", ({ peer, reason }) => {
      this.#tiles.remove(peer.id);
      this.#sound.play(room.peers.values());
      this.#notices.say(departureWords(peer.name, reason));
      this.#showCompany();
    }, { signal });
    room.on("speakers", (speakers) => this.#showSpeakers(speakers), { signal });
    room.on("quality", ({ network }) => {
      this.#showNotes();
      this.#connection.show(network);
      this.#news.heard(network);
    }, { signal });
    this.#saving.on("change", () => this.#save(), { signal });
    room.on("stage", (stage) => this.#showStage(stage), { signal });
    room.on("refused", ({ message }) => {
      this.#refusal = message;
      this.#showStage(room.stage);
    }, { signal });
    this.#me.on("change", () => this.#showOwn(), { signal });
    this.#me.on("failure", ({ message }) => this.#notices.say(message), { signal });
    this.#me.devices.on("lost", (lost) => this.#notices.say(lostDeviceWords(lost)), { signal });
    this.#me.devices.on("paused", ({ use, paused }) => this.#notices.say(paused ? `The system paused your ${use}.` : `Your ${use} is back.`), { signal });
    this.#me.devices.on("list", () => void this.#sound.choose(this.#loudspeaker()), { signal });
    this.#sound.on("blocked", (blocked) => this.#showBlocked(blocked), { signal });
    addEventListener("online", () => room.networkChanged(), { signal });
    keepAwake(signal);
  }

  /** @param {RemotePeer} peer */
  #showPeer(peer) {
    const muted = !peer.tracks.some((track) => track.source === "microphone" && track.on);
    const away = peer.state === "reconnecting";
    const common = { name: peer.name, self: false, away };
    const camera = peer.tracks.find((track) => track.source === "camera");
    this.#tiles.show(peer.id, "camera", { ...common, track: camera?.id ?? null, media: camera?.on ? this.#picture(camera.media) : null, muted });
    const others = peer.tracks.filter((track) => track.kind === "video" && track.on && track.source !== "camera");
    for (const { id, source, media } of others) {
      this.#tiles.show(peer.id, source === "screen" ? "screen" : "custom", { ...common, track: id, media: this.#picture(media), muted: false });
    }
    this.#tiles.keep(peer.id, others.map(({ id, source }) => ({ source, track: id })));
    this.#sound.play(this.#room.peers.values());
    this.#showNotes();
  }

  /** @param {MediaStreamTrack | null} media */
  #picture(media) {
    return this.#saving.showsPictures ? media : null;
  }

  #showNotes() {
    for (const tile of this.#tiles.all()) tile.note = this.#noteFor(tile);
  }

  /** Why a tile shows no picture. @param {ParlorTile} tile */
  #noteFor({ dataset: { peer = "", track } }) {
    const whose = this.#room.peers.get(peer);
    if (!whose) return ""; // our own
    if (!this.#saving.showsPictures) return whose.tracks.some(({ id, on }) => id === track && on) ? "Audio only: this picture is not shown" : "";
    const quality = this.#room.quality.tracks.find((one) => one.track === track);
    return quality?.state === "paused" ? pauseWords(quality.reason, whose.name) : "";
  }

  /** @param {readonly ViewedTrack[]} shown */
  #view(shown) {
    this.#shown = shown;
    this.#room.view(this.#saving.ask(shown));
  }

  /** The person has chosen how much data pictures may cost. */
  #save() {
    this.#room.limitCamera(this.#saving.limitsCamera);
    this.#view(this.#shown);
    for (const peer of this.#room.peers.values()) this.#showPeer(peer);
  }

  #showOwn() {
    const me = this.#me;
    const common = { name: this.#room.name, self: true, away: false, track: null };
    const camera = me.isOn("camera") ? me.devices.track("camera") : null;
    this.#tiles.show("me", "camera", { ...common, media: camera, muted: !me.isOn("microphone") });
    if (me.screen) this.#tiles.show("me", "screen", { ...common, media: me.screen, muted: false });
    else this.#tiles.keep("me", []);
    showSwitch(this.#microphone, "mic", "microphone", me.isOn("microphone"));
    showSwitch(this.#camera, "camera", "camera", me.isOn("camera"));
    relabel(this.#screen, me.screen ? "screen-off" : "screen", me.screen ? "Stop sharing" : "Share your screen");
    this.#screen.classList.toggle("active", me.screen !== null);
    this.#screen.dataset.on = String(me.screen !== null);
  }

  /** @param {ReadonlySet<string>} speakers */
  #showSpeakers(speakers) {
    const own = this.#room.peer;
    this.#marks.heard(new Set([...speakers].map((id) => (id === own ? "me" : id))));
  }

  /** The chosen one if it is plugged in, else the system's default. */
  #loudspeaker() {
    const id = this.#me.devices.chosen("loudspeaker");
    return this.#me.devices.list("loudspeaker").some((device) => device.id === id) ? id : "";
  }

  #showCompany() {
    const others = this.#room.peers.size;
    this.#count.textContent = companyWords(others);
    this.#alone.hidden = others > 0;
  }

  /** @param {boolean} blocked */
  #showBlocked(blocked) {
    const used = document.activeElement === this.#unblock;
    this.#unblock.hidden = !blocked;
    if (used && !blocked) this.focus(); // not nowhere
  }

  /** @param {Stage} stage */
  #showStage(stage) {
    const words = stage === "rejoining" && this.#refusal ? `${this.#refusal} Trying again…` : stageWords(stage);
    if (stage === "connected") this.#refusal = "";
    const had = !this.#banner.hidden;
    this.#banner.textContent = words;
    this.#banner.dataset.stage = stage;
    this.#banner.hidden = words === "";
    if (stage === "rejoining" || stage === "unreachable") this.#marks.clear(); // nobody is heard any more
    if (had && stage === "connected") announce("Connected");
  }

  async #toggleScreen() {
    try {
      await (this.#me.screen ? this.#me.stopSharing() : this.#me.shareScreen());
    } catch (error) {
      this.#notices.say(error instanceof Error ? error.message : String(error));
    }
  }

  async #copyLink() {
    try {
      await navigator.clipboard.writeText(this.#link);
      this.#notices.say("Link copied");
    } catch {
      prompt("The link of this room:", this.#link); // insecure pages have no clipboard
    }
  }
}
