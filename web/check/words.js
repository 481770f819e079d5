/** What the test says to people: what each part is, what its failure means, what to do, and the report. */

/** @import { Subject } from "./check.js" */
/** @import { Outcome, Result } from "./trial.js" */
/** @import { Way } from "./ways.js" */

/** @type {Record<Subject, string>} */
export const NAMES = {
  websocket: "WebSocket",
  udp: "UDP",
  tcp: "TCP",
  "turn-udp": "TURN over UDP",
  "turn-tcp": "TURN over TCP",
  "turn-tls": "TURN over TLS",
  microphone: "Microphone",
  camera: "Camera",
};

/** @type {Record<Subject, string>} */
export const MEANINGS = {
  websocket: "carries who is there and who talks",
  udp: "the best way for sound and picture",
  tcp: "where a network lets no UDP through",
  "turn-udp": "through the server’s relay",
  "turn-tcp": "through the relay, for browsers that need it",
  "turn-tls": "looks like any https page, for the strictest networks",
  microphone: "so that others hear you",
  camera: "so that others see you",
};

/** @type {Record<Outcome | "testing", string>} */
const OUTCOMES = { testing: "Testing…", works: "Works", fails: "Fails", absent: "Not there", untested: "Not tested" };

/** @type {readonly Way[]} */
const RELAYS = ["turn-udp", "turn-tcp", "turn-tls"];

/**
 * The state of one part in a few words.
 * @param {Result | undefined} result  none while it is being tested
 */
export function outcomeWords(result) {
  if (!result) return OUTCOMES.testing;
  const { outcome, ms, roundTripMs } = result;
  const details = [];
  if (ms !== undefined) details.push(`after ${ms} ms`);
  if (typeof roundTripMs === "number") details.push(`round trip ${roundTripMs} ms`);
  return details.length > 0 ? `${OUTCOMES[outcome]} ${details.join(", ")}` : OUTCOMES[outcome];
}

/** Why nobody tries the encrypted relay of a server that has signed its certificate itself. */
export const OWN_CERTIFICATE =
  "This server’s own certificate is not trusted for TURN: browsers take it for a page when its reader goes on all the same, and for a relay never. That says nothing of this network. A certificate of an authority is needed: whoever runs the server can get one (--acme-domain).";

/** What to do about each part when it does not work. @type {Record<Subject, { fails: string, absent: string }>} */
const ADVICE = {
  websocket: {
    fails: "The page came, and the WebSocket beside it does not: a proxy or a filter between here and the server does not pass it on. Try another network, or ask who runs the proxy to let WebSockets (Upgrade) through.",
    absent: "",
  },
  udp: {
    fails: "Datagrams do not arrive: a firewall here lets no UDP out, or UDP to the server’s port is not open there. Calls work all the same if another way below does, with more delay where packets are lost.",
    absent: "The server announces no address that is reached by UDP: whoever runs it can say one (public_ip).",
  },
  tcp: {
    fails: "The TCP port does not take media from here: a filter here lets only web pages through, or a proxy stands before the server. It matters only where UDP fails.",
    absent: "The server announces no TCP address: behind a proxy it has none. It matters only where UDP fails.",
  },
  "turn-udp": {
    fails: "The relay is not reached by UDP. Where UDP works directly, this does no harm: some browsers (Firefox) use no relay on their own machine.",
    absent: "This server offers no relay over UDP.",
  },
  "turn-tcp": {
    fails: "The relay is not reached by TCP. It matters only where UDP fails.",
    absent: "This server offers no relay over TCP.",
  },
  "turn-tls": {
    fails: "The relay is not reached by TLS: a filter here opens encrypted connections to look inside, or this browser does not trust the server’s certificate. It matters only where the ways above fail.",
    absent: "This server has no certificate, so there is no encrypted relay: fine at home or behind a proxy, missed in offices that let nothing but https through.",
  },
  microphone: {
    fails: "Allow the microphone for this page in the browser’s address bar, close other programs that use it, and test again.",
    absent: "No microphone was found. Plug one in, or just listen.",
  },
  camera: {
    fails: "Allow the camera for this page in the browser’s address bar, close other programs that use it, and test again.",
    absent: "No camera was found. Plug one in, or join with sound alone.",
  },
};

/**
 * What a result means and what to do about it; empty when there is nothing to do.
 * @param {Subject} subject
 * @param {Result | undefined} result
 */
export function advice(subject, result) {
  if (result?.outcome === "untested") return result.reason ?? "";
  if (result?.outcome !== "fails" && result?.outcome !== "absent") return "";
  const reason = result.outcome === "fails" && result.reason ? `${result.reason} ` : "";
  // A browser that refuses devices says what to do about it.
  if (reason && (subject === "microphone" || subject === "camera")) return reason.trim();
  return reason + ADVICE[subject][result.outcome];
}

/**
 * What it all comes to, in a sentence or two.
 * @param {ReadonlyMap<Subject, Result>} findings  of the network's at least
 */
export function verdict(findings) {
  const works = (/** @type {Subject} */ subject) => findings.get(subject)?.outcome === "works";
  if (!works("websocket")) return "Calls do not work from here: this browser and the server cannot talk to each other.";
  const lacks = (/** @type {Subject} */ subject) => findings.has(subject) && !works(subject);
  const devices = /** @type {const} */ (["microphone", "camera"]).filter(lacks);
  const missing = devices.length > 0 ? ` The ${devices.join(" and the ")} cannot be used now.` : "";
  if (works("udp")) return `Calls work from here, by the best way there is.${missing}`;
  if (works("tcp")) return `Calls work from here by TCP, not as smoothly as by UDP.${missing}`;
  const relay = RELAYS.find(works);
  if (relay) return `Calls work from here by ${NAMES[relay]}, with more delay than on a direct way.${missing}`;
  const ways = /** @type {const} */ (["udp", "tcp", ...RELAYS]).map((way) => findings.get(way)?.outcome);
  if (!ways.includes("fails")) return "The server did not let us try: see the reasons below, and test again later.";
  const announced = [...new Set(findings.get("udp")?.places?.map(({ address }) => address))].join(" and ");
  const mistaken = announced ? ` Either this network lets nothing through, or ${announced}, which the server announces, is not where it is.` : "";
  return `Calls do not work from here: sound and picture find no way to the server.${mistaken} Send the report to whoever runs it.`;
}

/**
 * Everything as text, for whoever runs the server. No secrets: neither credentials nor addresses or names of anything of the reader’s own.
 * @param {ReadonlyMap<Subject, Result>} findings
 * @param {{ page: string, browser: string, time: Date, secure: boolean }} circumstances
 */
export function report(findings, { page, browser, time, secure }) {
  const lines = [
    "Parlor connection test",
    `time: ${time.toISOString()}`,
    `page: ${page}${secure ? "" : " (not secure: browsers give it no camera and microphone)"}`,
    `browser: ${browser}`,
  ];
  for (const subject of /** @type {Subject[]} */ (Object.keys(NAMES))) {
    const result = findings.get(subject);
    if (!result) continue;
    const places = result.places?.map(({ address, port }) => (address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`)) ?? [];
    const details = [result.reason, places.length > 0 ? `server at ${places.join(", ")}` : ""].filter(Boolean).join(" ");
    lines.push(`${NAMES[subject]}: ${outcomeWords(result)}${details ? ` (${details})` : ""}`);
  }
  const isDone = findings.size === Object.keys(NAMES).length;
  lines.push(isDone ? verdict(findings) : "The test was still running.");
  return `${lines.join("\n")}\n`;
}
