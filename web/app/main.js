/** The app: from the join page into the room and out again. */

import { Devices, HeadStart, Room, VIDEO_CODECS, socketUrl } from "../sdk/index.js";
import { loadIcons } from "./dom.js";
import { JoinPage } from "./join-page.js";
import { leftPage } from "./left-page.js";
import { Me } from "./me.js";
import { roomOfPath } from "./names.js";
import { memory, tabMemory } from "./preferences.js";
import { RoomPage } from "./room-page.js";
import { Saving } from "./saving.js";

/** @import { ParlorError } from "../sdk/index.js" */

/** The room this tab is in, so that a reload leads back into it. */
const IN_ROOM = "parlor.in_room";

void loadIcons().catch((error) => console.warn("the icons did not come; buttons have names, too", error));

const page = /** @type {HTMLElement} */ (document.getElementById("page"));
const me = new Me(new Devices({ memory }), memory);
const saving = new Saving(memory);
/** What is shown, and how it ends. @type {{ stop(): void } | null} */
let shown = null;
/** @type {Room | null} */
let room = null;
/** What the next join begins with. @type {HeadStart | null} */
let headStart = null;

/** For tests and curious developers. @type {{ room: Room | null }} */
const parlor = { room: null };
Object.assign(globalThis, { parlor });

/**
 * @param {HTMLElement} element
 * @param {{ stop(): void } | null} owner
 */
function show(element, owner) {
  stopShown();
  shown = owner;
  page.replaceChildren(element);
}

function stopShown() {
  shown?.stop();
  headStart?.drop();
  headStart = null;
}

/** @param {{ atOnce?: boolean }} [options]  `atOnce`: without waiting for a click */
async function showJoinPage({ atOnce = false } = {}) {
  const joinPage = new JoinPage(me, saving, {
    room: roomOfPath(location.pathname),
    onJoin: (id, name, signal) => enterRoom(id, name, signal, (waitMs) => joinPage.showWait(waitMs)),
  });
  document.title = "Parlor";
  show(joinPage.element, joinPage);
  joinPage.focus();
  await me.prepare();
  if (atOnce) return joinPage.submit();
  if (!joinPage.isOpen) return;
  headStart = newHeadStart();
  headStart.begin(); // after the devices: a page that may use them may tell all addresses
}

function newHeadStart() {
  return new HeadStart({ url: socketUrl(location.href), codec: codecOfLink() });
}

/** `?codec=av1` in the link: for trying codecs out. */
function codecOfLink() {
  const asked = new URLSearchParams(location.search).get("codec");
  const known = VIDEO_CODECS.find((codec) => codec === asked) ?? null;
  if (asked && !known) console.warn(`?codec=${asked} is not one of ${VIDEO_CODECS.join(", ")}: the server chooses`);
  return known;
}

/**
 * @param {string} id
 * @param {string} name
 * @param {AbortSignal} signal  aborts when the person went elsewhere meanwhile
 * @param {(waitMs: number) => void} onWait  the server is busy, and is asked again after so long
 */
async function enterRoom(id, name, signal, onWait) {
  const joining = new Room({ headStart: headStart ?? newHeadStart(), room: id, name });
  headStart = null;
  joining.on("waiting", ({ waitMs }) => onWait(waitMs), { signal });
  try {
    await me.enter(joining);
    await joining.join({ signal });
  } catch (error) {
    me.leave(joining);
    joining.leave();
    throw error;
  }
  room = parlor.room = joining;
  tabMemory.setItem(IN_ROOM, id);
  joining.on("ended", (error) => showLeftPage(id, error));

  const path = `/r/${id}`;
  if (location.pathname !== path) history.pushState(null, "", path + location.search);
  document.title = `${id} · Parlor`;
  const roomPage = new RoomPage(joining, me, saving, { title: id, link: new URL(path, location.href).href, onLeave: () => joining.leave() });
  show(roomPage.element, roomPage);
  roomPage.focus();
}

/**
 * @param {string} id
 * @param {ParlorError} error
 */
function showLeftPage(id, error) {
  if (room) me.leave(room);
  room = parlor.room = null;
  tabMemory.removeItem(IN_ROOM);
  me.rest();
  document.title = "Parlor";
  const leftElement = leftPage({ title: `Room ${id}`, sentence: error.message, onRejoin: () => void showJoinPage({ atOnce: true }) });
  show(leftElement, null);
  leftElement.querySelector("h1")?.focus();
}

addEventListener("popstate", () => {
  room?.leave();
  void showJoinPage();
});
addEventListener("pagehide", () => {
  const id = tabMemory.getItem(IN_ROOM);
  if (room) room.leave();
  else stopShown(); // and with it a join that is on its way
  if (id) tabMemory.setItem(IN_ROOM, id); // a reload comes back
});
// A page that the browser kept whole and shows again has left its room meanwhile.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

const [navigation] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
const returning = navigation?.type === "reload" && tabMemory.getItem(IN_ROOM) === roomOfPath(location.pathname) && roomOfPath(location.pathname) !== "";
if (!returning) tabMemory.removeItem(IN_ROOM);
void showJoinPage({ atOnce: returning });
