/** The Parlor SDK: everything a page needs to meet people in a room. */

export { Devices } from "./devices.js";
export { VIDEO_CODECS } from "./encodings.js";
export { ParlorError } from "./error.js";
export { HeadStart } from "./head-start.js";
export { Room } from "./room.js";
export { Socket } from "./socket.js";

/**
 * The address of the server's WebSocket, for a page that the same server served.
 * @param {string | URL} page  the page's own address
 */
export function socketUrl(page) {
  const url = new URL("/socket/websocket?vsn=2.0.0", page);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
