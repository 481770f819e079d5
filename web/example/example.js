/** A whole client on the Parlor SDK: join, see, hear, be seen and heard, share a screen, leave. */

import { Devices, Room, socketUrl } from "../sdk/index.js";

/** @import { ParlorError } from "../sdk/error.js" */
/** @import { RemotePeer, RemoteTrack } from "../sdk/roster.js" */

const element = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const form = /** @type {HTMLFormElement} */ (element("join"));
const people = element("people");
const devices = new Devices();
/** @type {Room | null} */
let room = null;
/** @type {Awaited<ReturnType<Devices["shareScreen"]>>} */
let share = null;

/** @param {string} sentence */
function say(sentence) {
  element("status").textContent = sentence;
}

// ---- joining ---------------------------------------------------------------------------------

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const fields = new FormData(form);
  form.inert = true; // one join at a time
  join(String(fields.get("room")), String(fields.get("name"))).catch((error) => say(error.message)).finally(() => (form.inert = false));
});

/**
 * @param {string} id
 * @param {string} name
 */
async function join(id, name) {
  // What does not start is no reason to stay out: whoever has no camera can still listen.
  const failures = await devices.startBoth();
  say(Object.values(failures).map((failure) => failure.message).join(" "));

  const joining = new Room({ url: socketUrl(location.href), room: id, name });
  joining.on("peer-joined", show).on("peer-changed", show);
  joining.on("peer-left", ({ peer, reason }) => {
    figures.get(peer.id)?.remove();
    figures.delete(peer.id);
    say(`${peer.name} is gone: ${reason}`);
  });
  joining.on("speakers", (speaking) => {
    for (const [peer, figure] of figures) figure.classList.toggle("speaking", speaking.has(peer));
  });
  joining.on("quality", ({ tracks }) => {
    for (const { track, state } of tracks) people.querySelector(`[data-track="${track}"]`)?.classList.toggle("paused", state === "paused");
  });
  joining.on("stage", (stage) => say(stage === "connected" ? "" : stage));
  joining.on("ended", left);

  // Published before the join, they are there from the first moment.
  for (const use of /** @type {const} */ (["microphone", "camera"])) {
    const track = devices.track(use);
    if (track) await joining.publish(use, track);
    element(use).ariaPressed = String(track !== null);
  }
  await joining.join();
  room = joining;
  form.hidden = true;
  element("call").hidden = false;
}

/** @param {ParlorError} error */
function left(error) {
  room = null;
  stopSharing();
  devices.stop("microphone");
  devices.stop("camera");
  people.replaceChildren();
  figures.clear();
  form.hidden = false;
  element("call").hidden = true;
  say(error.message);
}

element("leave").addEventListener("click", () => room?.leave());
addEventListener("pagehide", () => room?.leave());

// ---- seeing and hearing others ---------------------------------------------------------------

/** @type {Map<string, HTMLElement>} */
const figures = new Map();

/** Draws one person anew; the SDK calls for every change of their name, tracks or media. @param {RemotePeer} peer */
function show(peer) {
  const figure = figures.get(peer.id) ?? document.createElement("figure");
  figures.set(peer.id, figure);
  figure.dataset.peer = peer.id;
  if (!figure.isConnected) {
    figure.append(document.createElement("figcaption"));
    people.append(figure);
  }
  const caption = /** @type {HTMLElement} */ (figure.querySelector("figcaption"));
  caption.textContent = peer.state === "connected" ? peer.name : `${peer.name} (${peer.state})`;
  for (const track of peer.tracks) play(figure, track);
}

/**
 * @param {HTMLElement} figure
 * @param {RemoteTrack} track
 */
function play(figure, track) {
  let player = /** @type {HTMLVideoElement | null} */ (figure.querySelector(`[data-track="${track.id}"]`));
  if (!track.on || !track.media) return player?.remove();
  if (!player) {
    player = /** @type {HTMLVideoElement} */ (document.createElement(track.kind));
    player.dataset.track = track.id;
    player.playsInline = player.autoplay = true;
    figure.append(player);
  }
  const playing = player.srcObject instanceof MediaStream ? player.srcObject.getTracks()[0] : null;
  if (playing !== track.media) player.srcObject = new MediaStream([track.media]);
  player.play().catch(() => say("Click anywhere to turn on the sound."));
}

addEventListener("click", () => {
  for (const player of people.querySelectorAll("audio")) player.play().catch(() => {}); // still blocked: the next click tries again
});

// ---- being seen and heard --------------------------------------------------------------------

for (const use of /** @type {const} */ (["microphone", "camera"])) {
  element(use).onclick = () => toggle(use).catch((error) => say(error.message));
}

/** @param {"microphone" | "camera"} use */
async function toggle(use) {
  const track = room?.published.has(use) ? null : await devices.start(use);
  if (track) await room?.publish(use, track);
  else await room?.unpublish(use);
  if (!track) devices.stop(use);
  element(use).ariaPressed = String(track !== null);
}

const shareButton = /** @type {HTMLButtonElement} */ (element("screen"));
shareButton.addEventListener("click", async () => {
  if (share) return stopSharing();
  shareButton.disabled = true; // the browser is asking already
  share = await devices.shareScreen().catch((error) => (say(error.message), null));
  shareButton.disabled = false;
  if (!room || !share) return stopSharing();
  share.screen.addEventListener("ended", stopSharing);
  await room.publish("screen", share.screen);
  if (share?.sound) await room.publish("screen_audio", share.sound);
});

/** Picture and sound: while one of them lives, the browser says that the screen is shared. */
function stopSharing() {
  share?.screen.stop();
  share?.sound?.stop();
  share = null;
  room?.unpublish("screen");
  room?.unpublish("screen_audio");
}
